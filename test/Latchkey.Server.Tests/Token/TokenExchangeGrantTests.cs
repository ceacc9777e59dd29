using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Token;

/// <summary>
/// The servers behind the two APIs may exchange for each other's scopes; <see cref="Support"/> may impersonate; <see cref="DeclaredStates.Web"/> may
/// only narrow.
/// </summary>
public sealed class ExchangingServer : ClockedServer
{
    /// <summary>It may impersonate at the files API, and bring ID tokens.</summary>
    public static readonly TestClient Support = new("support", "support-secret-0123456789abcdef", TestClient.Basic, "https://support.example.com/callback");

    /// <summary>Its tokens may be acted on by <c>files-server</c> alone.</summary>
    public static readonly TestClient Picky = new("picky", "picky-secret-0123456789abcdefgh", TestClient.Basic, "https://picky.example.com/callback");

    /// <summary>It has the grant and no policy.</summary>
    public static readonly TestClient Bare = new("bare", "bare-secret-0123456789abcdefghij", TestClient.Basic, null);

    public const string Grant = "urn:ietf:params:oauth:grant-type:token-exchange";

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        Exchanging(state.Client(DeclaredStates.ApiServer), """
            { "targets": [ { "resource": "https://files.example.com", "scope": "files:read", "subject_scope": "api:read" },
                           { "resource": "https://api.example.com", "scope": "api:read" } ] }
            """);
        Exchanging(state.Client(DeclaredStates.FilesServer), """
            { "targets": [ { "resource": "https://api.example.com", "scope": "api:read", "subject_scope": "files:read" } ] }
            """);
        Exchanging(state.Client(DeclaredStates.Web), """
            { "targets": [ { "resource": "https://api.example.com", "scope": "api:read api:write openid" }, { "resource": "https://files.example.com" } ] }
            """);
        state.Resource(DeclaredStates.Api)["clients"] = new JsonArray(DeclaredStates.ApiServer.Id, Support.Id);
        state.Add(Support, client => Exchanging(client, """
            { "impersonation": true, "subject_token_types": ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:id_token"],
              "targets": [ { "resource": "https://files.example.com", "scope": "files:read" }, { "resource": "https://api.example.com", "scope": "api:read" } ] }
            """));
        state.Add(Picky, client => client["may_act"] = DeclaredStates.FilesServer.Id);
        state.Add(Bare, client => client["grant_types"] = new JsonArray(Grant));
        return state;
    }

    private static void Exchanging(JsonObject client, string policy)
    {
        var grants = client["grant_types"]!.AsArray();
        grants.Add(Grant);
        grants.Add("client_credentials");
        client["scope"] = DeclaredStates.AllScopes;
        client["token_exchange"] = JsonNode.Parse(policy);
    }
}

/// <summary>RFC 8693: what is given, to whom, and to whom not.</summary>
public sealed class TokenExchangeGrantTests(ExchangingServer server) : IClassFixture<ExchangingServer>
{
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";
    private const string IdTokenType = "urn:ietf:params:oauth:token-type:id_token";
    private const string JwtType = "urn:ietf:params:oauth:token-type:jwt";

    [Fact, Spec("RFC 8693", "2.1"), Spec("RFC 8693", "2.2.1"), Spec("RFC 8693", "4.1"), Spec("RFC 8693", "4.3")]
    public async Task An_API_exchanges_what_it_was_sent_for_a_token_of_the_API_behind_it()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var subject = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var answer = (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Files), ("scope", "files:read"))).Expect(HttpStatusCode.OK);
        Assert.Equal(["access_token", "expires_in", "issued_token_type", "scope", "token_type"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal((AccessTokenType, "Bearer", "files:read"), (answer["issued_token_type"], answer["token_type"], answer["scope"]));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var claims = await Jwt.VerifyAsync(answer["access_token"]!, server.Issuer, DeclaredStates.Files, "at+jwt", "ES256", server.Clock);
        Assert.Equal(Jwt.Claims(subject).GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());
        Assert.Equal(("api-server", "files:read"), (claims.GetProperty("client_id").GetString(), claims.GetProperty("scope").GetString()));
        Assert.Equal("""{"sub":"api-server"}""", claims.GetProperty("act").GetRawText());
        Assert.Equal(Jwt.Claims(subject).GetProperty("auth_time").GetInt64(), claims.GetProperty("auth_time").GetInt64());
    }

    [Fact, Spec("RFC 8693", "2.1")]
    public async Task Without_resource_and_scope_the_only_target_is_meant_and_audience_is_another_word_for_resource()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var files = server.Client(DeclaredStates.FilesServer);
        var subject = (await server.SignInAsync(web, "openid files:read")).AccessToken;
        var answer = (await ExchangeAsync(files, subject, ("requested_token_type", JwtType))).Expect(HttpStatusCode.OK);
        Assert.Equal(("api:read", JwtType), (answer["scope"], answer["issued_token_type"]));
        Assert.Equal(DeclaredStates.Api, Jwt.Claims(answer["access_token"]!).GetProperty("aud").GetString());

        var other = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        Assert.Equal("files:read", (await ExchangeAsync(api, other, ("audience", DeclaredStates.Files))).Expect(HttpStatusCode.OK)["scope"]);
        Assert.Equal("files:read", (await ExchangeAsync(api, other, ("scope", "files:read"))).Expect(HttpStatusCode.OK)["scope"]);
        var both = (await ExchangeAsync(api, other, ("audience", DeclaredStates.Files), ("audience", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        Assert.Equal("files:read api:read", both["scope"]);
        (await ExchangeAsync(api, other)).ExpectError("invalid_target");
    }

    [Fact, Spec("RFC 8693", "1.1"), Spec("RFC 8693", "4.1")]
    public async Task Who_acted_before_stays_in_the_chain_and_the_chain_ends_somewhere()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var files = server.Client(DeclaredStates.FilesServer);
        var token = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var exchanges = 0;
        Answer answer;
        for (; ; exchanges++)
        {
            answer = exchanges % 2 == 0
                ? await ExchangeAsync(api, token, ("resource", DeclaredStates.Files))
                : await ExchangeAsync(files, token, ("resource", DeclaredStates.Api));
            if (answer.Status != HttpStatusCode.OK || exchanges == 100) break;
            token = answer["access_token"]!;
            if (exchanges == 1) Assert.Equal("""{"sub":"files-server","act":{"sub":"api-server"}}""", Jwt.Claims(token).GetProperty("act").GetRawText());
        }

        Assert.Equal(8, exchanges);
        answer.ExpectError("invalid_request");
        // Introspection tells the whole chain, too (RFC 8693 section 4.1, RFC 7662 section 2.2).
        var seen = (await api.IntrospectAsync(token)).Expect(HttpStatusCode.OK);
        Assert.Equal(Jwt.Claims(token).GetProperty("act").GetRawText(), seen["act"]);
    }

    [Fact, Spec("RFC 8693", "1.1"), Spec("RFC 8693", "4.1")]
    public async Task Only_the_policy_lets_a_client_leave_out_who_acts_and_then_the_earlier_ones_stay()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var support = server.Client(ExchangingServer.Support);
        var both = (await server.SignInAsync(web, "openid api:read files:read")).AccessToken;
        var silent = (await ExchangeAsync(support, both, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.False(Jwt.Claims(silent).TryGetProperty("act", out _));
        Assert.Equal("support", Jwt.Claims(silent).GetProperty("client_id").GetString());

        var acted = (await ExchangeAsync(api, both, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK)["access_token"]!;
        var after = (await ExchangeAsync(support, acted, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.Equal("""{"sub":"api-server"}""", Jwt.Claims(after).GetProperty("act").GetRawText());
    }

    [Fact, Spec("RFC 8693", "2.1"), Spec("RFC 8693", "4.1")]
    public async Task An_actor_token_says_who_acts_and_must_be_the_clients_own()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var support = server.Client(ExchangingServer.Support);
        using var bob = server.Server.Browser(DeclaredStates.Bob);
        var subject = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var agent = await support.SignInAsync(bob, "openid api:read");
        var answer = (await ExchangeAsync(support, subject, ("resource", DeclaredStates.Api), ("actor_token", agent.AccessToken), ("actor_token_type", AccessTokenType)))
            .Expect(HttpStatusCode.OK);
        var claims = Jwt.Claims(answer["access_token"]!);
        Assert.Equal(Jwt.Claims(agent.AccessToken).GetProperty("sub").GetString(), claims.GetProperty("act").GetProperty("sub").GetString());
        Assert.Equal(Jwt.Claims(subject).GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());

        // What another client holds does not make its person an actor here.
        (await ExchangeAsync(support, subject, ("resource", DeclaredStates.Api), ("actor_token", subject), ("actor_token_type", AccessTokenType))).ExpectError("invalid_request");
        (await ExchangeAsync(support, subject, ("resource", DeclaredStates.Api), ("actor_token", answer["access_token"]), ("actor_token_type", AccessTokenType)))
            .ExpectError("invalid_request");
        (await ExchangeAsync(support, subject, ("resource", DeclaredStates.Api), ("actor_token", "garbage"), ("actor_token_type", AccessTokenType))).ExpectError("invalid_request");

        // The client's own token as actor, and its end bounds the result's.
        var own = (await api.ClientCredentialsAsync("files:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var delegated = (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Api), ("actor_token", own), ("actor_token_type", JwtType))).Expect(HttpStatusCode.OK);
        Assert.Equal("""{"sub":"api-server"}""", Jwt.Claims(delegated["access_token"]!).GetProperty("act").GetRawText());
        Assert.True(int.Parse(delegated["expires_in"]!, System.Globalization.CultureInfo.InvariantCulture) <= 300);
    }

    [Fact, Spec("RFC 8693", "4.4")]
    public async Task May_act_names_the_one_who_may()
    {
        using var picky = server.Client(ExchangingServer.Picky);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var files = server.Client(DeclaredStates.FilesServer);
        using var support = server.Client(ExchangingServer.Support);
        var subject = (await server.SignInAsync(picky, "openid api:read files:read")).AccessToken;
        Assert.Equal("""{"sub":"files-server"}""", Jwt.Claims(subject).GetProperty("may_act").GetRawText());
        (await ExchangeAsync(files, subject)).Expect(HttpStatusCode.OK);
        (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
        // Nor is it got round by not saying who acts.
        (await ExchangeAsync(support, subject, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
    }

    [Fact, Spec("RFC 8693", "5"), Spec("RFC 8693", "2.2.2")]
    public async Task A_token_that_was_meant_for_another_API_is_not_to_be_exchanged()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        using var files = server.Client(DeclaredStates.FilesServer);
        var forFiles = (await server.SignInAsync(web, "openid files:read")).AccessToken;
        var forNobody = (await server.SignInAsync(web, "openid profile")).AccessToken;
        (await ExchangeAsync(api, forFiles, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
        (await ExchangeAsync(api, forNobody, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
        (await ExchangeAsync(files, (await server.SignInAsync(web, "openid api:read")).AccessToken)).ExpectError("invalid_request");
    }

    [Fact, Spec("RFC 8693", "2.1"), Spec("RFC 8707", "2.2")]
    public async Task A_client_narrows_its_own_token_and_never_widens_it()
    {
        using var web = server.Client(DeclaredStates.Web);
        var subject = (await server.SignInAsync(web, "openid api:read api:write files:read")).AccessToken;
        var narrow = (await ExchangeAsync(web, subject, ("resource", DeclaredStates.Api), ("scope", "api:read"))).Expect(HttpStatusCode.OK)["access_token"]!;
        var claims = Jwt.Claims(narrow);
        Assert.Equal(("api:read", DeclaredStates.Api), (claims.GetProperty("scope").GetString(), claims.GetProperty("aud").GetString()));
        // It takes nobody's place.
        Assert.False(claims.TryGetProperty("act", out _));

        // The grant has more, the token has not.
        (await ExchangeAsync(web, narrow, ("resource", DeclaredStates.Api), ("scope", "api:read api:write"))).ExpectError("invalid_scope");
        (await ExchangeAsync(web, narrow, ("resource", DeclaredStates.Files))).ExpectError("invalid_scope");
        (await ExchangeAsync(web, narrow, ("resource", DeclaredStates.Api), ("scope", "api:read openid"))).ExpectError("invalid_scope");
        Assert.Equal("api:read", (await ExchangeAsync(web, narrow, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK)["scope"]);
        // A target without a scope of it would be opened for nothing.
        (await ExchangeAsync(web, subject, ("resource", DeclaredStates.Api), ("resource", DeclaredStates.Files), ("scope", "api:read"))).ExpectError("invalid_target");
        (await ExchangeAsync(web, subject, ("resource", DeclaredStates.Api), ("scope", "offline_access"))).ExpectError("invalid_scope");
        (await ExchangeAsync(web, subject, ("resource", DeclaredStates.Api), ("scope", "openid"))).ExpectError("invalid_target");
    }

    [Fact, Spec("RFC 8693", "2.2.1")]
    public async Task It_ends_no_later_than_the_token_it_was_exchanged_for()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var subject = (await server.SignInAsync(web, "openid api:read files:read")).AccessToken;
        server.Wait(250);
        var answer = (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        Assert.Equal("50", answer["expires_in"]);
        Assert.Equal(Jwt.Claims(subject).GetProperty("exp").GetInt64(), Jwt.Claims(answer["access_token"]!).GetProperty("exp").GetInt64());
        server.Wait(51);
        (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
    }

    public static TheoryData<string> Ends => ["revoked jti", "revoked grant", "signed out", "account closed", "client's not_before"];

    [Theory, MemberData(nameof(Ends)), Spec("RFC 8693", "5"), Spec("RFC 7009", "2.1")]
    public async Task What_ends_the_subject_token_ends_its_exchange_and_what_came_of_it(string how)
    {
        await using var own = new ExchangingServer();
        await own.InitializeAsync();
        using var web = own.Client(DeclaredStates.Web);
        using var api = own.Client(DeclaredStates.ApiServer);
        using var files = own.Client(DeclaredStates.FilesServer);
        var tokens = await own.SignInAsync(web, "openid api:read");
        var exchanged = (await ExchangeAsync(api, tokens.AccessToken, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.Equal("true", (await files.IntrospectAsync(exchanged)).Expect(HttpStatusCode.OK)["active"]);
        own.Wait(2);
        var subject = Jwt.Claims(tokens.AccessToken).GetProperty("sub").GetString()!;
        switch (how)
        {
            case "revoked jti":
                (await web.RevokeAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
                break;
            case "revoked grant":
                (await web.RevokeAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
                break;
            case "signed out":
                await own.ExecuteAsync("UPDATE grants SET revoked_at = $1, revoked_reason = 'session_ended' WHERE sub = $2", own.Now, subject);
                break;
            case "account closed":
                await own.ExecuteAsync("UPDATE users SET disabled_at = $1 WHERE sub = $2", own.Now, subject);
                break;
            default:
                await own.ExecuteAsync("UPDATE clients SET not_before = $1 WHERE client_id = 'web'", own.Now);
                await own.ExecuteAsync("UPDATE configuration SET version = version + 1");
                await own.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
                break;
        }

        (await ExchangeAsync(api, tokens.AccessToken, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
        // A single access token that is revoked leaves its grant, and with it what was made from the grant, alive.
        Assert.Equal(how == "revoked jti" ? "true" : "false", (await files.IntrospectAsync(exchanged)).Expect(HttpStatusCode.OK)["active"]);
        if (how == "revoked jti")
        {
            (await api.RevokeAsync(exchanged)).Expect(HttpStatusCode.OK);
            Assert.Equal("false", (await files.IntrospectAsync(exchanged)).Expect(HttpStatusCode.OK)["active"]);
        }
    }

    /// <summary>A grant that hangs on a session gives nothing once that is over, though nobody has come yet to revoke the grant for it.</summary>
    [Theory, InlineData("expires_at"), InlineData("ended_at"), Spec("RFC 8693", "5")]
    public async Task A_session_that_is_over_ends_the_exchange(string column)
    {
        await using var own = new ExchangingServer();
        await own.InitializeAsync();
        using var web = own.Client(DeclaredStates.Web);
        using var api = own.Client(DeclaredStates.ApiServer);
        var token = (await own.SignInAsync(web, "openid api:read")).AccessToken;
        (await ExchangeAsync(api, token, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK);
        await own.ExecuteAsync($"UPDATE sessions SET {column} = $1", own.Now);
        (await ExchangeAsync(api, token, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
    }

    [Fact, Spec("OpenID Connect Core", "5.3.1")]
    public async Task Userinfo_forgets_the_exchanged_token_with_its_grant()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid offline_access api:read");
        var exchanged = (await ExchangeAsync(web, tokens.AccessToken, ("resource", DeclaredStates.Api), ("scope", "openid api:read"))).Expect(HttpStatusCode.OK)["access_token"]!;
        (await web.UserInfoAsync(exchanged)).Expect(HttpStatusCode.OK);
        (await web.RevokeAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(exchanged)).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 8693", "3")]
    public async Task An_ID_token_is_exchanged_by_the_client_it_was_given_to_while_its_grant_lives()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var support = server.Client(ExchangingServer.Support);
        var tokens = await server.SignInAsync(support, "openid api:read");
        var answer = (await ExchangeAsync(support, tokens.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        Assert.Equal("api:read", answer["scope"]);
        // It is no access token, and an access token is no ID token.
        (await ExchangeAsync(support, tokens.IdToken!, ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
        (await ExchangeAsync(support, tokens.AccessToken, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
        // Another client's, and a client whose policy does not speak of ID tokens.
        var others = await server.SignInAsync(web, "openid api:read");
        (await ExchangeAsync(support, others.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
        (await ExchangeAsync(web, others.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).ExpectError("invalid_request");

        (await support.RevokeAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await ExchangeAsync(support, tokens.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
    }

    /// <summary>What the API behind is opened for is said by a scope of the API in front; a token without it opens nothing there.</summary>
    [Fact, Spec("RFC 8693", "2.2.2")]
    public async Task A_token_without_the_subject_scope_of_a_target_gives_nothing_for_it()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var token = (await server.SignInAsync(web, "openid api:write")).AccessToken;
        (await ExchangeAsync(api, token, ("resource", DeclaredStates.Files))).ExpectError("invalid_scope");
        (await ExchangeAsync(api, token, ("resource", DeclaredStates.Files), ("scope", "files:read"))).ExpectError("invalid_scope");
        token = (await server.SignInAsync(web, "openid api:read api:write")).AccessToken;
        (await ExchangeAsync(api, token, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK);
    }

    /// <summary>As a hint an ID token is good when it is over; as a subject token it is not, though its grant and session live on.</summary>
    [Fact, Spec("RFC 8693", "2.1"), Spec("OIDC Core", "2")]
    public async Task An_ID_token_whose_time_is_over_is_not_exchanged()
    {
        await using var own = new ExchangingServer();
        await own.InitializeAsync();
        using var support = own.Client(ExchangingServer.Support);
        var tokens = await own.SignInAsync(support, "openid api:read");
        var expires = Jwt.Claims(tokens.IdToken!).GetProperty("exp").GetInt64();
        own.Wait((int)(expires - (own.Now / 1000)) - 1);
        (await ExchangeAsync(support, tokens.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        own.Wait(1);
        (await ExchangeAsync(support, tokens.IdToken!, ("subject_token_type", IdTokenType), ("resource", DeclaredStates.Api))).ExpectError("invalid_request");
        (await support.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 8693", "4.1")]
    public async Task A_clients_own_token_stays_that_clients_own()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        using var api = server.Client(DeclaredStates.ApiServer);
        var subject = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var claims = Jwt.Claims((await ExchangeAsync(api, subject, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK)["access_token"]!);
        Assert.Equal(("machine", "api-server"), (claims.GetProperty("sub").GetString(), claims.GetProperty("client_id").GetString()));
        Assert.Equal("""{"sub":"api-server"}""", claims.GetProperty("act").GetRawText());
        Assert.False(claims.TryGetProperty("auth_time", out _));
    }

    public static TheoryData<string, string?, string> Wrong => new()
    {
        { "subject_token", null, "invalid_request" },
        { "subject_token", "garbage", "invalid_request" },
        { "subject_token_type", null, "invalid_request" },
        { "subject_token_type", "urn:ietf:params:oauth:token-type:saml2", "invalid_request" },
        { "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "invalid_request" },
        { "subject_token_type", "access_token", "invalid_request" },
        { "actor_token_type", AccessTokenType, "invalid_request" },
        { "actor_token", "x", "invalid_request" },
        { "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "invalid_request" },
        { "requested_token_type", IdTokenType, "invalid_request" },
        { "requested_token_type", "urn:example:unknown", "invalid_request" },
        { "resource", "https://unknown.example.com", "invalid_target" },
        { "resource", "files", "invalid_target" },
        { "audience", "nobody", "invalid_target" },
        { "scope", "files:read api:write", "invalid_scope" },
        { "scope", "files:read unknown", "invalid_scope" },
        { "scope", "openid files:read", "invalid_scope" },
        { "scope", "files:\"", "invalid_scope" },
    };

    [Theory, MemberData(nameof(Wrong)), Spec("RFC 8693", "2.1"), Spec("RFC 8693", "2.2.2")]
    public async Task What_is_wrong_is_refused_by_its_name_and_writes_nothing(string name, string? value, string error)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var subject = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var before = await server.FingerprintAsync();
        List<(string, string?)> changes = [("resource", DeclaredStates.Files)];
        changes.RemoveAll(change => change.Item1 == name);
        TokenEndpointTests.AssertErrorForm((await ExchangeAsync(api, subject, [.. changes, (name, value)])).ExpectError(error));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Theory, MemberData(nameof(ForeignTokens.Names), MemberType = typeof(ForeignTokens)), Spec("RFC 8693", "2.1"), Spec("RFC 8725", "3")]
    public async Task A_forged_subject_or_actor_token_is_refused(string forgery)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var good = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var jwks = JsonNode.Parse((await web.GetAsync("/.well-known/jwks.json")).Body)!;
        var forged = ForeignTokens.Make(forgery, good, jwks);
        (await ExchangeAsync(api, forged, ("resource", DeclaredStates.Files))).ExpectError("invalid_request");
        (await ExchangeAsync(api, good, ("resource", DeclaredStates.Files), ("actor_token", forged), ("actor_token_type", AccessTokenType))).ExpectError("invalid_request");
    }

    [Fact, Spec("RFC 8693", "2.1"), Spec("RFC 6749", "5.2")]
    public async Task It_is_for_clients_that_prove_themselves_and_have_it_declared()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var bare = server.Client(ExchangingServer.Bare);
        using var spa = server.Client(DeclaredStates.Spa);
        using var liar = server.Client(DeclaredStates.ApiServer with { Secret = "another-secret-0123456789" });
        var subject = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        (await ExchangeAsync(bare, subject, ("resource", DeclaredStates.Files))).ExpectError("unauthorized_client");
        (await ExchangeAsync(spa, subject, ("resource", DeclaredStates.Files))).ExpectError("unauthorized_client");
        (await ExchangeAsync(liar, subject, ("resource", DeclaredStates.Files))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 9449", "5"), Spec("RFC 8693", "5")]
    public async Task A_bound_token_gives_bound_ones_only_and_its_own_client_proves_its_key()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        using var other = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var (request, code) = await server.CodeAsync(web, "openid api:read");
        var bound = (await ProveAsync(web, key, ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", request["redirect_uri"]!), ("code_verifier", request.CodeVerifier)))
            .Expect(HttpStatusCode.OK);
        Assert.Equal("DPoP", bound["token_type"]);
        (string, string)[] exchange =
        [
            ("grant_type", ExchangingServer.Grant), ("subject_token", bound["access_token"]!), ("subject_token_type", AccessTokenType), ("resource", DeclaredStates.Api), ("scope", "api:read"),
        ];
        (await web.TokenAsync(exchange.Select(field => (field.Item1, (string?)field.Item2)))).ExpectError("invalid_request");
        (await ProveAsync(web, other, exchange)).ExpectError("invalid_request");
        var narrowed = (await ProveAsync(web, key, exchange)).Expect(HttpStatusCode.OK);
        Assert.Equal(ForgedProof.Thumbprint(key), Jwt.Claims(narrowed["access_token"]!).GetProperty("cnf").GetProperty("jkt").GetString());

        // An API can't prove the app's key; it binds what it gets to its own.
        (await api.TokenAsync(exchange.Select(field => (field.Item1, (string?)field.Item2)))).ExpectError("invalid_request");
        var taken = (await ProveAsync(api, other, exchange)).Expect(HttpStatusCode.OK);
        Assert.Equal(ForgedProof.Thumbprint(other), Jwt.Claims(taken["access_token"]!).GetProperty("cnf").GetProperty("jkt").GetString());
    }

    private async Task<Answer> ProveAsync(OAuthClient client, System.Security.Cryptography.ECDsa key, params (string Name, string Value)[] form)
    {
        string? nonce = null;
        while (true)
        {
            var proof = new ForgedProof(key, "POST", server.Issuer + "/token", server.Clock.GetUtcNow());
            if (nonce is not null) proof.With("nonce", nonce);
            var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/token")
            {
                Content = new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))),
            };
            request.Headers.Authorization = OAuthClient.BasicHeader(client.Client.Id, client.Client.Secret!);
            request.Headers.Add("DPoP", proof.Sign());
            var answer = await client.SendAsync(request);
            if (nonce is not null || answer.Status == HttpStatusCode.OK || answer.Error != "use_dpop_nonce") return answer;
            nonce = answer.Header("DPoP-Nonce");
        }
    }

    [Fact]
    public async Task The_audit_tells_whose_token_who_exchanged_for_what()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        // Bob, whose tokens no other test exchanges.
        using var bob = server.Server.Browser(DeclaredStates.Bob);
        var subject = (await web.SignInAsync(bob, "openid api:read")).AccessToken;
        (await ExchangeAsync(api, subject, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK);
        AuditEvent? entry = null;
        await Eventually.HoldsAsync("the audit of the exchange", async () =>
        {
            server.Wait(1);
            entry = (await server.AuditAsync(AuditEvents.TokenIssued)).LastOrDefault(one =>
                one.ClientId == "api-server" && one.Subject == Jwt.Claims(subject).GetProperty("sub").GetString() && one.Detail!.Contains("token-exchange", StringComparison.Ordinal));
            return entry is not null;
        });
        Assert.Equal(Jwt.Claims(subject).GetProperty("sub").GetString(), entry!.Subject);
        var detail = JsonElement.Parse(entry.Detail!);
        Assert.Equal(("web", DeclaredStates.Files), (detail.GetProperty("subject_client").GetString(), detail.GetProperty("resource").GetString()));
        Assert.Equal("api-server", detail.GetProperty("act").GetProperty("sub").GetString());
    }

    private static Task<Answer> ExchangeAsync(OAuthClient client, string subjectToken, params (string Name, string? Value)[] changes) =>
        client.TokenAsync(((IEnumerable<(string Name, string? Value)>)[("grant_type", ExchangingServer.Grant), ("subject_token", subjectToken), ("subject_token_type", AccessTokenType)])
            .Where(field => !changes.Any(change => change.Name == field.Name)).Concat(changes));
}
