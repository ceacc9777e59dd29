using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Latchkey.Bench;

/// <summary>A server that can be measured, as <c>subjects.json</c> describes it.</summary>
internal sealed record SubjectSpec
{
    /// <summary>As <c>latchkey native sqlite es256</c>: what it is, how it runs, where it stores, how it signs.</summary>
    public required string Name { get; init; }

    /// <summary>The command, with <c>{PORT}</c>, <c>{DATA}</c>, <c>{WORK}</c>, <c>{BENCH}</c>, <c>{POSTGRES}</c> and <c>{DATABASE}</c> filled in.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether it stores in PostgreSQL, whose processor time is then counted beside its own.</summary>
    public bool Postgres { get; init; }

    /// <summary>What it can do; everything that is not the floor's if absent.</summary>
    public IReadOnlyList<string>? Works { get; init; }

    /// <summary>What it can't do, of what all others do; nothing if absent.</summary>
    public IReadOnlyList<string> Lacks { get; init; } = [];

    /// <summary>Who introspects which token: <c>opaque</c> for a server that can't introspect its JWTs.</summary>
    public string? Introspects { get; init; }
}

/// <summary>A server as a process of its own, on a free port of loopback.</summary>
internal sealed class Subject : IDisposable
{
    private const int FirstPort = 20_000;
    private static int _nextPort = FirstPort + Environment.ProcessId % 900 * 10;

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Dictionary<string, string> _endpoints = [];

    private Subject(SubjectSpec spec, string data, int port, Process process, StreamWriter log) =>
        (Spec, Data, Port, _process, _log) = (spec, data, port, process, log);

    public SubjectSpec Spec { get; }

    public string Name => Spec.Name;

    /// <summary>Its folder.</summary>
    public string Data { get; }

    public int Port { get; }

    public string Issuer => $"http://127.0.0.1:{Port}";

    /// <summary>The server's processes.</summary>
    public ProcessTree Processes => new(_process.Id);

    /// <summary>From the start of the process to the first 200 of discovery.</summary>
    public TimeSpan ReadyAfter { get; private set; }

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="spec">Which.</param>
    /// <param name="fresh">Whether it begins without data.</param>
    /// <param name="suffix">Set where one subject runs several times.</param>
    public static async Task<Subject> StartAsync(SubjectSpec spec, bool fresh = true, string suffix = "")
    {
        var key = spec.Name.Replace(' ', '-') + suffix;
        var data = Path.Combine(Settings.Data, key);
        var database = key.Replace('-', '_');
        if (fresh)
        {
            if (Directory.Exists(data)) Directory.Delete(data, recursive: true);
            if (spec.Postgres) await Postgres.RecreateAsync(database);
        }

        Directory.CreateDirectory(data);
        var port = FreePort();
        string Fill(string text) => text.Replace("{PORT}", $"{port}").Replace("{DATA}", data).Replace("{WORK}", Settings.Work)
            .Replace("{BENCH}", Settings.Bench).Replace("{POSTGRES}", Settings.PostgresUrl).Replace("{DATABASE}", database);

        var start = new ProcessStartInfo(Fill(spec.Command[0])) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = data };
        foreach (var argument in spec.Command.Skip(1)) start.ArgumentList.Add(Fill(argument));
        // The driver's own sockets are tuned; a server runs as it comes.
        start.Environment.Remove("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS");
        (start.Environment["PORT"], start.Environment["DATA"], start.Environment["NODE_ENV"]) = ($"{port}", data, "production");
        foreach (var (name, value) in spec.Environment) start.Environment[name] = Fill(value);

        var log = new StreamWriter(Path.Combine(data, "server.log"), append: true) { AutoFlush = true };
        var began = Stopwatch.GetTimestamp();
        var process = Process.Start(start)!;
        void Log(object sender, DataReceivedEventArgs line)
        {
            if (line.Data is null) return;
            lock (log)
            {
                if (log.BaseStream is { CanWrite: true }) log.WriteLine(line.Data);
            }
        }

        process.OutputDataReceived += Log;
        process.ErrorDataReceived += Log;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var subject = new Subject(spec, data, port, process, log);
        try
        {
            await subject.WaitAsync(began);
            return subject;
        }
        catch
        {
            subject.Dispose();
            throw;
        }
    }

    /// <summary>The path of an endpoint, from discovery.</summary>
    public string Endpoint(string member) => _endpoints[member];

    public void Dispose()
    {
        foreach (var id in Processes.Ids.Skip(1)) End(id);
        if (!_process.HasExited) _process.Kill();
        // With a limit it does not wait for the end of what the process wrote: that is read by the very thread that may be here.
        _process.WaitForExit(60_000);
        _process.Dispose();
        lock (_log) _log.Dispose();
    }

    private static void End(int id)
    {
        try
        {
            using var child = Process.GetProcessById(id);
            child.Kill();
        }
        catch (ArgumentException)
        {
            // It is gone already.
        }
    }

    private async Task WaitAsync(long began)
    {
        var request = Requests.Get(this, "/.well-known/openid-configuration");
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(60))
        {
            if (_process.HasExited) throw new InvalidOperationException($"{Name} ended with {_process.ExitCode}; see {Data}/server.log.");
            try
            {
                using var connection = new Connection(Port);
                if (await connection.SendAsync(request) == 200)
                {
                    ReadyAfter = Stopwatch.GetElapsedTime(began);
                    using var document = JsonDocument.Parse(connection.Body.ToArray());
                    foreach (var member in document.RootElement.EnumerateObject())
                    {
                        if (member.Value.ValueKind == JsonValueKind.String && Uri.TryCreate(member.Value.GetString(), UriKind.Absolute, out var url))
                            _endpoints[member.Name] = url.PathAndQuery;
                    }

                    return;
                }
            }
            catch (SocketException)
            {
                // It does not listen yet.
            }

            await Task.Delay(2);
        }

        throw new InvalidOperationException($"{Name} was not ready within a minute; see {Data}/server.log.");
    }

    // Below the ephemeral ports: connections that end there must not take a server's place.
    private static int FreePort()
    {
        while (true)
        {
            var port = _nextPort++;
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }
    }
}

/// <summary>Where things lie, as <c>bench.sh</c> says.</summary>
internal static class Settings
{
    /// <summary>The folder <c>bench</c>.</summary>
    public static string Bench { get; } = Environment.GetEnvironmentVariable("LATCHKEY_BENCH") ?? Path.GetFullPath("bench");

    /// <summary>What was built to be measured.</summary>
    public static string Work { get; } = Environment.GetEnvironmentVariable("LATCHKEY_BENCH_WORK") ?? Path.GetFullPath("artifacts/bench");

    /// <summary>The servers' data.</summary>
    public static string Data { get; } = Path.Combine(Path.GetTempPath(), "latchkey-bench");

    /// <summary>A PostgreSQL server's URL without a database; empty if there is none.</summary>
    public static string PostgresUrl { get; } = Environment.GetEnvironmentVariable("LATCHKEY_BENCH_POSTGRES") ?? "";
}
