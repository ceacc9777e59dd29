using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Latchkey.Server.Token;
using Latchkey.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Tests.Token;

/// <summary>A CI system, a company's identity provider and an issuer whose keys have to be fetched, all trusted.</summary>
public sealed class TrustingServer : ClockedServer
{
    public const string Grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    public const string Ci = "https://ci.example.com";
    public const string Idp = "https://idp.example.com";

    /// <summary>The keys of all of them.</summary>
    public static readonly TestKey Key = new("ci-1");

    /// <summary>A workload: public, its JWT is its proof.</summary>
    public static readonly TestClient Deployer = new("deployer", null, TestClient.None, null);

    /// <summary>The rules of <see cref="Deployer"/>, but nobody lets it be public.</summary>
    public static readonly TestClient Careless = new("careless", null, TestClient.None, null);

    /// <summary>An agent that brings identity assertions.</summary>
    public static readonly TestClient Agent = new("agent", "agent-secret-0123456789abcdefghij", TestClient.Basic, null);

    private readonly WebApplication _keys;
    private readonly int _port = LoopbackPorts.Next();

    public TrustingServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{_port}");
        _keys = builder.Build();
        _keys.Run(context =>
        {
            Interlocked.Increment(ref _reads);
            context.Response.ContentType = "application/json";
            return context.Response.WriteAsync(new JsonObject { ["keys"] = new JsonArray([.. Published.Select(key => (JsonNode)key.PublicJwk())]) }.ToJsonString());
        });
        _keys.StartAsync().GetAwaiter().GetResult();
    }

    private int _reads;

    /// <summary>How often the fetched keys were asked for.</summary>
    public int Reads => Volatile.Read(ref _reads);

    /// <summary>What the issuer with fetched keys publishes.</summary>
    public IReadOnlyList<TestKey> Published { get; set; } = [Key];

    /// <summary>The issuer whose keys are fetched; an http address that is not on loopback, which its jwks_uri makes up for.</summary>
    public static string Fetched => "kubernetes/serviceaccount";

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        foreach (var client in (TestClient[])[Deployer, Careless, Agent])
            state.Add(client, declared => declared["grant_types"] = new JsonArray(Grant));
        state.Client(DeclaredStates.Machine)["grant_types"]!.AsArray().Add(Grant);
        state["trusted_issuers"] = JsonNode.Parse($$"""
            [ { "issuer": "{{Ci}}", "jwks": { "keys": [ {{Key.PublicJwk().ToJsonString()}} ] }, "maximum_lifetime": 600,
                "rules": [ { "client_id": "deployer", "without_client_authentication": true, "scope": "api:read api:write", "claims": { "sub": "repo:octo/app:ref:refs/heads/*" } },
                           { "client_id": "careless", "scope": "api:read", "claims": { "sub": "repo:octo/app:ref:refs/heads/main" } } ] },
              { "issuer": "{{Idp}}", "id_jag": true, "jwks": { "keys": [ {{Key.PublicJwk().ToJsonString()}} ] },
                "rules": [ { "client_id": "agent", "user_claim": "email", "scope": "api:read api:write files:read openid" },
                           { "client_id": "machine", "user_claim": "sub", "user_match": "sub", "scope": "api:read" } ] },
              { "issuer": "{{Fetched}}", "jwks_uri": "http://127.0.0.1:{{_port}}/keys", "single_use": false, "audiences": ["latchkey"],
                "rules": [ { "client_id": "machine", "scope": "api:read files:read", "claims": { "sub": "system:serviceaccount:shop:*" } } ] } ]
            """);
        state.User(DeclaredStates.Bob)["username"] = "bob@corp.example";
        return state;
    }

    public override async ValueTask DisposeAsync()
    {
        await _keys.DisposeAsync();
        await base.DisposeAsync();
    }
}

/// <summary>RFC 7523 section 2.1: whose JWT is worth what to whom.</summary>
public sealed class JwtBearerGrantTests(TrustingServer server) : IClassFixture<TrustingServer>
{
    private const string Main = "repo:octo/app:ref:refs/heads/main";

    [Fact, Spec("RFC 7523", "2.1"), Spec("RFC 7523", "3"), Spec("RFC 7521", "4.1")]
    public async Task A_workload_gets_a_token_for_its_platforms_and_needs_no_secret()
    {
        using var deployer = server.Client(TrustingServer.Deployer);
        var answer = (await SendAsync(deployer, Assertion())).Expect(HttpStatusCode.OK);
        Assert.Equal(["access_token", "expires_in", "scope", "token_type"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
        var claims = await Jwt.VerifyAsync(answer["access_token"]!, server.Issuer, DeclaredStates.Api, "at+jwt", clock: server.Clock);
        Assert.Equal(("deployer", "deployer", "api:read api:write"), (claims.GetProperty("sub").GetString(), claims.GetProperty("client_id").GetString(), answer["scope"]));
        Assert.Equal("api:read", (await SendAsync(deployer, Assertion(), ("scope", "api:read"))).Expect(HttpStatusCode.OK)["scope"]);
        (await SendAsync(deployer, Assertion(), ("scope", "api:read files:read"))).ExpectError("invalid_scope");
        (await SendAsync(deployer, Assertion(), ("resource", DeclaredStates.Files))).ExpectError("invalid_scope");
    }

    public static TheoryData<string> Wrong =>
    [
        "no assertion", "garbage", "another key", "alg none", "alg HS256", "another issuer", "no iss", "typ at+jwt", "typ id-jag", "no aud", "aud of others", "aud with others",
        "aud of the token endpoint", "no exp", "expired", "no iat", "iat ahead", "nbf ahead", "old", "lives too long", "no sub", "no jti", "another repository", "a longer path",
        "crit", "b64", "zip", "a key in its header", "exp as text", "cnf",
    ];

    [Theory, MemberData(nameof(Wrong)), Spec("RFC 7523", "3"), Spec("RFC 7523", "3.1"), Spec("RFC 8725", "3")]
    public async Task A_JWT_that_is_wrong_in_anything_is_refused_and_writes_nothing(string how)
    {
        using var deployer = server.Client(TrustingServer.Deployer);
        using var stranger = new TestKey("ci-1");
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var assertion = how switch
        {
            "no assertion" => null,
            "garbage" => "garbage",
            "another key" => Assertion(key: stranger),
            "alg none" => Assertion(header: header => header["alg"] = "none"),
            "alg HS256" => Assertion(header: header => header["alg"] = "HS256"),
            "another issuer" => Assertion(claims => claims["iss"] = "https://ci.example.com/"),
            "no iss" => Assertion(claims => claims.Remove("iss")),
            "typ at+jwt" => Assertion(header: header => header["typ"] = "at+jwt"),
            "typ id-jag" => Assertion(header: header => header["typ"] = "oauth-id-jag+jwt"),
            "no aud" => Assertion(claims => claims.Remove("aud")),
            "aud of others" => Assertion(claims => claims["aud"] = "https://other.example.com"),
            "aud with others" => Assertion(claims => claims["aud"] = new JsonArray(server.Issuer, "https://other.example.com")),
            "aud of the token endpoint" => Assertion(claims => claims["aud"] = server.Issuer + "/token"),
            "no exp" => Assertion(claims => claims.Remove("exp")),
            "expired" => Assertion(claims => claims["exp"] = now - 31),
            "no iat" => Assertion(claims => claims.Remove("iat")),
            "iat ahead" => Assertion(claims => claims["iat"] = now + 40),
            "nbf ahead" => Assertion(claims => claims["nbf"] = now + 40),
            "old" => Assertion(claims => claims["iat"] = now - 700),
            "lives too long" => Assertion(claims => claims["exp"] = now + 660),
            "no sub" => Assertion(claims => claims.Remove("sub")),
            "no jti" => Assertion(claims => claims.Remove("jti")),
            "another repository" => Assertion(claims => claims["sub"] = "repo:evil/app:ref:refs/heads/main"),
            "a longer path" => Assertion(claims => claims["sub"] = Main + "/x"),
            "crit" => Assertion(header: header => header["crit"] = new JsonArray("exp")),
            "b64" => Assertion(header: header => (header["b64"], header["crit"]) = (false, new JsonArray("b64"))),
            "zip" => Assertion(header: header => header["zip"] = "DEF"),
            "a key in its header" => Assertion(header: header => header["jwk"] = stranger.PublicJwk(), key: stranger),
            "exp as text" => Assertion(claims => claims["exp"] = "soon"),
            _ => Assertion(claims => claims["cnf"] = new JsonObject { ["jkt"] = "x" }),
        };
        var before = await server.FingerprintAsync();
        TokenEndpointTests.AssertErrorForm((await SendAsync(deployer, assertion)).ExpectError(how == "no assertion" ? "invalid_request" : "invalid_grant"));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("RFC 7523", "3")]
    public async Task Of_50_uses_at_once_one_wins_and_a_refused_request_uses_nothing_up()
    {
        using var deployer = server.Client(TrustingServer.Deployer);
        var assertion = Assertion();
        (await SendAsync(deployer, assertion, ("scope", "unknown"))).ExpectError("invalid_scope");
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => SendAsync(deployer, assertion)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal(49, answers.Count(answer => answer.Error == "invalid_grant"));
    }

    [Fact, Spec("RFC 7521", "4.1"), Spec("RFC 6749", "3.2.1")]
    public async Task Only_the_client_of_a_rule_may_bring_it_and_must_prove_itself_unless_the_rule_says_otherwise()
    {
        using var careless = server.Client(TrustingServer.Careless);
        using var agent = server.Client(TrustingServer.Agent);
        using var web = server.Client(DeclaredStates.Web);
        (await SendAsync(careless, Assertion())).ExpectError("unauthorized_client");
        (await SendAsync(agent, Assertion())).ExpectError("invalid_grant");
        (await SendAsync(web, Assertion())).ExpectError("unauthorized_client");
    }

    [Fact, Spec("draft-ietf-oauth-identity-assertion-authz-grant", "3")]
    public async Task An_identity_assertion_gives_its_client_a_token_of_the_person_that_can_be_revoked()
    {
        using var agent = server.Client(TrustingServer.Agent);
        using var api = server.Client(DeclaredStates.ApiServer);
        var answer = (await SendAsync(agent, IdJag())).Expect(HttpStatusCode.OK);
        Assert.Equal("api:read", answer["scope"]);
        var claims = await Jwt.VerifyAsync(answer["access_token"]!, server.Issuer, DeclaredStates.Api, "at+jwt", clock: server.Clock);
        var bob = await server.Database.ReadAsync(sql => Users.FindByLoginNameAsync(sql, "BOB@CORP.EXAMPLE"));
        Assert.Equal(bob!.Subject, claims.GetProperty("sub").GetString());
        Assert.Equal("true", (await api.IntrospectAsync(answer["access_token"]!)).Expect(HttpStatusCode.OK)["active"]);
        await server.ExecuteAsync("UPDATE grants SET revoked_at = $1, revoked_reason = 'user_request' WHERE sub = $2", server.Now, bob.Subject);
        Assert.Equal("false", (await api.IntrospectAsync(answer["access_token"]!)).Expect(HttpStatusCode.OK)["active"]);
    }

    public static TheoryData<string> WrongIdJag => ["typ JWT", "no typ", "another client", "no client_id", "nobody", "twice", "another resource", "wider scope", "resource 5"];

    [Theory, MemberData(nameof(WrongIdJag)), Spec("draft-ietf-oauth-identity-assertion-authz-grant", "3")]
    public async Task An_identity_assertion_is_for_one_client_one_use_and_what_it_says(string how)
    {
        using var agent = server.Client(TrustingServer.Agent);
        var twice = IdJag();
        if (how == "twice") (await SendAsync(agent, twice)).Expect(HttpStatusCode.OK);
        var answer = how switch
        {
            "typ JWT" => await SendAsync(agent, IdJag(header: header => header["typ"] = "JWT")),
            "no typ" => await SendAsync(agent, IdJag(header: header => header.Remove("typ"))),
            "another client" => await SendAsync(agent, IdJag(claims => claims["client_id"] = "machine")),
            "no client_id" => await SendAsync(agent, IdJag(claims => claims.Remove("client_id"))),
            "nobody" => await SendAsync(agent, IdJag(claims => claims["email"] = "mallory@corp.example")),
            "twice" => await SendAsync(agent, twice),
            "another resource" => await SendAsync(agent, IdJag(), ("resource", DeclaredStates.Files)),
            "wider scope" => await SendAsync(agent, IdJag(), ("scope", "api:read api:write")),
            _ => await SendAsync(agent, IdJag(claims => claims["resource"] = 5)),
        };
        answer.ExpectError(how switch { "another resource" => "invalid_target", "wider scope" => "invalid_scope", _ => "invalid_grant" });
    }

    [Fact, Spec("RFC 7517", "5"), Spec("RFC 7523", "3")]
    public async Task Keys_are_fetched_once_and_again_for_an_unknown_key_id_under_a_cooldown()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        using var next = new TestKey("ci-2");
        using var never = new TestKey("ci-9");
        Assert.Equal("api:read files:read", (await SendAsync(machine, Pod())).Expect(HttpStatusCode.OK)["scope"]);
        // A pod's token is a file that is good for an hour: single_use is off for such.
        var pod = Pod();
        (await SendAsync(machine, pod)).Expect(HttpStatusCode.OK);
        (await SendAsync(machine, pod)).Expect(HttpStatusCode.OK);
        Assert.Equal(1, server.Reads);

        (await SendAsync(machine, Pod(key: next))).ExpectError("invalid_grant");
        server.Wait(20);
        server.Published = [TrustingServer.Key, next];
        (await SendAsync(machine, Pod(key: next))).Expect(HttpStatusCode.OK);
        var reads = server.Reads;
        for (var i = 0; i < 20; i++) (await SendAsync(machine, Pod(key: never))).ExpectError("invalid_grant");
        Assert.InRange(server.Reads - reads, 0, 2);
    }

    [Theory]
    [InlineData("a*", "abc", true), InlineData("a*c", "abbc", true), InlineData("a*c", "abcd", false), InlineData("*", "", true), InlineData("a", "", false)]
    [InlineData("a/*", "a/b", true), InlineData("a/*", "a/b/c", false), InlineData("repo:o/*:main", "repo:o/x:y:main", false), InlineData("*b*", "abc", true), InlineData("a**b", "axb", true)]
    public void A_star_never_crosses_a_slash_or_colon(string pattern, string value, bool fits) => Assert.Equal(fits, JwtBearerGrant.Fits(value, pattern));

    private string Assertion(Action<JsonObject>? claims = null, Action<JsonObject>? header = null, TestKey? key = null) =>
        Sign(TrustingServer.Ci, server.Issuer, body => body["sub"] = Main, claims, header, key);

    private string IdJag(Action<JsonObject>? claims = null, Action<JsonObject>? header = null) => Sign(TrustingServer.Idp, server.Issuer, body =>
    {
        body["sub"] = "00u1abcd";
        body["email"] = "bob@corp.example";
        body["client_id"] = "agent";
        body["scope"] = "api:read";
        body["resource"] = DeclaredStates.Api;
    }, claims, head =>
    {
        head["typ"] = "oauth-id-jag+jwt";
        header?.Invoke(head);
    }, null);

    private string Pod(TestKey? key = null) =>
        Sign(TrustingServer.Fetched, "latchkey", body => body["sub"] = "system:serviceaccount:shop:orders", null, header => header.Remove("typ"), key);

    private string Sign(string issuer, string audience, Action<JsonObject> body, Action<JsonObject>? change, Action<JsonObject>? header, TestKey? key)
    {
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = issuer, ["aud"] = audience, ["iat"] = now, ["exp"] = now + 300, ["jti"] = Convert.ToHexString(RandomNumberGenerator.GetBytes(16)) };
        var head = new JsonObject { ["typ"] = "JWT" };
        body(claims);
        change?.Invoke(claims);
        header?.Invoke(head);
        return (key ?? TrustingServer.Key).Sign(head, claims);
    }

    private static Task<Answer> SendAsync(OAuthClient client, string? assertion, params (string Name, string? Value)[] more) =>
        client.TokenAsync([("grant_type", TrustingServer.Grant), ("assertion", assertion), .. more]);
}
