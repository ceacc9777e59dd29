using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Client.Backchannel;
using Latchkey.Client.Device;
using Latchkey.Protocol.Jose;

namespace Latchkey.Client.Tests.Backchannel;

/// <summary>CIBA, token exchange and JWT bearer of the client against the real server.</summary>
public sealed class BackchannelTests
{
    private static readonly TestKey Platform = new("platform");

    [Fact, Spec("CIBA", "7"), Spec("CIBA", "10.1"), Spec("CIBA", "11")]
    public async Task A_person_who_is_elsewhere_is_asked_and_allows()
    {
        await using var server = await InProcessServer.StartAsync(State());
        using var till = Client(server, "till", "openid");
        using var alice = server.Browser();
        var request = await till.StartBackchannelAsync(new() { LoginHint = "alice", BindingMessage = "W4-7Q", RequestedExpiry = TimeSpan.FromSeconds(120) });
        Assert.Equal(TimeSpan.FromSeconds(5), request.Interval);
        Assert.DoesNotContain(request.RequestId, request.ToString(), StringComparison.Ordinal);
        Assert.Equal(DeviceState.Pending, (await request.PollAsync()).State);
        Assert.Equal(DeviceState.SlowDown, (await request.PollAsync()).State);
        Assert.Equal(TimeSpan.FromSeconds(10), request.Interval);

        await DecideAsync(server, alice, "allow");
        var tokens = (await request.PollAsync()).Tokens!;
        Assert.Equal(Jwt.Claims(tokens.AccessToken.Value).GetProperty("sub").GetString(), tokens.IdToken!.Subject);

        // The next time the ID token says whom.
        var again = await till.StartBackchannelAsync(new() { IdTokenHint = tokens.IdToken.Value });
        await DecideAsync(server, alice, "deny");
        await Refused.ErrorAsync("access_denied", () => again.PollAsync());
        await Refused.ErrorAsync("unknown_user_id", () => till.StartBackchannelAsync(new() { LoginHint = "nobody" }));
    }

    [Fact, Spec("CIBA", "7.1.1")]
    public async Task What_is_asked_is_signed_where_the_client_is_registered_so()
    {
        using var key = JwsSigner.Open("ES256", "till-key", JwsSigner.Generate("ES256"));
        var state = State();
        state.Client("till")["backchannel_authentication_request_signing_alg"] = "ES256";
        state.Client("till")["jwks"] = new JsonObject { ["keys"] = new JsonArray(JsonNode.Parse(key.PublicKey.Span)) };
        await using var server = await InProcessServer.StartAsync(state);
        using var till = Client(server, "till", "openid", options => options.UseSignedBackchannelRequests(key));
        using var alice = server.Browser();
        var request = await till.StartBackchannelAsync(new() { LoginHint = "alice", BindingMessage = "W4-7Q", RequestedExpiry = TimeSpan.FromSeconds(120) });
        await DecideAsync(server, alice, "allow");
        Assert.Equal(server.Clock.GetUtcNow() + TimeSpan.FromSeconds(120), request.ExpiresAt);
        Assert.NotNull((await request.PollAsync()).Tokens!.IdToken);

        using var plain = Client(server, "till", "openid");
        await Refused.ErrorAsync("invalid_request", () => plain.StartBackchannelAsync(new() { LoginHint = "alice" }));
        Assert.Contains("UseSignedBackchannelRequests needs a key", Assert.Throws<InvalidOperationException>(() => plain.Options.UseSignedBackchannelRequests()).Message, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8693", "2"), Spec("RFC 7523", "2.1")]
    public async Task A_workload_gets_a_token_and_an_API_exchanges_it()
    {
        await using var server = await InProcessServer.StartAsync(State());
        using var workload = Client(server, "workload", "api:read");
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var assertion = Platform.Sign(new JsonObject { ["typ"] = "JWT" }, new JsonObject
        {
            ["iss"] = "https://platform.example.com", ["sub"] = "job:1", ["aud"] = server.Issuer, ["iat"] = now, ["exp"] = now + 60, ["jti"] = "one",
        });
        var tokens = await workload.JwtBearerAsync(assertion);
        Assert.Equal("api:read", tokens.AccessToken.Scope);
        await Refused.ErrorAsync("invalid_grant", () => workload.JwtBearerAsync(assertion));

        using var api = Client(server, DeclaredStates.ApiServer.Id, "files:read");
        var exchanged = await api.ExchangeAsync(new TokenExchange { SubjectToken = tokens.AccessToken.Value, Resources = [DeclaredStates.Files] });
        Assert.Equal((TokenExchange.AccessTokenType, "files:read"), (exchanged.IssuedTokenType, exchanged.AccessToken.Scope));
        Assert.Equal("api-server", Jwt.Claims(exchanged.AccessToken.Value).GetProperty("act").GetProperty("sub").GetString());
        await Refused.ErrorAsync("invalid_target", () => api.ExchangeAsync(new TokenExchange { SubjectToken = tokens.AccessToken.Value, Resources = ["https://unknown.example.com"] }));
    }

    public static TheoryData<string, string> Malformed => new()
    {
        { """{"expires_in":10}""", "LK-CLIENT-CIBA-MALFORMED" },
        { """{"auth_req_id":5,"expires_in":10}""", "LK-CLIENT-CIBA-MALFORMED" },
        { """{"auth_req_id":"x"}""", "LK-CLIENT-CIBA-MALFORMED" },
        { """{"auth_req_id":"x","expires_in":-1}""", "LK-CLIENT-CIBA-MALFORMED" },
        { """{"auth_req_id":"x","expires_in":10,"interval":"5"}""", "LK-CLIENT-CIBA-MALFORMED" },
    };

    [Theory, MemberData(nameof(Malformed)), Spec("CIBA", "7.3")]
    public void An_answer_that_is_malformed_is_refused(string answer, string code)
    {
        var exception = Assert.Throws<OAuthException>(() => new BackchannelAuthentication(null!, TimeProvider.System, JsonElement.Parse(answer), null));
        Assert.Equal(code, exception.Refusal?.Code);
    }

    private static JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Add(new TestClient("till", "till-secret-0123456789abcdefghij", TestClient.Basic, null), client =>
        {
            client["grant_types"] = new JsonArray("urn:openid:params:grant-type:ciba");
            client["backchannel_token_delivery_mode"] = "poll";
        });
        state.Add(new TestClient("workload", null, TestClient.None, null), client => client["grant_types"] = new JsonArray("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        state["trusted_issuers"] = JsonNode.Parse($$"""
            [ { "issuer": "https://platform.example.com", "jwks": { "keys": [ {{Platform.PublicJwk().ToJsonString()}} ] },
                "rules": [ { "client_id": "workload", "without_client_authentication": true, "scope": "api:read", "claims": { "sub": "job:*" } } ] } ]
            """);
        var api = state.Client(DeclaredStates.ApiServer);
        api["grant_types"] = new JsonArray("urn:ietf:params:oauth:grant-type:token-exchange");
        api["token_exchange"] = JsonNode.Parse("""{ "targets": [ { "resource": "https://files.example.com", "scope": "files:read", "subject_scope": "api:read" } ] }""");
        return state;
    }

    private static LatchkeyClient Client(InProcessServer server, string id, string scope, Action<LatchkeyClientOptions>? change = null)
    {
        var options = new LatchkeyClientOptions
        {
            Issuer = server.Issuer,
            ClientId = id,
            Scope = scope,
            Credential = id switch
            {
                "till" => ClientCredential.Secret("till-secret-0123456789abcdefghij"),
                "workload" => ClientCredential.None,
                _ => ClientCredential.Secret(DeclaredStates.ApiServer.Secret!),
            },
        };
        change?.Invoke(options);
        return new LatchkeyClient(options, clock: server.Clock);
    }

    private static async Task DecideAsync(InProcessServer server, PageWalker person, string decision)
    {
        var page = await person.GetAsync(server.Issuer + "/account");
        if (page.Has("password") && page.Has("username")) page = await person.SignInAsync(page);
        await person.SubmitAsync(page, (AngleSharp.Html.Dom.IHtmlFormElement)page.Document!.QuerySelector("form.decide")!, ("decision", decision));
    }
}
