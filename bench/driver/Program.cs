// Measures what a request costs the server: CPU time of its process, from /proc, while a bounded number of requests runs over 32 connections.
//   latchkey-bench PROGRAM STATE RESULT.md [NAME…]
//   latchkey-bench guard PROGRAM RESULT.md
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Latchkey.Bench;

const int Connections = 32;
const int WarmUp = 4_000;
const int Requests = 10_000;
const int Rounds = 3;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args[0] == "guard")
{
    await using var guard = new GuardCosts();
    var costs = await guard.MeasureAsync(args[1]);
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(args[2]))!);
    await File.WriteAllTextAsync(args[2], costs);
    Console.WriteLine(costs);
    return 0;
}

var (program, state, result, names) = (args[0], args[1], args[2], args[3..]);
var data = Directory.CreateTempSubdirectory("latchkey-bench").FullName;
var report = new StringBuilder();
try
{
    report.AppendLine("# What a request costs").AppendLine()
        .AppendLine($"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {Environment.ProcessorCount} processors, {(IsNative(program) ? "Native AOT" : "JIT")}, SQLite with `synchronous=FULL`, {Connections} connections,")
        .AppendLine($"median of {Rounds} rounds of {Requests} requests after {WarmUp}. Load of the machine from elsewhere moves these figures: compare within one run.").AppendLine();
    if (Wanted("startup")) await StartUpAsync();
    await CostsAsync();
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(result))!);
    await File.WriteAllTextAsync(result, report.ToString());
    Console.WriteLine(report);
    return 0;
}
finally
{
    Directory.Delete(data, recursive: true);
}

async Task StartUpAsync()
{
    using (var first = await ServerProcess.StartAsync(program, data, state)) report.AppendLine($"First start, with keys to make: {first.ReadyAfter:F0} ms.").AppendLine();
    var starts = new List<(double Ready, double Memory)>();
    for (var i = 0; i < 5; i++)
    {
        using var server = await ServerProcess.StartAsync(program, data, state);
        await Task.Delay(TimeSpan.FromSeconds(1.5));
        starts.Add((server.ReadyAfter, server.ResidentMemory));
    }

    report.AppendLine("| Start to ready, ms | Idle memory, MiB |").AppendLine("|---:|---:|")
        .AppendLine($"| {Median(starts.Select(start => start.Ready)):F0} | {Median(starts.Select(start => start.Memory)):F0} |").AppendLine();
}

async Task CostsAsync()
{
    using var server = await ServerProcess.StartAsync(program, data, state);
    using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Connections });
    report.AppendLine("| Request | CPU µs each | Requests/s | p50 ms | p99 ms |").AppendLine("|---|---:|---:|---:|---:|");
    foreach (var algorithm in new[] { "rs256", "es256" })
    {
        if (Wanted("client_credentials"))
            await MeasureAsync(server, $"client_credentials, {algorithm.ToUpperInvariant()}", _ => Apps.ClientCredentialsAsync(http, server.Issuer, algorithm));
        if (Wanted("refresh"))
        {
            var chains = await Apps.SignInAsync(server.Issuer, $"bench-{algorithm}", $"openid {algorithm}", Connections);
            await MeasureAsync(server, $"refresh with ID token, {algorithm.ToUpperInvariant()}",
                async chain => chains[chain] = await Apps.RefreshAsync(http, server.Issuer, $"bench-{algorithm}", chains[chain]));
        }
    }

    report.AppendLine().AppendLine($"Memory at the end: {server.ResidentMemory:F0} MiB.");
}

async Task MeasureAsync(ServerProcess server, string name, Func<int, Task> request)
{
    await RunAsync(request, WarmUp);
    var rounds = new List<(double Cpu, double Rate, double P50, double P99)>();
    for (var round = 0; round < Rounds; round++)
    {
        var (cpu, clock) = (server.Cpu, Stopwatch.StartNew());
        var latencies = await RunAsync(request, Requests);
        rounds.Add(((server.Cpu - cpu) / Requests, Requests / clock.Elapsed.TotalSeconds, latencies[Requests / 2], latencies[Requests * 99 / 100]));
    }

    report.AppendLine($"| {name} | {Median(rounds.Select(r => r.Cpu)):F0} | {Median(rounds.Select(r => r.Rate)):F0} | "
        + $"{Median(rounds.Select(r => r.P50)):F2} | {Median(rounds.Select(r => r.P99)):F2} |");
    Console.Error.WriteLine($"{name}: done");
}

// Closed loop: each connection sends its next request when the last one is answered. Gives the latencies in ms, sorted.
static async Task<double[]> RunAsync(Func<int, Task> request, int count)
{
    var latencies = new double[count];
    var next = -1;
    await Task.WhenAll(Enumerable.Range(0, Connections).Select(async connection =>
    {
        for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
        {
            var begun = Stopwatch.GetTimestamp();
            await request(connection);
            latencies[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
    }));
    Array.Sort(latencies);
    return latencies;
}

bool Wanted(string name) => names.Length == 0 || names.Contains(name);

// SQLite's library lies beside the program only where it is not linked in.
static bool IsNative(string program) => !File.Exists(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(program))!, "libe_sqlite3.so"));

static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
