using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Cli.Tests;

/// <summary>What the operator sees of the server: figures, traces and logs; and that they hold nothing secret.</summary>
public sealed class MonitoringTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Prometheus_reads_figures_at_an_address_of_their_own()
    {
        var metrics = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--metrics-urls", metrics]);
        using var http = server.CreateHttpClient();
        var secrets = await UseAsync(server);

        var text = await http.GetStringAsync(metrics + "/metrics", Cancellation);
        Assert.Equal(2, Figure(text, "latchkey_tokens_issued_total{grant_type=\"client_credentials\"}"));
        Assert.Equal(2, Figure(text, "latchkey_tokens_issued_total{grant_type=\"refresh_token\"}"));
        Assert.Equal(1, Figure(text, "latchkey_tokens_issued_total{grant_type=\"authorization_code\"}"));
        Assert.Equal(1, Figure(text, "latchkey_refusals_total{endpoint=\"/token\",code=\"invalid_client\"}"));
        Assert.Equal(1, Figure(text, "latchkey_refresh_reused_total"));
        Assert.Equal(3, Figure(text, "latchkey_refresh_forged_total"));
        Assert.Equal(1, Figure(text, "latchkey_request_duration_seconds_count{endpoint=\"none\",method=\"GET\",status=\"404\"}"));
        Assert.Equal(1, Figure(text, "latchkey_request_duration_seconds_bucket{endpoint=\"none\",method=\"GET\",status=\"404\",le=\"+Inf\"}"));
        Assert.True(Figure(text, "latchkey_store_commit_duration_seconds_count") > 0);
        Assert.Equal(0, Figure(text, "latchkey_store_queue"));
        Assert.Equal(0, Figure(text, "latchkey_audit_dropped_total"));
        Assert.InRange(Figure(text, "latchkey_key_age_seconds{alg=\"RS256\"}"), 0, 600);
        Assert.True(Figure(text, "dotnet_process_memory_working_set_bytes") > 0);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));
        // Every line is one that Prometheus reads.
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches("""^(# (HELP|TYPE) [a-z0-9_]+ .*|[a-z0-9_]+(\{([a-z0-9_]+="([^"\\\n]|\\.)*",?)+\})? -?[0-9.E+-]+)$""", line));

        // The one address serves figures and nothing else, the others everything else.
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(metrics + "/token", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(server.Issuer + "/metrics", Cancellation)).StatusCode);
        Assert.Equal(0, await server.StopAsync());
        Assert.DoesNotContain(metrics, server.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_collector_gets_figures_and_traces_and_nothing_secret()
    {
        var got = new ConcurrentDictionary<string, ConcurrentQueue<string>>();
        await using var collector = await CollectorAsync(got);
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--otlp-endpoint", collector.Urls.Single(), "--log-format", "json"]);
        using var http = server.CreateHttpClient();
        var secrets = await UseAsync(server);
        const string trace = "4bf92f3577b34da6a3ce929d0e0e4736", parent = "00f067aa0ba902b7";
        using (var traced = new HttpRequestMessage(HttpMethod.Get, server.Issuer + "/authorize?client_id=nobody&code=secret-in-the-query") { Headers = { { "traceparent", $"00-{trace}-{parent}-01" } } })
        {
            await http.SendAsync(traced, Cancellation);
        }

        // At the end the last of it is sent.
        Assert.Equal(0, await server.StopAsync());
        var spans = Messages(got, "/v1/traces").SelectMany(message => message.GetProperty("resourceSpans")[0].GetProperty("scopeSpans")[0].GetProperty("spans").EnumerateArray()).ToList();
        var span = Assert.Single(spans, span => span.GetProperty("traceId").GetString() == trace);
        Assert.Equal(parent, span.GetProperty("parentSpanId").GetString());
        Assert.Equal("GET /authorize", span.GetProperty("name").GetString());
        Assert.Equal("400", Attribute(span, "http.response.status_code").GetProperty("intValue").GetString());
        Assert.True(long.Parse(span.GetProperty("endTimeUnixNano").GetString()!, null) >= long.Parse(span.GetProperty("startTimeUnixNano").GetString()!, null));
        Assert.Contains(spans, one => one.GetProperty("name").GetString() == "POST /token" && Attribute(one, "error.type").GetProperty("stringValue").GetString() == "invalid_client");

        var metrics = Messages(got, "/v1/metrics").Last().GetProperty("resourceMetrics")[0];
        Assert.Equal("latchkey", Attribute(metrics.GetProperty("resource"), "service.name").GetProperty("stringValue").GetString());
        var issued = metrics.GetProperty("scopeMetrics")[0].GetProperty("metrics").EnumerateArray().Single(metric => metric.GetProperty("name").GetString() == "latchkey.tokens.issued");
        Assert.Equal(5, issued.GetProperty("sum").GetProperty("dataPoints").EnumerateArray().Sum(point => point.GetProperty("asDouble").GetDouble()));
        var everything = string.Concat(got.Values.SelectMany(messages => messages)) + server.Errors;
        Assert.All(secrets.Append("secret-in-the-query"), secret => Assert.DoesNotContain(secret, everything, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_collector_that_is_away_costs_one_line_of_the_log()
    {
        var nobody = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--otlp-endpoint", nobody]);
        await UseAsync(server);
        Assert.Equal(0, await server.StopAsync());
        Assert.Single(Regex.Matches(server.Errors, Regex.Escape($"The collector at {nobody}/ takes no metrics or traces")));
    }

    /// <summary>A few requests of each kind.</summary>
    /// <returns>What no figure, trace or log may hold.</returns>
    private static async Task<IReadOnlyList<string>> UseAsync(LatchkeyProcess server)
    {
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        using var wrong = new OAuthClient(server.Issuer, DeclaredStates.Machine with { Secret = "a-wrong-secret-0123456789" });
        (await wrong.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);

        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var alice = new PageWalker(server.Issuer);
        var tokens = await web.SignInAsync(alice, "openid offline_access");
        var first = tokens.RefreshToken!;
        var second = (await web.RefreshAsync(first)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        var third = (await web.RefreshAsync(second)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        // Two generations back: stolen, or lost.
        (await web.RefreshAsync(first)).ExpectError("invalid_grant");
        foreach (var forged in (string[])["made-up", third[..^4] + "AAAA", "AAAA" + third[4..]]) (await web.RefreshAsync(forged)).ExpectError("invalid_grant");
        using var http = server.CreateHttpClient();
        await http.GetAsync(server.Issuer + "/no-such-page/alice", Cancellation);
        return [token, first, second, third, tokens.AccessToken, tokens.IdToken!, DeclaredStates.Machine.Secret!, "a-wrong-secret", DeclaredStates.Web.Secret!, "alice", "no-such-page"];
    }

    private static double Figure(string text, string name)
    {
        var line = text.Split('\n').SingleOrDefault(line => line.StartsWith(name + " ", StringComparison.Ordinal));
        Assert.True(line is not null, $"There is no {name} in:\n{text}");
        return double.Parse(line[(name.Length + 1)..], System.Globalization.CultureInfo.InvariantCulture);
    }

    private static IEnumerable<JsonElement> Messages(ConcurrentDictionary<string, ConcurrentQueue<string>> got, string path) => got[path].Select(message => JsonElement.Parse(message));

    private static JsonElement Attribute(JsonElement owner, string name) =>
        owner.GetProperty("attributes").EnumerateArray().SingleOrDefault(attribute => attribute.GetProperty("key").GetString() == name) is { ValueKind: JsonValueKind.Object } found
            ? found.GetProperty("value") : JsonElement.Parse("""{"stringValue":null}""");

    private static async Task<WebApplication> CollectorAsync(ConcurrentDictionary<string, ConcurrentQueue<string>> got)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls($"http://127.0.0.1:{LoopbackPorts.Next()}");
        builder.Logging.ClearProviders();
        var collector = builder.Build();
        collector.MapPost("/v1/{kind}", async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            got.GetOrAdd(context.Request.Path, _ => new()).Enqueue(await reader.ReadToEndAsync());
        });
        await collector.StartAsync();
        return collector;
    }
}
