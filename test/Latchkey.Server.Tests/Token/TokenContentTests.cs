using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Latchkey.Server.Tests.Token;

/// <summary>What access tokens and ID tokens say.</summary>
public sealed class TokenContentTests(SharedServer server)
{
    [Fact, Spec("RFC 9068", "2.1"), Spec("RFC 9068", "2.2"), Spec("RFC 9068", "2.2.3"), Spec("RFC 6750", "5.3"), Check("A36")]
    public async Task An_access_token_is_what_RFC_9068_says()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        var tokens = await web.SignInAsync(alice, "openid email api:read");
        var claims = await Jwt.VerifyAsync(tokens.AccessToken, server.Issuer, DeclaredStates.Api, "at+jwt");
        Assert.Equal(
            ["acr", "aud", "auth_time", "client_id", "email", "exp", "iat", "iss", "jti", "scope", "status", "sub"],
            claims.EnumerateObject().Select(claim => claim.Name).Order());
        Assert.Equal((server.Issuer, "web", tokens.Scope), (Text(claims, "iss"), Text(claims, "client_id"), Text(claims, "scope")));
        Assert.Equal(900, claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64());
        Assert.Equal("900", tokens.Answer["expires_in"]);
        Assert.Equal("alice@example.com", Text(claims, "email"));
        Assert.Equal(Text(Jwt.Claims(tokens.IdToken!), "sub"), Text(claims, "sub"));
        Assert.NotEqual("alice", Text(claims, "sub"));
        Assert.Equal(["alg", "kid", "typ"], Jwt.Header(tokens.AccessToken).EnumerateObject().Select(member => member.Name).Order());
    }

    [Fact, Spec("RFC 9068", "3")]
    public async Task Without_a_resource_the_issuer_is_the_audience_and_no_claim_of_the_person_is_in_it()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        var tokens = await web.SignInAsync(alice, "openid profile email address phone");
        var claims = await Jwt.VerifyAsync(tokens.AccessToken, server.Issuer, server.Issuer, "at+jwt");
        foreach (var name in (string[])["email", "name", "phone_number", "address"]) Assert.False(claims.TryGetProperty(name, out _), name);
    }

    [Fact, Spec("OIDC Core", "2"), Spec("OIDC Core", "3.1.3.3"), Spec("OIDC Core", "3.1.3.6"), Spec("OIDC Core", "5.4"), Check("A37"), Check("oidcc-server")]
    public async Task An_ID_token_tells_who_when_and_for_whom()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        var tokens = await web.SignInAsync(alice, "openid profile email", ("nonce", "a nonce + with %2B odd=characters&" + new string('n', 300)));
        var claims = await Jwt.VerifyAsync(tokens.IdToken!, server.Issuer, "web", "JWT");
        Assert.Equal(
            ["acr", "amr", "at_hash", "aud", "auth_time", "exp", "iat", "iss", "nonce", "sid", "sub"],
            claims.EnumerateObject().Select(claim => claim.Name).Order());
        Assert.Equal(tokens.Request.Nonce, Text(claims, "nonce"));
        Assert.Equal(server.Issuer, Text(claims, "iss"));
        Assert.True(Text(claims, "sub").Length is > 0 and <= 255);
        Assert.Equal(Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(tokens.AccessToken)).AsSpan(0, 16)), Text(claims, "at_hash"));
        foreach (var name in (string[])["exp", "iat", "auth_time"]) Assert.Equal(JsonValueKind.Number, claims.GetProperty(name).ValueKind);
        Assert.Equal(["pwd"], claims.GetProperty("amr").EnumerateArray().Select(method => method.GetString()));
        Assert.Equal(["alg", "kid", "typ"], Jwt.Header(tokens.IdToken!).EnumerateObject().Select(member => member.Name).Order());
    }

    [Fact, Spec("OIDC Core", "2"), Check("oidcc-ensure-request-without-nonce-succeeds-for-code-flow")]
    public async Task Without_a_nonce_none_is_made_up()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        Assert.False(Jwt.Claims((await web.SignInAsync(alice, "openid", ("nonce", null))).IdToken!).TryGetProperty("nonce", out _));
    }

    [Theory, InlineData("RS256"), InlineData("PS256"), InlineData("ES256")]
    [Spec("OIDC Core", "15.1"), Spec("OIDC Core", "10.1"), Check("A9"), Check("oidcc-idtoken-signature")]
    public async Task A_client_chooses_how_its_ID_tokens_are_signed(string algorithm)
    {
        using var client = server.Client(algorithm switch { "ES256" => DeclaredStates.Es256, "PS256" => DeclaredStates.Ps256, _ => DeclaredStates.Web });
        using var alice = server.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        await Jwt.VerifyAsync(tokens.IdToken!, server.Issuer, client.Client.Id, "JWT", algorithm);
        var refreshed = (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        await Jwt.VerifyAsync(refreshed["id_token"]!, server.Issuer, client.Client.Id, "JWT", algorithm);
    }

    [Fact, Spec("OIDC Core", "5.5")]
    public async Task The_claims_parameter_puts_what_it_names_into_the_ID_token_and_userinfo()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        var tokens = await web.SignInAsync(alice, "openid", ("claims", """{"id_token":{"email":{"essential":true},"nickname":null},"userinfo":{"name":null,"sub":null},"other":{}}"""));
        var claims = Jwt.Claims(tokens.IdToken!);
        Assert.Equal("alice@example.com", Text(claims, "email"));
        Assert.False(claims.TryGetProperty("nickname", out _));
        Assert.False(claims.TryGetProperty("name", out _));
        var userInfo = (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        Assert.Equal(["name", "sub"], userInfo.Json.EnumerateObject().Select(claim => claim.Name).Order());
    }

    private static string Text(JsonElement claims, string name) => claims.GetProperty(name).GetString()!;
}
