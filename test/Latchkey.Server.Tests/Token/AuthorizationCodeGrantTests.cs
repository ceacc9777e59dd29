using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Token;

/// <summary>A code works once, soon, for its client, its redirect URI and its verifier; a request that is wrong in anything uses nothing up.</summary>
public sealed class AuthorizationCodeGrantTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    [Fact, Check("M14"), Spec("RFC 6749", "4.1.3"), Spec("RFC 6749", "5.1"), Spec("OIDC Core", "3.1.3.3"), Check("oidcc-server")]
    public async Task A_code_gives_what_was_granted()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web, "openid profile api:read");
        var answer = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        Assert.Equal("Bearer", answer["token_type"]);
        Assert.Equal("900", answer["expires_in"]);
        Assert.Equal("openid profile api:read", answer["scope"]);
        Assert.Equal(["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal(("no-store", "no-cache", "application/json"), (answer.Header("Cache-Control"), answer.Header("Pragma"), answer.Header("Content-Type")));
    }

    [Fact, Spec("OIDC Core", "3.1.3.2")]
    public async Task Without_openid_there_is_no_ID_token()
    {
        using var web = server.Client(DeclaredStates.Web);
        var answer = (await server.SignInAsync(web, "api:read")).Answer;
        Assert.False(answer.Json.TryGetProperty("id_token", out _));
        Assert.NotNull(answer["refresh_token"]);
    }

    [Fact, Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "7.5.2"), Spec("OIDC Core", "3.1.3.2"), Check("A21"), Check("oidcc-codereuse"), Check("oidcc-codereuse-30seconds")]
    public async Task A_replay_is_refused_and_ends_what_the_code_gave()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web);
        var tokens = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        server.Wait(30);
        var answer = (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        Assert.Contains("redeemed before", answer.ErrorDescription, StringComparison.Ordinal);
        (await web.UserInfoAsync(tokens["access_token"]!)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        (await web.RefreshAsync(tokens["refresh_token"]!)).ExpectError("invalid_grant");
        Assert.Equal("""{"active":false}""", (await web.IntrospectAsync(tokens["access_token"]!)).Body);

        var grant = await server.GrantAsync(tokens["refresh_token"]!);
        Assert.Equal(RevocationReasons.CodeReplay, grant.RevokedReason);
        var alarm = (await server.AuditAsync(AuditEvents.CodeReplay))[^1];
        Assert.Equal((DeclaredStates.Web.Id, grant.Subject, "127.0.0.1", server.Now), (alarm.ClientId, alarm.Subject, alarm.Address, alarm.At));
        // Once more changes nothing.
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    public static TheoryData<string, string?, string, string> Wrong => new()
    {
        { "code_verifier", "wrong-verifier-wrong-verifier-wrong-verifier", "invalid_grant", "does not match" },
        { "code_verifier", null, "invalid_grant", "code_verifier is missing" },
        { "code_verifier", "short", "invalid_grant", "does not match" },
        { "code_verifier", "", "invalid_grant", "code_verifier is missing" },
        { "redirect_uri", "http://127.0.0.1:3000/other", "invalid_grant", "redirect_uri" },
        { "redirect_uri", "http://127.0.0.1:3000/callback/", "invalid_grant", "redirect_uri" },
        { "redirect_uri", "http://127.0.0.1:3001/callback", "invalid_grant", "redirect_uri" },
        { "resource", DeclaredStates.Files, "invalid_target", "granted" },
        { "resource", "urn:nowhere", "invalid_target", "registered" },
        { "resource", "relative/path", "invalid_target", "absolute" },
        { "resource", "https://api.example.com/#part", "invalid_target", "fragment" },
        { "code", null, "invalid_request", "code is missing" },
        { "client_id", "post", "invalid_request", "client_id" },
        { "client_secret", "another", "invalid_request", "twice" },
        { "grant_type", "password", "unsupported_grant_type", "authorization_code" },
        { "grant_type", "refresh_token", "invalid_request", "refresh_token is missing" },
    };

    [Theory, MemberData(nameof(Wrong))]
    [Spec("RFC 6749", "4.1.3"), Spec("RFC 6749", "5.2"), Spec("RFC 7636", "4.5"), Spec("RFC 7636", "4.6"), Spec("RFC 8707", "2.2"), Spec("OAuth 2.1", "4.1.3"),
     Check("A20"), Check("A22"), Check("A35")]
    public async Task A_wrong_request_does_not_use_the_code_up(string name, string? value, string error, string says)
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web, "openid api:read");
        var before = await server.FingerprintAsync();
        var answer = (await web.RedeemAsync(request, code, (name, value))).ExpectError(error);
        Assert.Contains(says, answer.ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
        (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Wrong))]
    [Spec("OAuth 2.1", "7.5.2"), Check("A21")]
    public async Task A_wrong_replay_ends_nothing(string name, string? value, string error, string says)
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web, "openid api:read");
        var tokens = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        var before = await server.FingerprintAsync();
        Assert.Contains(says, (await web.RedeemAsync(request, code, (name, value))).ExpectError(error).ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
        (await web.UserInfoAsync(tokens["access_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 7636", "4.6")]
    public async Task The_challenge_is_no_verifier()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web);
        (await web.RedeemAsync(request, code, ("code_verifier", request["code_challenge"]))).ExpectError("invalid_grant");
    }

    [Theory, InlineData(42, false), InlineData(43, true), InlineData(128, true), InlineData(129, false)]
    [Spec("RFC 7636", "4.1"), Check("A20")]
    public async Task A_verifier_has_43_to_128_characters(int length, bool good)
    {
        using var web = server.Client(DeclaredStates.Web);
        var verifier = new string('v', length);
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
        var (request, code) = await server.CodeAsync(web, "openid", ("code_challenge", challenge));
        var answer = await web.RedeemAsync(request, code, ("code_verifier", verifier));
        if (good) answer.Expect(HttpStatusCode.OK);
        else answer.ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 7636", "B")]
    public async Task The_example_of_the_specification_works()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web, "openid", ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        (await web.RedeemAsync(request, code, ("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 7636", "4.4")]
    public async Task A_code_belongs_to_the_verifier_of_its_own_request()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (first, code) = await server.CodeAsync(web);
        var (second, other) = await server.CodeAsync(web);
        (await web.RedeemAsync(second, code)).ExpectError("invalid_grant");
        (await web.RedeemAsync(first, other)).ExpectError("invalid_grant");
        // Nothing can be read out of it.
        foreach (var secret in (string[])[first["code_challenge"]!, first.Nonce!, "alice", "web"])
            Assert.DoesNotContain(secret, Encoding.Latin1.GetString(Base64Url.DecodeFromChars(code.AsSpan(4))), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9700", "4.8.2"), Spec("OAuth 2.1", "3.2.4"), Check("A20")]
    public async Task A_verifier_without_a_challenge_is_a_downgrade()
    {
        using var client = server.Client(DeclaredStates.WithoutPkce);
        var (request, code) = await server.CodeAsync(client, "openid", ("code_challenge", null), ("code_challenge_method", null));
        (await client.RedeemAsync(request, code)).ExpectError("invalid_grant");
        Assert.Contains("redirect_uri", (await client.RedeemAsync(request, code, ("code_verifier", null), ("redirect_uri", null))).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
        (await client.RedeemAsync(request, code, ("code_verifier", null))).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "4.1.3"), Spec("OAuth 2.1", "10.2")]
    public async Task Where_PKCE_ties_the_code_the_redirect_URI_may_be_left_out()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web);
        (await web.RedeemAsync(request, code, ("redirect_uri", null))).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "4.1.2"), Spec("RFC 6749", "4.1.3"), Spec("RFC 6749", "10.5"), Check("A22")]
    public async Task A_code_works_only_for_its_client()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var post = server.Client(DeclaredStates.Post);
        using var spa = server.Client(DeclaredStates.Spa);
        var (request, code) = await server.CodeAsync(web);
        var before = await server.FingerprintAsync();
        (await post.RedeemAsync(request, code)).ExpectError("invalid_grant");
        (await spa.RedeemAsync(request, code)).ExpectError("invalid_grant");
        Assert.Equal(before, await server.FingerprintAsync());
        (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        // Another client's replay ends nothing either.
        (await post.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    [Theory, InlineData(59, true), InlineData(60, false), InlineData(61, false)]
    [Spec("RFC 6749", "4.1.2"), Check("A22")]
    public async Task A_code_lives_sixty_seconds(int seconds, bool good)
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web);
        server.Wait(seconds);
        var before = await server.FingerprintAsync();
        var answer = await web.RedeemAsync(request, code);
        if (good)
        {
            answer.Expect(HttpStatusCode.OK);
            return;
        }

        Assert.Contains("expired", answer.ExpectError("invalid_grant").ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("OAuth 2.1", "4.1.3"), Check("A22")]
    public async Task Of_fifty_redemptions_at_once_one_wins()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web);
        var before = await server.CountsAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => web.RedeemAsync(request, code)));
        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.ExpectError("invalid_grant"));
        // The others were replays, right in everything.
        Assert.Equal(RevocationReasons.CodeReplay, (await server.GrantAsync(won["refresh_token"]!)).RevokedReason);
        Assert.Equal(Grants(before) + 1, Grants(await server.CountsAsync()));
    }

    [Fact]
    public async Task A_code_is_void_when_its_session_ended_first()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Server.Browser();
        var request = web.Request("openid offline_access");
        var code = (await browser.AuthorizeAsync(request.Url)).Answer.Code!;
        await browser.SubmitAsync(await browser.GetAsync(server.Issuer + "/logout"), ("decision", "logout"));
        var before = await server.FingerprintAsync();
        Assert.Contains("over", (await web.RedeemAsync(request, code)).ExpectError("invalid_grant").ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact]
    public async Task A_code_is_void_when_its_account_was_closed()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var bob = server.Server.Browser(DeclaredStates.Bob);
        var request = web.Request("openid");
        var code = (await bob.AuthorizeAsync(request.Url)).Answer.Code!;
        var users = server.Server.Services.GetRequiredService<UserDirectory>();
        var subject = (await users.FindByUsernameAsync(DeclaredStates.Bob.Username))!.Subject;
        await users.DisableAsync(subject, new AuditEvent { At = server.Now, Event = AuditEvents.UserChanged });
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        await users.EnableAsync(subject, new AuditEvent { At = server.Now, Event = AuditEvents.UserChanged });
    }

    [Fact, Spec("RFC 8707", "2.2"), Spec("RFC 6749", "5.1"), Check("A35")]
    public async Task The_first_access_token_can_be_for_one_of_the_resources_and_the_grant_keeps_all()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (request, code) = await server.CodeAsync(web, "openid offline_access api:read files:read");
        var answer = (await web.RedeemAsync(request, code, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        Assert.Equal("openid offline_access api:read", answer["scope"]);
        Assert.Equal(DeclaredStates.Api, Jwt.Claims(answer["access_token"]!).GetProperty("aud").GetString());
        var other = (await web.RefreshAsync(answer["refresh_token"]!, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK);
        Assert.Equal(DeclaredStates.Files, Jwt.Claims(other["access_token"]!).GetProperty("aud").GetString());
    }

    [Theory, InlineData("lkc_"), InlineData("lkc_AAAA"), InlineData("nonsense"), InlineData("lkr_AAAA")]
    [Spec("RFC 6749", "5.2")]
    public async Task What_is_no_code_is_refused(string code)
    {
        using var web = server.Client(DeclaredStates.Web);
        (await web.RedeemAsync(web.Request(), code)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 6749", "10.10"), Spec("OAuth 2.1", "7.7"), Check("A38")]
    public async Task Fifty_of_each_kind_differ_in_all_that_counts()
    {
        using var web = server.Client(DeclaredStates.Web);
        var (codes, refreshTokens, ids) = (new HashSet<string>(), new HashSet<string>(), new HashSet<string>());
        for (var sample = 0; sample < 50; sample++)
        {
            var (request, code) = await server.CodeAsync(web);
            var answer = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
            Assert.True(code.Length >= 4 + 22 && codes.Add(code));
            Assert.True(answer["refresh_token"]!.Length >= 4 + 22 && refreshTokens.Add(answer["refresh_token"]!));
            Assert.True(Base64Url.DecodeFromChars(Jwt.Claims(answer["access_token"]!).GetProperty("jti").GetString()).Length >= 16
                && ids.Add(Jwt.Claims(answer["access_token"]!).GetProperty("jti").GetString()!));
        }
    }

    private static long Grants(string counts) =>
        long.Parse(counts.Split(", ").Single(count => count.StartsWith("grants ", StringComparison.Ordinal))[7..], System.Globalization.CultureInfo.InvariantCulture);
}
