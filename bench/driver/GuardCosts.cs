using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Bench;

/// <summary>
/// What a guarded request costs an API: Latchkey's guard, with bearer tokens and with DPoP-bound ones, the stock JwtBearer and no guard at all, each in a
/// process of its own, in turns within one run.
/// </summary>
internal sealed class GuardCosts : IAsyncDisposable
{
    private const string Resource = "https://api.example.com";

    /// <summary>How many tokens, of as many clients, come again and again.</summary>
    private const int Clients = 50;

    private const int Connections = 16;
    private const int Rounds = 7;

    /// <summary>How many requests go out in one piece where they are sent together.</summary>
    private const int Together = 16;

    // The environment can make a run small, to see whether it works.
    private static readonly int Requests = int.Parse(Environment.GetEnvironmentVariable("LATCHKEY_BENCH_GUARD_REQUESTS") ?? "6000", CultureInfo.InvariantCulture);
    private static readonly int WarmUp = Requests * 4 / 3;

    private readonly Dictionary<string, JwsSigner> _keys = new()
    {
        ["RS256"] = JwsSigner.Open("RS256", "rs", JwsSigner.Generate("RS256")),
        ["ES256"] = JwsSigner.Open("ES256", "es", JwsSigner.Generate("ES256")),
    };

    private readonly DPoPKey[] _proofKeys = [.. Enumerable.Range(0, Clients).Select(_ => DPoPKey.Generate())];

    private WebApplication? _issuer;

    /// <summary>Runs it all.</summary>
    /// <param name="program">The program with the guarded endpoint.</param>
    /// <returns>The report.</returns>
    public async Task<string> MeasureAsync(string program)
    {
        var issuer = await StartIssuerAsync();
        var guards = new StringBuilder();
        var bindings = new StringBuilder();
        var apis = new List<Api>();
        try
        {
            foreach (var guard in new[] { "none", "jwtbearer", "latchkey", "latchkey" }) apis.Add(await Api.StartAsync(program, guard, issuer, Resource));
            // Proofs are remembered: the API that takes them has a process of its own, so that the bearer twin does not bear their weight.
            var bearers = apis[..3].ConvertAll(api => new Contender(api.Guard, api, IsBound: false));
            foreach (var algorithm in _keys.Keys)
            {
                foreach (var fresh in new[] { true, false })
                {
                    var bound = algorithm == "ES256" ? new Contender("latchkey, DPoP", apis[3], IsBound: true) : null;
                    await CompareAsync(bound is null ? bearers : [.. bearers, bound], new Load(algorithm, fresh, AtOnce: 1), guards, bindings);
                    await CompareAsync(bearers, new Load(algorithm, fresh, Together), guards, bindings);
                }
            }
        }
        finally
        {
            foreach (var api in apis) api.Dispose();
        }

        return $"""
            # What a guarded request costs

            {TimeProvider.System.GetUtcNow():yyyy-MM-dd}, {Environment.ProcessorCount} processors, JIT. A minimal endpoint on Kestrel in a process of its own behind `AddLatchkeyResourceServer`, behind
            `AddJwtBearer` (Authority and Audience, as documented) and behind nothing; {Connections} connections, median of {Rounds} rounds of {Requests} requests each, in turns, after {WarmUp}.
            Load of the machine from elsewhere moves these figures: compare within one run.

            A request costs what Kestrel needs for it, whoever guards it, and what its guard adds. "Whole" is both. "Above bare" is the guard's own part: the whole
            less the median of the same endpoint unguarded, which is the row "none". Ratios are Latchkey's figure by JwtBearer's.

            One by one, each connection sends its next request when the last is answered, and most of the bare request is the system's work of passing it on.
            "{Together} at once" are sent in one piece (HTTP/1.1 pipelining), so that they share that work: the nearest to what the guards cost on the processor alone.

            | Tokens | Guard | CPU µs, whole | CPU µs, above bare | Ratio, whole | Ratio, above bare | Bytes, whole | Bytes, above bare | Ratio, whole | Ratio, above bare |
            |---|---|---:|---:|---:|---:|---:|---:|---:|---:|
            {guards}
            ## What DPoP adds

            The same endpoint and guard, in the same turns. Each request has a token that is bound to one of {Clients} clients' keys, and a proof of its own: ES256, no
            nonce, remembered in memory. "Added" is what it costs above its bearer twin.

            | Tokens, ES256 | Sent as | CPU µs, whole | CPU µs, above bare | CPU µs, added | Bytes, whole | Bytes, added |
            |---|---|---:|---:|---:|---:|---:|
            {bindings}
            """;
    }

    public async ValueTask DisposeAsync()
    {
        if (_issuer is not null) await _issuer.DisposeAsync();
        foreach (var signer in _keys.Values) signer.Dispose();
        foreach (var key in _proofKeys) key.Dispose();
    }

    private async Task CompareAsync(List<Contender> contenders, Load load, StringBuilder guards, StringBuilder bindings)
    {
        var costs = contenders.ConvertAll(_ => new List<(double Cpu, double Bytes)>());
        foreach (var contender in contenders) await RunAsync(contender, load, WarmUp);
        for (var round = 0; round < Rounds; round++)
        {
            // Each begins as often as the others.
            for (var i = 0; i < contenders.Count; i++)
            {
                var turn = (round + i) % contenders.Count;
                costs[turn].Add(await RunAsync(contenders[turn], load, Requests));
            }
        }

        var name = load.IsFresh ? "fresh" : "repeated";
        var tokens = load.AtOnce == 1 ? $"{name}, {load.Algorithm}" : $"{name}, {load.Algorithm}, {load.AtOnce} at once";
        var medians = costs.ConvertAll(ofOne => (Cpu: ofOne.Select(cost => cost.Cpu).Median(), Bytes: ofOne.Select(cost => cost.Bytes).Median()));
        var (none, stock, bearer) = (medians[0], medians[1], medians[2]);
        for (var i = 0; i < 3; i++)
        {
            var (cpu, bytes) = medians[i];
            var isOurs = i == 2;
            string Above(double whole, double bare, string format) => i == 0 ? "" : (whole - bare).ToString(format, CultureInfo.InvariantCulture);
            string Ratio(double ours, double theirs) => isOurs ? (ours / theirs).ToString("F2", CultureInfo.InvariantCulture) : "";
            guards.AppendLine(CultureInfo.InvariantCulture,
                $"| {tokens} | {contenders[i].Name} | {cpu:F1} | {Above(cpu, none.Cpu, "F1")} | {Ratio(cpu, stock.Cpu)} | {Ratio(cpu - none.Cpu, stock.Cpu - none.Cpu)} | {bytes:F0} | {Above(bytes, none.Bytes, "F0")} | {Ratio(bytes, stock.Bytes)} | {Ratio(bytes - none.Bytes, stock.Bytes - none.Bytes)} |");
        }

        if (medians.Count > 3)
        {
            var bound = medians[3];
            bindings.AppendLine(CultureInfo.InvariantCulture, $"| {name} | Bearer | {bearer.Cpu:F1} | {bearer.Cpu - none.Cpu:F1} | | {bearer.Bytes:F0} | |")
                .AppendLine(CultureInfo.InvariantCulture, $"| {name} | DPoP | {bound.Cpu:F1} | {bound.Cpu - none.Cpu:F1} | {bound.Cpu - bearer.Cpu:F1} | {bound.Bytes:F0} | {bound.Bytes - bearer.Bytes:F0} |");
        }

        await Console.Error.WriteLineAsync($"{tokens}: done");
    }

    private async Task<(double Cpu, double Bytes)> RunAsync(Contender contender, Load load, int count)
    {
        // Made beforehand, while nothing is measured. What comes again has come once before.
        var before = load.IsFresh ? 0 : Clients;
        var calls = new Call[before + count];
        var tokens = new string[load.IsFresh ? count : Clients];
        Parallel.For(0, tokens.Length, i => tokens[i] = Token(_keys[load.Algorithm], contender.IsBound ? _proofKeys[i % Clients] : null));
        Parallel.For(0, calls.Length, i =>
        {
            var token = tokens[i % tokens.Length];
            calls[i] = contender.IsBound
                ? new($"DPoP {token}", DPoPProof.Create(_proofKeys[i % tokens.Length % Clients], "GET", Resource + "/", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(), token))
                : new($"Bearer {token}", null);
        });
        await contender.Api.SendAsync(calls.AsMemory(0, before), Connections);
        var (cpu, bytes) = await contender.Api.CostAsync();
        if (load.AtOnce == 1) await contender.Api.SendAsync(calls.AsMemory(before), Connections);
        else await contender.Api.SendTogetherAsync(calls.AsMemory(before), Connections, load.AtOnce);
        var after = await contender.Api.CostAsync();
        return ((after.Cpu - cpu) / count, (after.Bytes - bytes) / count);
    }

    private string Token(JwsSigner signer, DPoPKey? boundTo) => JwtWriter.Write(signer, "at+jwt", (issuer: _issuer!.Urls.First(), boundTo), static (json, of) =>
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        json.WriteString("iss", of.issuer);
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
        if (of.boundTo is null) return;
        json.WriteStartObject(ClaimNames.Confirmation);
        json.WriteString(ClaimNames.KeyThumbprint, of.boundTo.Thumbprint);
        json.WriteEndObject();
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

    /// <summary>A guard, and how its tokens are sent.</summary>
    /// <param name="Name">What it is called in the report.</param>
    /// <param name="Api">The API behind it.</param>
    /// <param name="IsBound">Whether tokens are bound to a key, and come with a proof for each request.</param>
    private sealed record Contender(string Name, Api Api, bool IsBound);

    /// <summary>What a comparison sends.</summary>
    /// <param name="Algorithm">What tokens are signed with.</param>
    /// <param name="IsFresh">Whether each token comes once; else few come again and again.</param>
    /// <param name="AtOnce">How many requests go out in one piece.</param>
    private sealed record Load(string Algorithm, bool IsFresh, int AtOnce);

    /// <summary>What is sent: the header Authorization, and the header DPoP.</summary>
    private readonly record struct Call(string Authorization, string? Proof);

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

        /// <summary>Sends each of the calls; each connection sends its next when the last is answered.</summary>
        public async Task SendAsync(ReadOnlyMemory<Call> calls, int connections)
        {
            var next = -1;
            await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
            {
                for (var i = Interlocked.Increment(ref next); i < calls.Length; i = Interlocked.Increment(ref next))
                {
                    var (authorization, proof) = calls.Span[i];
                    using var request = new HttpRequestMessage(HttpMethod.Get, _url);
                    request.Headers.TryAddWithoutValidation("Authorization", authorization);
                    if (proof is not null) request.Headers.TryAddWithoutValidation(DPoPProof.HeaderName, proof);
                    using var response = await _http.SendAsync(request);
                    if (response.StatusCode != HttpStatusCode.OK) throw new InvalidOperationException($"{Guard} answered {(int)response.StatusCode}: {response.Headers.WwwAuthenticate}");
                }
            }));
        }

        /// <summary>Sends each of the bearer calls, some in one piece; each connection sends its next piece when the last is answered.</summary>
        public async Task SendTogetherAsync(ReadOnlyMemory<Call> calls, int connections, int atOnce)
        {
            var next = -1;
            await Task.WhenAll(Enumerable.Range(0, connections).Select(async _ =>
            {
                using var connection = new Connection(_url.Port);
                for (var from = Interlocked.Increment(ref next) * atOnce; from < calls.Length; from = Interlocked.Increment(ref next) * atOnce)
                {
                    var count = Math.Min(atOnce, calls.Length - from);
                    var requests = new StringBuilder();
                    for (var i = from; i < from + count; i++)
                        requests.Append(CultureInfo.InvariantCulture, $"GET / HTTP/1.1\r\nHost: {_url.Authority}\r\nAuthorization: {calls.Span[i].Authorization}\r\n\r\n");
                    var good = await connection.SendTogetherAsync(Encoding.ASCII.GetBytes(requests.ToString()), count);
                    if (good != count) throw new InvalidOperationException($"{Guard} answered {count - good} of {count} requests with something else than 200.");
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
