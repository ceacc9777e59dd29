using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Token;

namespace Latchkey.Server.Tests.Introspection;

/// <summary>Who may look into which token, and what they see.</summary>
public sealed class IntrospectionEndpointTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    private const string Inactive = """{"active":false}""";

    [Fact, Spec("RFC 7662", "2.2"), Check("A44")]
    public async Task A_resources_server_and_the_tokens_client_see_what_it_says()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var api = server.Client(DeclaredStates.ApiServer);
        var token = (await server.SignInAsync(web, "openid api:read")).AccessToken;
        var claims = Jwt.Claims(token);
        foreach (var caller in (OAuthClient[])[api, web])
        {
            var answer = (await caller.IntrospectAsync(token)).Expect(HttpStatusCode.OK);
            Assert.Equal(("application/json", "no-store"), (answer.Header("Content-Type"), answer.Header("Cache-Control")));
            Assert.Equal(JsonValueKind.True, answer.Json.GetProperty("active").ValueKind);
            Assert.Equal(("Bearer", "alice"), (answer["token_type"], answer["username"]));
            foreach (var name in (string[])["iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti", "auth_time", "acr"])
                Assert.Equal(claims.GetProperty(name).GetRawText(), answer.Json.GetProperty(name).GetRawText());
        }
    }

    [Fact, Spec("RFC 7662", "2.2"), Spec("RFC 7662", "4"), Spec("RFC 7662", "5"), Check("A44")]
    public async Task To_anybody_else_every_token_is_inactive()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid offline_access api:read");
        foreach (var id in (TestClient[])[DeclaredStates.FilesServer, DeclaredStates.Post, DeclaredStates.Machine])
        {
            using var other = server.Client(id);
            Assert.Equal(Inactive, (await other.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK).Body);
            Assert.Equal(Inactive, (await other.IntrospectAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK).Body);
        }

        // A refresh token is not for the resource either.
        using var api = server.Client(DeclaredStates.ApiServer);
        Assert.Equal(Inactive, (await api.IntrospectAsync(tokens.RefreshToken!)).Body);
    }

    [Fact, Spec("RFC 7662", "2.1"), Spec("RFC 7662", "2.3"), Check("A44")]
    public async Task Callers_prove_who_they_are()
    {
        using var spa = server.Client(DeclaredStates.Spa);
        var token = (await server.SignInAsync(spa)).AccessToken;
        var answer = (await spa.IntrospectAsync(token)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Contains("public", answer.ErrorDescription, StringComparison.Ordinal);
        using var bare = server.Client(DeclaredStates.ApiServer with { Method = TestClient.None });
        (await bare.IntrospectAsync(token)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await bare.IntrospectAsync(token, ("client_id", ""))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var wrong = server.Client(DeclaredStates.ApiServer with { Secret = "wrong-secret-0123456789" });
        Assert.StartsWith("Basic ", (await wrong.IntrospectAsync(token)).ExpectError("invalid_client", HttpStatusCode.Unauthorized).Header("WWW-Authenticate"), StringComparison.Ordinal);
        // An access token opens nothing here.
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/introspect") { Content = new FormUrlEncodedContent([new("token", token)]) };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        (await spa.SendAsync(request)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 7662", "2.1")]
    public async Task A_token_must_be_named()
    {
        using var api = server.Client(DeclaredStates.ApiServer);
        (await api.PostAsync("/introspect")).ExpectError("invalid_request");
        (await api.IntrospectAsync("")).ExpectError("invalid_request");
    }

    [Theory, InlineData("access_token"), InlineData("refresh_token"), InlineData("saml"), InlineData("")]
    [Spec("RFC 7662", "2.1")]
    public async Task A_wrong_hint_hides_nothing(string hint)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        Assert.Equal("true", (await web.IntrospectAsync(tokens.AccessToken, ("token_type_hint", hint)))["active"]);
        Assert.Equal("true", (await web.IntrospectAsync(tokens.RefreshToken!, ("token_type_hint", hint)))["active"]);
    }

    [Fact, Spec("RFC 7662", "2.2")]
    public async Task A_refresh_token_is_active_as_long_as_it_is_the_current_one()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var answer = await web.IntrospectAsync(tokens.RefreshToken!);
        Assert.Equal(("true", "web", "openid offline_access", "alice"), (answer["active"], answer["client_id"], answer["scope"], answer["username"]));
        Assert.Equal(server.Now / 1000 + 30 * 24 * 3600, answer.Json.GetProperty("exp").GetInt64());
        var next = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        Assert.Equal(Inactive, (await web.IntrospectAsync(tokens.RefreshToken!)).Body);
        Assert.Equal("true", (await web.IntrospectAsync(next))["active"]);
    }

    [Theory, MemberData(nameof(ForeignTokens.Names), MemberType = typeof(ForeignTokens))]
    [Spec("RFC 7662", "2.2"), Spec("RFC 7662", "4"), Check("A44")]
    public async Task A_token_that_is_not_ours_is_inactive(string name)
    {
        using var web = server.Client(DeclaredStates.Web);
        var good = (await server.SignInAsync(web)).AccessToken;
        var forged = ForeignTokens.Make(name, good, JsonNode.Parse((await web.GetAsync("/.well-known/jwks.json")).Body)!);
        var before = await server.FingerprintAsync();
        Assert.Equal(Inactive, (await web.IntrospectAsync(forged)).Expect(HttpStatusCode.OK).Body);
        // Revoking it is all the same to the good one.
        Assert.Equal("{}", (await web.RevokeAsync(forged)).Expect(HttpStatusCode.OK).Body);
        Assert.Equal(before, await server.FingerprintAsync());
        Assert.Equal("true", (await web.IntrospectAsync(good))["active"]);
    }

    [Fact, Spec("RFC 7662", "2.2"), Spec("RFC 7662", "2.3")]
    public async Task What_is_over_is_inactive()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var machine = server.Client(DeclaredStates.Machine);
        var tokens = await server.SignInAsync(web);
        var own = (await machine.ClientCredentialsAsync(null))["access_token"]!;
        var (_, code) = await server.CodeAsync(web);
        Assert.Equal(Inactive, (await web.IntrospectAsync(tokens.IdToken!)).Body);
        Assert.Equal(Inactive, (await web.IntrospectAsync(code)).Body);
        Assert.Equal("machine", (await machine.IntrospectAsync(own))["sub"]);
        Assert.Null((await machine.IntrospectAsync(own))["username"]);
        server.Wait(900);
        Assert.Equal(Inactive, (await web.IntrospectAsync(tokens.AccessToken)).Body);
        Assert.Equal(Inactive, (await machine.IntrospectAsync(own)).Body);
    }
}
