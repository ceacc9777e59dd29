using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Client.Tests.Rogue;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.Tests.Endpoints;

/// <summary>Userinfo, introspection, revocation and logout.</summary>
public sealed class UserInfoAndRestTests
{
    [Theory, Spec("OIDC Core", "5.3.2"), Check("C9")]
    [InlineData("person-2", "LK-CLIENT-USERINFO-SUB")]
    [InlineData("PERSON-1", "LK-CLIENT-USERINFO-SUB")]
    [InlineData(null, "LK-CLIENT-USERINFO-SUB-MISSING")]
    public async Task Userinfo_about_somebody_else_is_refused(string? subject, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client);
        rogue.Answers["/userinfo"] = _ => RogueAnswer.Json(new JsonObject { ["sub"] = subject, ["email"] = "person@example.com" });
        await Refused.ByAsync(code, () => client.UserInfoAsync(tokens), "person@example.com");
    }

    [Fact, Spec("OIDC Core", "5.3"), Check("C9")]
    public async Task Userinfo_about_the_person_is_told()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client);
        var info = await client.UserInfoAsync(tokens);
        Assert.Equal((RogueProvider.Subject, "Person One"), (info.Subject, info.Text("name")));
        Assert.Equal("Bearer " + RogueProvider.AccessToken, rogue.To("/userinfo")[0].Headers["Authorization"]);
        Assert.DoesNotContain("Person", info.ToString(), StringComparison.Ordinal);
    }

    [Theory, Spec("OIDC Core", "5.3.2"), Check("C9")]
    [InlineData("right", null)]
    [InlineData("of another issuer", "LK-JWT-ISSUER")]
    [InlineData("for another client", "LK-JWT-AUDIENCE")]
    [InlineData("for nobody", "LK-JWT-AUDIENCE")]
    [InlineData("an access token", "LK-JWT-TYPE")]
    [InlineData("by another key", "LK-JWT-SIGNATURE")]
    [InlineData("about somebody else", "LK-CLIENT-USERINFO-SUB")]
    [InlineData("not signed", "LK-JWT-MALFORMED")]
    public async Task Signed_userinfo_is_verified(string kind, string? code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client);
        var claims = new JsonObject { ["iss"] = rogue.Issuer, ["aud"] = RogueProvider.ClientId, ["sub"] = RogueProvider.Subject, ["name"] = "Person One" };
        if (kind == "of another issuer") claims["iss"] = "https://evil.example";
        if (kind == "for another client") claims["aud"] = "other";
        if (kind == "for nobody") claims.Remove("aud");
        if (kind == "about somebody else") claims["sub"] = "person-2";
        // The header's kid stays that of the published key.
        var other = kind == "by another key" ? JwsSigner.Open("RS256", TestKeys.Rsa.KeyId, JwsSigner.Generate("RS256")) : null;
        var body = kind == "not signed" ? claims.ToJsonString() : rogue.Sign(claims, header => header["typ"] = kind == "an access token" ? "at+jwt" : "JWT", other);
        rogue.Answers["/userinfo"] = _ => new(body, 200, "application/jwt");
        if (code is null) Assert.Equal("Person One", (await client.UserInfoAsync(tokens)).Text("name"));
        else await Refused.ByAsync(code, () => client.UserInfoAsync(tokens), "Person One");
    }

    [Fact, Spec("OIDC Core", "5.3.2"), Spec("RFC 7516", "5.2"), Check("C9")]
    public async Task Encrypted_userinfo_is_opened_and_still_about_the_person()
    {
        var key = JweDecrypter.Open("ECDH-ES", "enc-1", JweDecrypter.Generate("ECDH-ES"));
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.DecryptionKeys.Add(key));
        var tokens = await rogue.SignInAsync(client);
        var to = JweEncrypter.Read(JsonElement.Parse(key.PublicKey.Span), "ECDH-ES")!;
        void Answers(string json) => rogue.Answers["/userinfo"] = _ => new(to.Encrypt(Encoding.UTF8.GetBytes(json), "A256GCM", null), 200, "application/jwt");

        Answers($$"""{"sub":"{{RogueProvider.Subject}}","name":"Person One"}""");
        Assert.Equal("Person One", (await client.UserInfoAsync(tokens)).Text("name"));
        Answers("""{"sub":"person-2","name":"Person Two"}""");
        await Refused.ByAsync("LK-CLIENT-USERINFO-SUB", () => client.UserInfoAsync(tokens), "Person Two");
        Answers($$"""{"sub":"{{RogueProvider.Subject}}","sub":"person-2"}""");
        await Refused.ByAsync("LK-CLIENT-USERINFO-SUB-MISSING", () => client.UserInfoAsync(tokens));
        // A signed token that anybody made, wrapped for the client.
        Answers(rogue.Sign(new JsonObject { ["iss"] = rogue.Issuer, ["aud"] = RogueProvider.ClientId, ["sub"] = RogueProvider.Subject }, header => header["alg"] = "none"));
        await Refused.ByAsync("LK-JWT-ALGORITHM", () => client.UserInfoAsync(tokens));
    }

    [Fact, Spec("RFC 6750", "3.1")]
    public async Task A_token_that_userinfo_refuses_is_told_by_its_code()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client);
        rogue.Answers["/userinfo"] = _ => new("", 401, "text/plain")
        {
            Headers = [("WWW-Authenticate", $"Bearer realm=\"a, b\", error=\"invalid_token\", error_description=\"{RogueProvider.AccessToken} has \\\"expired\\\"\"")],
        };
        var exception = await Refused.ErrorAsync("invalid_token", () => client.UserInfoAsync(tokens));
        Assert.Equal("(removed) has \"expired\"", exception.Description);
        Assert.Equal(401, exception.Status);

        rogue.Answers["/userinfo"] = _ => new("<html/>", 503, "text/html");
        Assert.True((await Refused.ProviderAsync("LK-CLIENT-ERROR-MALFORMED", () => client.UserInfoAsync(tokens))).IsTransient);
    }

    [Fact, Spec("RFC 7662", "2.2")]
    public async Task Introspection_tells_or_is_refused()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var answer = await client.IntrospectAsync("token-1");
        Assert.True(answer.IsActive);
        Assert.Equal((RogueProvider.Subject, "api:read"), (answer.Subject, answer.Scope));
        rogue.Answers["/introspect"] = _ => new("""{"active":false}""");
        Assert.False((await client.IntrospectAsync("token-1")).IsActive);
        foreach (var body in (string[])["{}", """{"active":"true"}""", """{"active":1}"""])
        {
            rogue.Answers["/introspect"] = _ => new(body);
            await Refused.ByAsync("LK-CLIENT-INTROSPECTION-MALFORMED", () => client.IntrospectAsync("token-1"), "token-1");
        }
    }

    [Fact, Spec("RFC 7009", "2.1"), Check("C25")]
    public async Task Signing_out_revokes_the_refresh_token_and_ends_the_providers_session()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.PostLogoutRedirectUri = "https://app.test/bye");
        rogue.Token["refresh_token"] = "refresh-1";
        var tokens = await rogue.SignInAsync(client);
        var result = await client.SignOutAsync(tokens, state: "after");
        Assert.Null(result.Fault);
        var sent = Assert.Single(rogue.To("/revoke"));
        Assert.Equal(("refresh-1", "refresh_token"), (sent.Form["token"], sent.Form["token_type_hint"]));
        var query = Parameters.Parse(result.Url!.Query);
        Assert.Equal(tokens.IdToken!.Value, query["id_token_hint"]);
        Assert.Equal(RogueProvider.ClientId, query["client_id"]);
        Assert.Equal("https://app.test/bye", query["post_logout_redirect_uri"]);
        Assert.Equal("after", query["state"]);
        Assert.DoesNotContain(tokens.IdToken.Value, result.ToString(), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 7009", "2.2"), Check("C25")]
    public async Task A_provider_that_is_away_keeps_nobody_signed_in()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token["refresh_token"] = "refresh-1";
        var tokens = await rogue.SignInAsync(client);
        rogue.Answers["/revoke"] = _ => RogueAnswer.Error("temporarily_unavailable", status: 503);
        var result = await client.SignOutAsync(tokens);
        Assert.IsType<OAuthException>(result.Fault);
        Assert.NotNull(result.Url);
        await Refused.ErrorAsync("temporarily_unavailable", () => client.RevokeAsync("refresh-1"));
    }

    [Fact, Spec("RFC 7009", "2.2")]
    public async Task A_revocation_may_be_answered_with_nothing()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Answers["/revoke"] = _ => new("", ContentType: "text/plain");
        await client.RevokeAsync("refresh-1");
    }
}
