using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>Signed and encrypted answers: JARM at the authorization endpoint, ID tokens, userinfo; and the subjects in them.</summary>
public sealed class SignedResponseTests(SignedServer server) : IClassFixture<SignedServer>
{
    [Theory, Spec("JARM", "2.1"), Spec("JARM", "2.3.1"), Spec("JARM", "2.3.3"), Spec("JARM", "2.3.4"), Check("fapi2-security-profile-final-happy-flow")]
    [InlineData("jwt")]
    [InlineData("query.jwt")]
    [InlineData("form_post.jwt")]
    public async Task An_answer_can_be_signed(string mode)
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var request = client.Request("openid", ("response_mode", mode));
        var stop = await server.Alice.AuthorizeAsync(request.Url);
        Assert.Equal(["response"], stop.Answer.Parameters.Keys);
        Assert.Equal(mode == "form_post.jwt", stop.FormPostTarget is not null);
        var claims = await Jwt.VerifyAsync(stop.Answer["response"]!, server.Issuer, "assertion", "JWT", "RS256", server.Clock);
        Assert.Equal(["aud", "code", "exp", "iat", "iss", "state"], claims.EnumerateObject().Select(claim => claim.Name).Order(StringComparer.Ordinal));
        Assert.Equal(request.State, claims.GetProperty("state").GetString());
        Assert.InRange(claims.GetProperty("exp").GetInt64() - server.Clock.GetUtcNow().ToUnixTimeSeconds(), 60, 600);
        (await client.RedeemAsync(request, claims.GetProperty("code").GetString()!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("JARM", "2.1"), Check("fapi2-security-profile-final-user-rejects-authentication")]
    public async Task An_error_is_signed_too()
    {
        using var client = server.Client(DeclaredStates.Assertion);
        using var nobody = server.Server.Browser();
        foreach (var (changes, error) in new[] { (("prompt", "none"), "login_required"), (("scope", "nonsense"), "invalid_scope") })
        {
            var request = client.Request("openid", ("response_mode", "jwt"), (changes.Item1, changes.Item2));
            var stop = await nobody.GetAsync(request.Url);
            var claims = await Jwt.VerifyAsync(stop.Answer["response"]!, server.Issuer, "assertion", "JWT", "RS256", server.Clock);
            Assert.Equal((error, request.State), (claims.GetProperty("error").GetString(), claims.GetProperty("state").GetString()));
            Assert.Null(stop.Answer.Error);
        }
    }

    [Fact, Spec("JARM", "2.3.2")]
    public async Task Fragments_are_not_answered_in()
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var request = client.Request("openid", ("response_mode", "fragment.jwt"));
        (await server.Alice.GetAsync(request.Url)).ExpectError(request, "invalid_request");
        var modes = (await client.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("response_modes_supported").EnumerateArray().Select(mode => mode.GetString());
        Assert.Equal(["form_post", "form_post.jwt", "jwt", "query", "query.jwt"], modes.Order(StringComparer.Ordinal));
    }

    [Fact, Spec("JARM", "2.2"), Spec("OIDC Core", "5.3.2"), Spec("OIDC Core", "10.2"), Spec("RFC 7519", "5.2")]
    public async Task Everything_can_be_encrypted_by_agreement()
    {
        using var client = server.Client(SignedServer.Agreed);
        var request = client.Request("openid email", ("response_mode", "jwt"));
        var stop = await server.Alice.AuthorizeAsync(request.Url);
        var response = stop.Answer["response"]!;
        var header = Jwt.Header(response);
        Assert.Equal(("ECDH-ES", "A256GCM", "JWT", "agree"), (header.GetProperty("alg").GetString(), header.GetProperty("enc").GetString(), header.GetProperty("cty").GetString(), header.GetProperty("kid").GetString()));
        var answer = await Jwt.VerifyAsync(SignedServer.Decrypt(SignedServer.Agreement, response), server.Issuer, "agreed", "JWT", "ES384", server.Clock);
        var tokens = (await client.RedeemAsync(request, answer.GetProperty("code").GetString()!)).Expect(HttpStatusCode.OK);
        var idToken = await Jwt.VerifyAsync(SignedServer.Decrypt(SignedServer.Agreement, tokens["id_token"]!), server.Issuer, "agreed", "JWT", "ES384", server.Clock);
        Assert.Equal(request.Nonce, idToken.GetProperty("nonce").GetString());
        var info = await client.UserInfoAsync(tokens["access_token"]!);
        Assert.Equal("application/jwt", info.Header("Content-Type"));
        var claims = Jwt.Claims(SignedServer.Decrypt(SignedServer.Agreement, info.Body));
        Assert.Equal((server.Issuer, "agreed", idToken.GetProperty("sub").GetString(), "alice@example.com"),
            (claims.GetProperty("iss").GetString(), claims.GetProperty("aud").GetString(), claims.GetProperty("sub").GetString(), claims.GetProperty("email").GetString()));
        // An ID token is the hint that its client can send: what was decrypted.
        var hinted = client.Request("openid", ("prompt", "none"), ("id_token_hint", SignedServer.Decrypt(SignedServer.Agreement, tokens["id_token"]!)), ("response_mode", "jwt"));
        Assert.Contains("\"code\"", SignedServer.Decrypt(SignedServer.Agreement, (await server.Alice.GetAsync(hinted.Url)).Answer["response"]!) is { } again ? Jwt.Claims(again).GetRawText() : "", StringComparison.Ordinal);
    }

    [Fact, Spec("OIDC Core", "5.3.2"), Spec("OIDC Registration", "2")]
    public async Task Everything_can_be_encrypted_to_an_RSA_key()
    {
        using var client = server.Client(SignedServer.Wrapped);
        var request = client.Request("openid email", ("response_mode", "jwt"));
        var response = (await server.Alice.AuthorizeAsync(request.Url)).Answer["response"]!;
        Assert.Equal(("RSA-OAEP-256", "A128CBC-HS256"), (Jwt.Header(response).GetProperty("alg").GetString(), Jwt.Header(response).GetProperty("enc").GetString()));
        var answer = Jwt.Claims(SignedServer.Decrypt(SignedServer.Wrapping, response));
        var tokens = (await client.RedeemAsync(request, answer.GetProperty("code").GetString()!)).Expect(HttpStatusCode.OK);
        Assert.Equal(request.Nonce, Jwt.Claims(SignedServer.Decrypt(SignedServer.Wrapping, tokens["id_token"]!)).GetProperty("nonce").GetString());
        // Encrypted only, its userinfo is plain JSON inside.
        var info = await client.UserInfoAsync(tokens["access_token"]!);
        Assert.Equal("application/jwt", info.Header("Content-Type"));
        Assert.Equal("alice@example.com", JsonElement.Parse(SignedServer.Decrypt(SignedServer.Wrapping, info.Body)).GetProperty("email").GetString());
        Assert.False(Jwt.Header(info.Body).TryGetProperty("cty", out _));
    }

    [Fact, Spec("JARM", "2.2")]
    public async Task What_can_not_be_encrypted_is_not_sent_and_uses_nothing_up()
    {
        using var client = server.Client(SignedServer.Keyless);
        (await server.Alice.AuthorizeAsync(client.Request("openid", ("response_mode", "jwt")).Url)).ExpectErrorPage(HttpStatusCode.ServiceUnavailable);
        var (request, code) = await server.CodeAsync(client);
        var before = await server.FingerprintAsync();
        (await client.RedeemAsync(request, code)).ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("OIDC Core", "8"), Spec("OIDC Core", "8.1")]
    public async Task Clients_of_one_sector_know_a_person_by_one_name_and_others_by_another()
    {
        using var a = server.Client(SignedServer.PairA);
        using var b = server.Client(SignedServer.PairB);
        using var apart = server.Client(SignedServer.Apart);
        using var web = server.Client(DeclaredStates.Web);
        var (ofA, again, ofB, ofApart, own) = (await SubjectAsync(a), await SubjectAsync(a), await SubjectAsync(b), await SubjectAsync(apart), await SubjectAsync(web));
        Assert.Equal((ofA, ofA), (again, ofB));
        Assert.Equal(3, new[] { ofA, ofApart, own }.Distinct().Count());

        // By whatever way the client asks.
        var tokens = await server.SignInAsync(a, "openid api:read offline_access");
        Assert.Equal(ofA, (await a.UserInfoAsync(tokens.AccessToken))["sub"]);
        Assert.Equal(ofA, (await a.IntrospectAsync(tokens.AccessToken))["sub"]);
        Assert.Equal(ofA, (await a.IntrospectAsync(tokens.RefreshToken!))["sub"]);
        Assert.Null((await a.IntrospectAsync(tokens.AccessToken))["username"]);
        Assert.Equal(ofA, Jwt.Claims(tokens.AccessToken).GetProperty("sub").GetString());
        Assert.Equal(ofA, Jwt.Claims((await a.RefreshAsync(tokens.RefreshToken!))["id_token"]!).GetProperty("sub").GetString());

        // What a client knows a person by is what it asks for them with.
        var hinted = a.Request("openid", ("prompt", "none"), ("id_token_hint", tokens.IdToken));
        (await server.Alice.GetAsync(hinted.Url)).ExpectCode(hinted);
        var claimed = a.Request("openid", ("prompt", "none"), ("claims", $$$$"""{"id_token":{"sub":{"value":"{{{{ofA}}}}"}}}"""));
        (await server.Alice.GetAsync(claimed.Url)).ExpectCode(claimed);
        var others = a.Request("openid", ("prompt", "none"), ("claims", $$$$"""{"id_token":{"sub":{"value":"{{{{own}}}}"}}}"""));
        (await server.Alice.GetAsync(others.Url)).ExpectError(others, "login_required");
    }

    private async Task<string> SubjectAsync(OAuthClient client) => Jwt.Claims((await server.SignInAsync(client, "openid")).IdToken!).GetProperty("sub").GetString()!;
}
