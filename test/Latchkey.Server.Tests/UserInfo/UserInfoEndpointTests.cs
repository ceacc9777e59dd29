using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Token;

namespace Latchkey.Server.Tests.UserInfo;

/// <summary>The UserInfo endpoint as OpenID Connect describes it and as a resource of RFC 6750.</summary>
public sealed class UserInfoEndpointTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    [Fact, Spec("OIDC Core", "5.3"), Spec("RFC 6750", "2.1"), Spec("RFC 6750", "2.2"), Spec("OAuth 2.1", "5.1.1"),
     Check("oidcc-userinfo-get"), Check("oidcc-userinfo-post-header"), Check("oidcc-userinfo-post-body")]
    public async Task A_token_comes_in_the_header_or_the_form()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid email");
        var subject = Jwt.Claims(tokens.IdToken!).GetProperty("sub").GetString();
        foreach (var request in (HttpRequestMessage[])[
            With(HttpMethod.Get, "Bearer " + tokens.AccessToken), With(HttpMethod.Get, "bearer " + tokens.AccessToken), With(HttpMethod.Get, "BEARER  " + tokens.AccessToken),
            With(HttpMethod.Post, "Bearer " + tokens.AccessToken), With(HttpMethod.Post, "Bearer " + tokens.AccessToken, new StringContent("{}", Encoding.UTF8, "application/json")),
            With(HttpMethod.Post, "Bearer " + tokens.AccessToken, new FormUrlEncodedContent([])), With(HttpMethod.Post, null, new FormUrlEncodedContent([new("access_token", tokens.AccessToken)]))])
        {
            var answer = (await web.SendAsync(request)).Expect(HttpStatusCode.OK);
            Assert.Equal((subject, "application/json", "no-store"), (answer["sub"], answer.Header("Content-Type"), answer.Header("Cache-Control")));
            Assert.Equal(["email", "email_verified", "sub"], answer.Json.EnumerateObject().Select(claim => claim.Name).Order());
        }
    }

    public static TheoryData<string, string[]> Scopes => new()
    {
        { "openid", [] },
        { "openid profile", ["family_name", "given_name", "name", "preferred_username", "updated_at"] },
        { "openid email", ["email", "email_verified"] },
        { "openid address", ["address"] },
        { "openid phone", ["phone_number", "phone_number_verified"] },
        { "openid email phone address profile", ["address", "email", "email_verified", "family_name", "given_name", "name", "phone_number", "phone_number_verified", "preferred_username", "updated_at"] },
    };

    [Theory, MemberData(nameof(Scopes)), Spec("OIDC Core", "5.4"), Spec("OIDC Core", "5.3.2"), Spec("OIDC Core", "5.1"),
     Check("oidcc-scope-profile"), Check("oidcc-scope-email"), Check("oidcc-scope-address"), Check("oidcc-scope-phone"), Check("oidcc-scope-all")]
    public async Task A_scope_brings_its_claims_with_their_types_and_no_others(string scope, string[] names)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, scope);
        var claims = (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(names.Append("sub").Order(), claims.EnumerateObject().Select(claim => claim.Name).Order());
        foreach (var claim in claims.EnumerateObject())
        {
            Assert.Equal(
                claim.Name switch
                {
                    "email_verified" => JsonValueKind.True,
                    "phone_number_verified" => JsonValueKind.False,
                    "updated_at" => JsonValueKind.Number,
                    "address" => JsonValueKind.Object,
                    _ => JsonValueKind.String,
                },
                claim.Value.ValueKind);
        }

        // They are fetched, not carried.
        Assert.All(names, name => Assert.False(Jwt.Claims(tokens.IdToken!).TryGetProperty(name, out _)));
    }

    [Fact, Spec("RFC 6750", "3"), Spec("RFC 6750", "3.1"), Spec("OAuth 2.1", "5.1"), Spec("OAuth 2.1", "5.3.1"), Spec("RFC 6750", "2.3")]
    public async Task Without_a_token_one_is_told_how_and_nothing_more()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).AccessToken;
        foreach (var request in (HttpRequestMessage[])[
            With(HttpMethod.Get, null), With(HttpMethod.Post, null), With(HttpMethod.Get, null, null, "?access_token=" + token),
            With(HttpMethod.Get, "Basic " + Convert.ToBase64String("web:secret"u8)), With(HttpMethod.Get, token),
            With(HttpMethod.Post, null, new FormUrlEncodedContent([new("access_token", "")])),
            With(HttpMethod.Get, null, new FormUrlEncodedContent([new("access_token", token)]))])
        {
            var answer = (await web.SendAsync(request)).Expect(HttpStatusCode.Unauthorized);
            // Both schemes are told; the Bearer challenge comes first (RFC 9449 section 7.1).
            Assert.StartsWith($"Bearer realm=\"{server.Issuer}\", DPoP realm=\"{server.Issuer}\", algs=\"ES256 ", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.DoesNotContain("error", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
            Assert.Empty(answer.Body);
        }
    }

    [Fact, Spec("RFC 6750", "3.1"), Spec("RFC 6750", "2")]
    public async Task More_than_one_token_is_no_request()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).AccessToken;
        var answer = await web.SendAsync(With(HttpMethod.Post, "Bearer " + token, new FormUrlEncodedContent([new("access_token", token)])));
        AssertChallenge(answer.ExpectError("invalid_request"), "invalid_request");
    }

    [Theory, MemberData(nameof(ForeignTokens.Names), MemberType = typeof(ForeignTokens))]
    [Spec("RFC 6750", "5.2"), Spec("RFC 6750", "3.1"), Spec("OAuth 2.1", "1.4.2"), Spec("RFC 9068", "4"), Spec("OIDC Core", "5.3.3"), Spec("RFC 8725", "3.1")]
    public async Task A_token_that_is_not_ours_is_refused(string name)
    {
        using var web = server.Client(DeclaredStates.Web);
        var good = (await server.SignInAsync(web)).AccessToken;
        var jwks = JsonNode.Parse((await web.GetAsync("/.well-known/jwks.json")).Body)!;
        var answer = await web.SendAsync(With(HttpMethod.Get, "Bearer " + ForeignTokens.Make(name, good, jwks)));
        AssertChallenge(answer.ExpectError("invalid_token", HttpStatusCode.Unauthorized), "invalid_token");
        // The forgery did not get the good one's place.
        (await web.UserInfoAsync(good)).Expect(HttpStatusCode.OK);
        answer = await web.SendAsync(With(HttpMethod.Get, "Bearer " + ForeignTokens.Make(name, good, jwks)));
        answer.ExpectError("invalid_token", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 9068", "5"), Spec("OIDC Core", "5.3.3"), Check("A37")]
    public async Task ID_tokens_refresh_tokens_and_codes_are_no_access_tokens()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var (_, code) = await server.CodeAsync(web);
        foreach (var token in (string[])[tokens.IdToken!, tokens.RefreshToken!, code])
            AssertChallenge((await web.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized), "invalid_token");
    }

    [Fact, Spec("RFC 6750", "3.1"), Spec("OIDC Core", "5.3.3"), Spec("OAuth 2.1", "5.2")]
    public async Task A_token_without_openid_does_not_reach()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var machine = server.Client(DeclaredStates.Machine);
        var mine = (await server.SignInAsync(web, "api:read offline_access")).AccessToken;
        var own = (await machine.ClientCredentialsAsync("api:read"))["access_token"]!;
        foreach (var token in (string[])[mine, own])
        {
            var answer = (await web.UserInfoAsync(token)).ExpectError("insufficient_scope", HttpStatusCode.Forbidden);
            AssertChallenge(answer, "insufficient_scope");
            Assert.EndsWith(", scope=\"openid\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Whatever_its_audience_a_token_with_openid_works()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid api:read files:read", ("resource", DeclaredStates.Files));
        Assert.Equal(DeclaredStates.Files, Jwt.Claims(tokens.AccessToken).GetProperty("aud").GetString());
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("OAuth 2.1", "5.2"), Spec("RFC 6750", "3.1")]
    public async Task A_token_lives_fifteen_minutes()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).AccessToken;
        server.Wait(899);
        (await web.UserInfoAsync(token)).Expect(HttpStatusCode.OK);
        server.Wait(1);
        var answer = (await web.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Contains("expired", answer.ErrorDescription, StringComparison.Ordinal);
    }

    private static void AssertChallenge(Answer answer, string error)
    {
        var challenge = answer.Header("WWW-Authenticate")!;
        Assert.StartsWith("Bearer realm=\"", challenge, StringComparison.Ordinal);
        Assert.Contains($", error=\"{error}\", error_description=\"{answer.ErrorDescription}\"", challenge, StringComparison.Ordinal);
        Assert.All(challenge, character => Assert.True(character is >= ' ' and <= '~' and not '\\'));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
    }

    private HttpRequestMessage With(HttpMethod method, string? authorization, HttpContent? content = null, string query = "")
    {
        var request = new HttpRequestMessage(method, server.Issuer + "/userinfo" + query) { Content = content };
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return request;
    }
}
