using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Jose;
using Latchkey.ResourceServer.Introspection;
using Latchkey.Testing;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.ResourceServer.Tests.Introspection;

[Spec("RFC 7662", "2.2")]
public sealed class IntrospectionTests
{
    private const string Issuer = "https://issuer.example";

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.Parse("2026-11-24T12:00:00Z", null));

    [Fact, Spec("RFC 7009", "3"), Check("R17")]
    public async Task A_revoked_jwt_of_the_real_server_is_refused_within_a_minute()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var api = await GuardedApi.StartAsync(authority, options =>
        {
            // The status list would tell it sooner.
            options.StatusLists.Enabled = false;
            options.Introspection.Mode = IntrospectionMode.AllTokens;
            options.Introspection.ClientId = Ready.ApiServer.ClientId;
            options.Introspection.ClientSecret = Ready.ApiServer.Secret;
        });
        using var client = authority.CreateClient();
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Ready.Machine.ClientId}:{Ready.Machine.Secret}")));
        using var asked = await client.PostAsync("token", new FormUrlEncodedContent(new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["scope"] = "api:read", ["resource"] = Ready.Api }));
        var token = JsonNode.Parse(await asked.Content.ReadAsStringAsync())!["access_token"]!.GetValue<string>();

        (await api.BearerAsync(token)).IsAccepted();
        (await api.BearerAsync(token)).IsAccepted();
        Assert.Single(api.Asked, address => address.Contains("introspect", StringComparison.Ordinal));
        using var revoked = await client.PostAsync("revoke", new FormUrlEncodedContent(new Dictionary<string, string> { ["token"] = token }));
        Assert.Equal(HttpStatusCode.OK, revoked.StatusCode);
        authority.Advance(TimeSpan.FromSeconds(60));
        (await api.BearerAsync(token)).IsRefused("LK-RS-TOKEN-INACTIVE");
        // A JWT that does not hold by itself is not asked about.
        var before = api.Asked.Count;
        (await api.BearerAsync(authority.Token().TamperedSignature())).IsRefused("LK-JWT-SIGNATURE");
        Assert.Equal(before, api.Asked.Count);
    }

    /// <summary>What the provider says, and the code of the refusal; null for none.</summary>
    private static readonly Dictionary<string, (string Answer, string? Code)> Answers = new()
    {
        ["good"] = ("""{"active":true,"aud":"https://api.test","iss":"https://issuer.example","sub":"u","client_id":"c","token_type":"Bearer","exp":4000000000}""", null),
        ["one of several audiences"] = ("""{"active":true,"aud":["x","https://api.test/"]}""", null),
        ["not active"] = ("""{"active":false}""", "LK-RS-TOKEN-INACTIVE"),
        ["for another API"] = ("""{"active":true,"aud":"https://other.test"}""", "LK-RS-INTROSPECTION-AUDIENCE"),
        ["for nobody"] = ("""{"active":true,"aud":[]}""", "LK-RS-INTROSPECTION-AUDIENCE"),
        ["for anybody"] = ("""{"active":true}""", "LK-RS-INTROSPECTION-NO-AUDIENCE"),
        ["of another issuer"] = ("""{"active":true,"aud":"https://api.test","iss":"https://issuer.example/"}""", "LK-RS-INTROSPECTION-ISSUER"),
        ["expired"] = ("""{"active":true,"aud":"https://api.test","exp":1}""", "LK-RS-INTROSPECTION-EXPIRED"),
        ["of the future"] = ("""{"active":true,"aud":"https://api.test","nbf":4000000000}""", "LK-RS-INTROSPECTION-NOT-YET"),
        ["a refresh token"] = ("""{"active":true,"aud":"https://api.test","token_type":"refresh_token"}""", "LK-RS-INTROSPECTION-TYPE"),
        ["bound, sent as Bearer"] = ("""{"active":true,"aud":"https://api.test","cnf":{"jkt":"x"}}""", "LK-RS-BOUND"),
    };

    public static TheoryData<string> AnswerNames => [.. Answers.Keys];

    [Theory, MemberData(nameof(AnswerNames)), Spec("RFC 7662", "4"), Check("R38")]
    public async Task What_the_issuer_says_of_an_opaque_token_is_judged(string name)
    {
        var (said, code) = Answers[name];
        await using var api = await StartAsync(new Provider((_, _) => (200, said)));
        var answer = await api.BearerAsync("opaque");
        if (code is null) answer.IsAccepted();
        else answer.IsRefused(code);
    }

    public static TheoryData<int, string, string> Failures => new()
    {
        { 500, "{}", "LK-RS-INTROSPECTION-FAILED" },
        { 401, """{"error":"invalid_client"}""", "LK-RS-INTROSPECTION-UNAUTHORIZED" },
        { 302, "", "LK-PROVIDER-REDIRECT" },
        { 200, "<html>", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, "[]", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, """{"active":"true"}""", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, """{"active":true,"aud":7}""", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, """{"active":true,"aud":"https://api.test","exp":"soon"}""", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, """{"active":false,"active":true,"aud":"https://api.test"}""", "LK-RS-INTROSPECTION-MALFORMED" },
        { 200, new string(' ', 70_000), "LK-PROVIDER-TOO-LARGE" },
    };

    [Theory, MemberData(nameof(Failures))]
    public async Task A_provider_that_cannot_tell_makes_the_api_unavailable_and_nothing_is_remembered(int status, string body, string code)
    {
        var provider = new Provider((_, _) => (status, body));
        await using var api = await StartAsync(provider);
        for (var i = 0; i < 2; i++)
        {
            var answer = await api.BearerAsync("opaque");
            Assert.Equal(503, answer.Status);
            Assert.Contains(code, answer.Body, StringComparison.Ordinal);
        }

        Assert.Equal(2, provider.Asked.Count);
    }

    [Fact]
    public async Task A_handler_of_the_application_that_throws_makes_the_api_unavailable_and_not_broken()
    {
        await using var api = await StartAsync(new Provider((_, _) => throw new TimeoutException("secret")));
        var answer = await api.BearerAsync("opaque");
        Assert.Equal(503, answer.Status);
        Assert.Contains("LK-RS-INTROSPECTION-FAILED", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.Body, StringComparison.Ordinal);
    }

    [Fact, Check("R38")]
    public async Task An_answer_counts_for_a_minute_and_never_beyond_the_tokens_life()
    {
        var life = _clock.GetUtcNow().AddSeconds(45).ToUnixTimeSeconds();
        var provider = new Provider((token, _) => (200, token == "long" ? """{"active":true,"aud":"https://api.test"}""" : $$"""{"active":true,"aud":"https://api.test","exp":{{life}}}"""));
        await using var api = await StartAsync(provider);
        foreach (var token in (string[])["long", "long", "short", "short"]) (await api.BearerAsync(token)).IsAccepted();
        Assert.Equal(["long", "short"], provider.Asked);
        _clock.Advance(TimeSpan.FromSeconds(45));
        (await api.BearerAsync("long")).IsAccepted();
        (await api.BearerAsync("short")).IsAccepted();
        Assert.Equal(["long", "short", "short"], provider.Asked);
        _clock.Advance(TimeSpan.FromSeconds(15));
        (await api.BearerAsync("long")).IsAccepted();
        Assert.Equal(["long", "short", "short", "long"], provider.Asked);
    }

    [Fact]
    public async Task That_a_token_is_not_active_is_remembered_shortly()
    {
        var provider = new Provider((_, _) => (200, """{"active":false}"""));
        await using var api = await StartAsync(provider);
        for (var i = 0; i < 3; i++) (await api.BearerAsync("gone")).IsRefused("LK-RS-TOKEN-INACTIVE");
        Assert.Single(provider.Asked);
        _clock.Advance(TimeSpan.FromSeconds(5));
        (await api.BearerAsync("gone")).IsRefused("LK-RS-TOKEN-INACTIVE");
        Assert.Equal(2, provider.Asked.Count);
    }

    [Fact]
    public async Task Many_requests_with_one_token_ask_once_and_too_many_tokens_at_once_are_turned_away()
    {
        var gate = new TaskCompletionSource();
        var provider = new Provider((_, _) => (200, """{"active":true,"aud":"https://api.test"}"""), gate.Task);
        await using var api = await StartAsync(provider, options => options.Introspection.MaximumParallel = 1);
        var waiting = Enumerable.Range(0, 20).Select(_ => api.BearerAsync("one")).ToList();
        await Eventually.HoldsAsync("the provider is asked", () => Task.FromResult(!provider.Asked.IsEmpty));
        var other = await api.BearerAsync("another");
        Assert.Equal(503, other.Status);
        Assert.Contains("LK-RS-INTROSPECTION-BUSY", other.Body, StringComparison.Ordinal);
        gate.SetResult();
        foreach (var answer in await Task.WhenAll(waiting)) answer.IsAccepted();
        Assert.Equal(["one"], provider.Asked);
    }

    [Theory, Spec("RFC 7662", "2.1"), InlineData("basic"), InlineData("post"), InlineData("key")]
    public async Task The_api_says_who_it_is(string method)
    {
        var provider = new Provider((_, _) => (200, """{"active":true,"aud":"https://api.test"}"""));
        using var key = JwsSigner.Open("ES256", "k", JwsSigner.Generate("ES256"));
        await using var api = await StartAsync(provider, options =>
        {
            options.Introspection.ClientId = "the api";
            options.Introspection.ClientSecret = method == "key" ? null : "s:e%c r+t";
            options.Introspection.PrivateKey = method == "key" ? key : null;
            options.Introspection.SecretInBody = method == "post";
        });
        (await api.BearerAsync("opaque")).IsAccepted();
        var (authorization, form) = Assert.Single(provider.Forms);
        Assert.Equal("access_token", form["token_type_hint"]);
        Assert.Equal(method == "basic" ? "Basic " + Convert.ToBase64String("the+api:s%3Ae%25c+r%2Bt"u8) : null, authorization);
        Assert.Equal(method == "post" ? "s:e%c r+t" : null, form.GetValueOrDefault("client_secret"));
        if (method != "key") return;
        var claims = Jwt.Claims(form["client_assertion"]);
        Assert.Equal("client-authentication+jwt", Jwt.Header(form["client_assertion"]).GetProperty("typ").GetString());
        Assert.Equal(Issuer, claims.GetProperty("aud").GetString());
        Assert.Equal("the api", claims.GetProperty("sub").GetString());
    }

    [Fact]
    public async Task Wrong_settings_are_told_at_the_start()
    {
        foreach (var (change, word) in ((Action<IntrospectionOptions>, string)[])
        [
            (options => options.ClientId = null, "ClientId"),
            (options => options.ClientSecret = null, "ClientSecret"),
            (options => options.CacheLifetime = TimeSpan.FromSeconds(61), "CacheLifetime"),
            (options => options.InactiveCacheLifetime = TimeSpan.FromSeconds(-1), "InactiveCacheLifetime"),
            (options => options.MaximumParallel = 0, "MaximumParallel"),
        ])
        {
            var exception = await Assert.ThrowsAnyAsync<Exception>(() => StartAsync(new Provider((_, _) => (200, "{}")), options => change(options.Introspection)));
            Assert.Contains(word, exception.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("api-secret", exception.ToString(), StringComparison.Ordinal);
        }
    }

    private Task<GuardedApi> StartAsync(Provider provider, Action<ResourceServerOptions>? configure = null) => GuardedApi.StartAsync(_clock, options =>
    {
        options.Issuer = Issuer;
        options.Introspection.Mode = IntrospectionMode.OpaqueTokens;
        options.Introspection.ClientId = "api";
        options.Introspection.ClientSecret = "api-secret";
        configure?.Invoke(options);
    }, provider);

    /// <summary>A provider that says of tokens what no real server would.</summary>
    private sealed class Provider(Func<string, HttpRequestMessage, (int Status, string Body)> answer, Task? gate = null) : HttpMessageHandler
    {
        public ConcurrentQueue<string> Asked { get; } = new();

        public ConcurrentQueue<(string? Authorization, Dictionary<string, string> Form)> Forms { get; } = new();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Method == HttpMethod.Get)
            {
                return Json(200, $$"""{"issuer":"{{Issuer}}","introspection_endpoint":"{{Issuer}}/introspect","authorization_endpoint":"{{Issuer}}/a","token_endpoint":"{{Issuer}}/t","jwks_uri":"{{Issuer}}/jwks","response_types_supported":["code"]}""", request);
            }

            var form = (await request.Content!.ReadAsStringAsync(cancellationToken)).Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => WebUtility.UrlDecode(pair[1]));
            Asked.Enqueue(form["token"]);
            Forms.Enqueue((request.Headers.Authorization?.ToString(), form));
            if (gate is not null) await gate;
            var (status, body) = answer(form["token"], request);
            return Json(status, body, request);
        }

        private static HttpResponseMessage Json(int status, string body, HttpRequestMessage request) =>
            new((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, "application/json"), RequestMessage = request };
    }
}
