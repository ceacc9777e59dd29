using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Latchkey.Protocol.Jose;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Bench;

/// <summary>
/// What a guarded request costs an API: Latchkey's guard, the stock JwtBearer and no guard at all, each in a process of its own, in turns within one run.
/// </summary>
internal sealed class GuardCosts : IAsyncDisposable
{
    private const string Resource = "https://api.example.com";
    private const int Connections = 16;
    private const int WarmUp = 8_000;
    private const int Requests = 6_000;
    private const int Rounds = 7;

    private readonly Dictionary<string, JwsSigner> _keys = new()
    {
        ["RS256"] = JwsSigner.Open("RS256", "rs", JwsSigner.Generate("RS256")),
        ["ES256"] = JwsSigner.Open("ES256", "es", JwsSigner.Generate("ES256")),
    };

    private WebApplication? _issuer;

    /// <summary>Runs it all.</summary>
    /// <param name="program">The program with the guarded endpoint.</param>
    /// <returns>The report.</returns>
    public async Task<string> MeasureAsync(string program)
    {
        var issuer = await StartIssuerAsync();
        var report = new StringBuilder();
        report.AppendLine("# What a guarded request costs").AppendLine()
            .AppendLine($"{TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {Environment.ProcessorCount} processors, JIT. A minimal endpoint on Kestrel in a process of its own behind `AddLatchkeyResourceServer`, behind")
            .AppendLine($"`AddJwtBearer` (Authority and Audience, as documented) and behind nothing; {Connections} connections, median of {Rounds} rounds of {Requests} requests each, in turns, after {WarmUp}.")
            .AppendLine("Load of the machine from elsewhere moves these figures: compare within one run. \"Over none\" is what is left without the bare request.").AppendLine()
            .AppendLine("| Tokens | Guard | CPU µs a request | Bytes a request | CPU: ratio | Bytes: ratio | CPU over none: ratio |").AppendLine("|---|---|---:|---:|---:|---:|---:|");
        var apis = new List<Api>();
        try
        {
            foreach (var guard in new[] { "none", "jwtbearer", "latchkey" }) apis.Add(await Api.StartAsync(program, guard, issuer, Resource));
            foreach (var algorithm in _keys.Keys)
            {
                foreach (var fresh in new[] { true, false }) await CompareAsync(apis, algorithm, fresh, report);
            }
        }
        finally
        {
            foreach (var api in apis) api.Dispose();
        }

        return report.ToString();
    }

    public async ValueTask DisposeAsync()
    {
        if (_issuer is not null) await _issuer.DisposeAsync();
        foreach (var signer in _keys.Values) signer.Dispose();
    }

    private async Task CompareAsync(List<Api> apis, string algorithm, bool fresh, StringBuilder report)
    {
        var costs = apis.ToDictionary(api => api, _ => new List<(double Cpu, double Bytes)>());
        foreach (var api in apis) await RunAsync(api, algorithm, fresh, WarmUp);
        for (var round = 0; round < Rounds; round++)
        {
            // Each begins as often as the others.
            for (var i = 0; i < apis.Count; i++)
            {
                var api = apis[(round + i) % apis.Count];
                costs[api].Add(await RunAsync(api, algorithm, fresh, Requests));
            }
        }

        var name = $"{(fresh ? "fresh" : "repeated")}, {algorithm}";
        var medians = apis.Select(api => (api.Guard, Cpu: Median(costs[api].Select(cost => cost.Cpu)), Bytes: Median(costs[api].Select(cost => cost.Bytes)))).ToList();
        var (none, stock) = (medians[0], medians[1]);
        foreach (var (guard, cpu, bytes) in medians)
        {
            var ratios = guard == "latchkey" ? $"{cpu / stock.Cpu:F2} | {bytes / stock.Bytes:F2} | {(cpu - none.Cpu) / (stock.Cpu - none.Cpu):F2}" : "| |";
            report.AppendLine($"| {name} | {guard} | {cpu:F1} | {bytes:F0} | {ratios} |");
        }

        await Console.Error.WriteLineAsync($"{name}: done");
    }

    private async Task<(double Cpu, double Bytes)> RunAsync(Api api, string algorithm, bool fresh, int count)
    {
        // Made beforehand, while nothing is measured.
        var tokens = new string[fresh ? count : 50];
        Parallel.For(0, tokens.Length, i => tokens[i] = Token(_keys[algorithm]));
        if (!fresh) await api.SendAsync(tokens, tokens.Length, Connections);
        var (cpu, bytes) = await api.CostAsync();
        await api.SendAsync(tokens, count, Connections);
        var after = await api.CostAsync();
        return ((after.Cpu - cpu) / count, (after.Bytes - bytes) / count);
    }

    private string Token(JwsSigner signer) => JwtWriter.Write(signer, "at+jwt", _issuer!.Urls.First(), static (json, issuer) =>
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        json.WriteString("iss", issuer);
        json.WriteString("sub", "user-0123456789abcdef");
        json.WriteString("aud", Resource);
        json.WriteString("client_id", "web");
        json.WriteString("scope", "api:read api:write");
        json.WriteNumber("iat", now);
        json.WriteNumber("exp", now + 3600);
        json.WriteNumber("auth_time", now - 60);
        json.WriteString("acr", "urn:latchkey:acr:password");
        json.WriteString("sid", "session-0123456789abcdef");
        json.WriteString("jti", System.Security.Cryptography.RandomNumberGenerator.GetHexString(32));
    });

    /// <summary>An issuer that publishes metadata and keys, and no more: the tokens are made here.</summary>
    private async Task<string> StartIssuerAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{Api.FreePort()}");
        _issuer = builder.Build();
        var keys = JsonWebKeySet();
        _issuer.MapGet("/.well-known/openid-configuration", () =>
        {
            var issuer = _issuer.Urls.First();
            return Results.Text($$"""{"issuer":"{{issuer}}","jwks_uri":"{{issuer}}/jwks","authorization_endpoint":"{{issuer}}/authorize","token_endpoint":"{{issuer}}/token","response_types_supported":["code"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"]}""", "application/json");
        });
        _issuer.MapGet("/jwks", () => Results.Text(keys, "application/json"));
        await _issuer.StartAsync();
        return _issuer.Urls.First();
    }

    private string JsonWebKeySet() => Encoding.UTF8.GetString(JsonWebKeyWriter.Set(_keys.Values.Select(key => key.PublicKey)));

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    private sealed class Api : IDisposable
    {
        private readonly Process _process;
        private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = Connections, UseCookies = false });
        private readonly Uri _url;

        private Api(Process process, string guard, string url) => (_process, Guard, _url) = (process, guard, new Uri(url));

        public string Guard { get; }

        public static async Task<Api> StartAsync(string program, string guard, string issuer, string resource)
        {
            var url = $"http://127.0.0.1:{FreePort()}";
            var api = new Api(Process.Start(new ProcessStartInfo(program, [guard, issuer, resource, url]))!, guard, url);
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed < TimeSpan.FromSeconds(30) && !api._process.HasExited)
            {
                try
                {
                    await api.CostAsync();
                    return api;
                }
                catch (HttpRequestException)
                {
                    // It does not listen yet.
                    await Task.Delay(20);
                }
            }

            api.Dispose();
            throw new InvalidOperationException($"{guard} did not start.");
        }

        /// <summary>What the process has used so far: microseconds of user and system time, and bytes allocated.</summary>
        public async Task<(double Cpu, double Bytes)> CostAsync()
        {
            var cost = (await _http.GetStringAsync(new Uri(_url, "/cost"))).Split(' ');
            return (double.Parse(cost[0], CultureInfo.InvariantCulture), double.Parse(cost[1], CultureInfo.InvariantCulture));
        }

        /// <summary>Sends so many requests, over the tokens in turn; each connection sends its next when the last is answered.</summary>
        public async Task SendAsync(string[] tokens, int count, int connections)
        {
            var next = -1;
            await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
            {
                for (var i = Interlocked.Increment(ref next); i < count; i = Interlocked.Increment(ref next))
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, _url);
                    request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + tokens[i % tokens.Length]);
                    using var response = await _http.SendAsync(request);
                    if (response.StatusCode != HttpStatusCode.OK) throw new InvalidOperationException($"{Guard} answered {(int)response.StatusCode}: {response.Headers.WwwAuthenticate}");
                }
            }));
        }

        public void Dispose()
        {
            if (!_process.HasExited) _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
            _http.Dispose();
        }

        public static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }
}
