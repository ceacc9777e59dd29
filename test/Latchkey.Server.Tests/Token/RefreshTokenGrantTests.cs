using System.Net;
using Latchkey.Storage;

namespace Latchkey.Server.Tests.Token;

/// <summary>Rotation that forgives a lost answer and nothing else.</summary>
public sealed class RefreshTokenGrantTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    [Fact, Spec("RFC 6749", "6"), Spec("RFC 9700", "4.14.2"), Spec("OAuth 2.1", "4.3.1"), Check("oidcc-refresh-token")]
    public async Task Each_use_gives_a_fresh_access_token_and_the_next_refresh_token()
    {
        using var web = server.Client(DeclaredStates.Web);
        var first = await server.SignInAsync(web);
        server.Wait(1);
        var second = (await web.RefreshAsync(first.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.NotEqual(first.RefreshToken, second["refresh_token"]);
        Assert.NotEqual(first.AccessToken, second["access_token"]);
        Assert.Equal("no-store", second.Header("Cache-Control"));
        var third = (await web.RefreshAsync(second["refresh_token"]!)).Expect(HttpStatusCode.OK);
        Assert.NotEqual(second["refresh_token"], third["refresh_token"]);
        (await web.UserInfoAsync(third["access_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Equal(3, (await server.GrantAsync(third["refresh_token"]!)).Generation);
    }

    [Theory, InlineData(0), InlineData(30), InlineData(59)]
    [Spec("RFC 9700", "4.14.2")]
    public async Task A_retry_within_the_leeway_gets_the_very_same_successor_and_writes_nothing(int seconds)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var answer = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        server.Wait(seconds);
        var before = await server.FingerprintAsync();
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var retried = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
            Assert.Equal(answer["refresh_token"], retried["refresh_token"]);
            Assert.NotEqual(answer["access_token"], retried["access_token"]);
            Assert.Equal(answer["scope"], retried["scope"]);
        }

        Assert.Equal(before, await server.FingerprintAsync());
        (await web.RefreshAsync(answer["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Theory, InlineData(60), InlineData(61), InlineData(3600)]
    [Spec("RFC 9700", "4.14.2"), Spec("OAuth 2.1", "4.3.1"), Check("A23")]
    public async Task A_used_token_that_comes_after_the_leeway_ends_the_grant(int seconds)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var answer = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        server.Wait(seconds);
        await AssertReuseEndsTheGrantAsync(web, tokens.RefreshToken!, answer);
    }

    [Fact, Spec("RFC 9700", "4.14.2"), Check("A23")]
    public async Task A_used_token_that_comes_after_its_successor_was_used_ends_the_grant()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var second = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        var third = (await web.RefreshAsync(second["refresh_token"]!)).Expect(HttpStatusCode.OK);
        await AssertReuseEndsTheGrantAsync(web, tokens.RefreshToken!, third);
    }

    [Fact, Spec("RFC 9700", "4.14.2"), Check("A23")]
    public async Task Reuse_of_a_public_clients_token_ends_its_grant()
    {
        using var spa = server.Client(DeclaredStates.Spa);
        var tokens = await server.SignInAsync(spa);
        var second = (await spa.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        server.Wait(61);
        await AssertReuseEndsTheGrantAsync(spa, tokens.RefreshToken!, second);
    }

    [Fact, Spec("RFC 6749", "6"), Check("A23")]
    public async Task Of_fifty_at_once_one_rotates_and_all_get_its_successor()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => web.RefreshAsync(tokens.RefreshToken!)));
        Assert.All(answers, answer => answer.Expect(HttpStatusCode.OK));
        var successor = Assert.Single(answers.Select(answer => answer["refresh_token"]).Distinct());
        Assert.Equal(2, (await server.GrantAsync(successor!)).Generation);
        Assert.Equal(50, answers.Select(answer => answer["access_token"]).Distinct().Count());
    }

    [Fact]
    public async Task A_token_from_the_future_is_followed_and_the_operator_told()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var second = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        var third = (await web.RefreshAsync(second["refresh_token"]!)).Expect(HttpStatusCode.OK);
        var grant = await server.GrantAsync(tokens.RefreshToken!);
        Assert.Equal(1, await server.ExecuteAsync("UPDATE grants SET generation = 1 WHERE bucket = $1 AND id = $2", grant.Id.Bucket, grant.Id.ToBytes()));

        var fourth = (await web.RefreshAsync(third["refresh_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Equal(4, (await server.GrantAsync(fourth["refresh_token"]!)).Generation);
        var alarm = Assert.Single(await server.AuditAsync(AuditEvents.RefreshFromFuture));
        Assert.Equal(AuditOutcomes.Failed, alarm.Outcome);
        Assert.Equal((DeclaredStates.Web.Id, grant.Subject), (alarm.ClientId, alarm.Subject));
        Assert.Contains("\"presented\":3", alarm.Detail, StringComparison.Ordinal);
        Assert.Contains("\"current\":1", alarm.Detail, StringComparison.Ordinal);
        (await web.RefreshAsync(fourth["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("FAPI 2.0", "5.3.2.1")]
    public async Task A_client_may_keep_its_token_and_writes_a_row_only_now_and_then()
    {
        using var keep = server.Client(DeclaredStates.Keep);
        var tokens = await server.SignInAsync(keep);
        var before = await server.FingerprintAsync();
        foreach (var wait in (int[])[0, 61, 200])
        {
            server.Wait(wait);
            Assert.Equal(tokens.RefreshToken, (await keep.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["refresh_token"]);
        }

        Assert.Equal(before, await server.FingerprintAsync());
        server.Wait(100);
        (await keep.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        var grant = await server.GrantAsync(tokens.RefreshToken!);
        Assert.Equal((server.Now, 1), (grant.RotatedAt, grant.Generation));
    }

    public static TheoryData<string, string, string, string> WrongRequests => new()
    {
        { "scope", "openid api:write", "invalid_scope", "wider than what was granted" },
        { "scope", "openid nosuch", "invalid_scope", "wider than what was granted" },
        { "scope", "openid \"", "invalid_scope", "character" },
        { "resource", DeclaredStates.Files, "invalid_target", "not among those that were granted" },
        { "resource", "https://unknown.example.com", "invalid_target", "not registered" },
        { "resource", "not-a-uri", "invalid_target", "absolute URI" },
        { "resource", DeclaredStates.Api + "#fragment", "invalid_target", "fragment" },
        { "refresh_token", "", "invalid_request", "refresh_token is missing" },
        { "client_id", "post", "invalid_request", "client_id" },
        { "client_secret", "wrong", "invalid_request", "twice" },
    };

    [Theory, MemberData(nameof(WrongRequests))]
    [Spec("RFC 6749", "6"), Spec("RFC 6749", "5.2"), Spec("RFC 8707", "2.2"), Check("A35")]
    public async Task A_wrong_request_uses_nothing_up(string name, string value, string error, string says)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid offline_access api:read");
        var before = await server.FingerprintAsync();
        var answer = (await web.RefreshAsync(tokens.RefreshToken!, (name, value))).ExpectError(error);
        Assert.Contains(says, answer.ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(before, await server.FingerprintAsync());
        server.Wait(120);
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "6"), Spec("RFC 6749", "10.4"), Spec("OIDC Core", "12.1"), Check("A23"), Check("oidcc-refresh-token")]
    public async Task A_token_works_only_for_its_client()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var spa = server.Client(DeclaredStates.Spa);
        using var native = server.Client(DeclaredStates.Native);
        foreach (var (owner, other) in ((OAuthClient, OAuthClient)[])[(web, server.Client(DeclaredStates.Post)), (spa, native), (web, spa), (spa, web)])
        {
            var tokens = await server.SignInAsync(owner);
            var before = await server.FingerprintAsync();
            (await other.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
            Assert.Equal(before, await server.FingerprintAsync());
            (await owner.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        }
    }

    [Fact, Spec("RFC 6749", "3.2.1"), Spec("RFC 6749", "6")]
    public async Task A_confidential_client_must_authenticate()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var bare = server.Client(DeclaredStates.Web with { Secret = null, Method = TestClient.None });
        using var wrong = server.Client(DeclaredStates.Web with { Secret = "not-the-secret-0123456789" });
        var tokens = await server.SignInAsync(web);
        var before = await server.FingerprintAsync();
        (await bare.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await wrong.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("RFC 6749", "6"), Spec("OAuth 2.1", "4.3.3"), Spec("RFC 8707", "2.2")]
    public async Task Narrowing_concerns_one_access_token_and_not_the_grant()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web, "openid offline_access api:read files:read");
        Assert.Equal([DeclaredStates.Api, DeclaredStates.Files], Audience(tokens.AccessToken));

        var byScope = (await web.RefreshAsync(tokens.RefreshToken!, ("scope", "api:read"))).Expect(HttpStatusCode.OK);
        Assert.Equal("api:read", byScope["scope"]);
        Assert.Equal([DeclaredStates.Api], Audience(byScope["access_token"]!));
        Assert.Null(byScope["id_token"]);

        var byResource = (await web.RefreshAsync(byScope["refresh_token"]!, ("resource", DeclaredStates.Files + "/"))).Expect(HttpStatusCode.OK);
        Assert.Equal([DeclaredStates.Files], Audience(byResource["access_token"]!));
        Assert.DoesNotContain("api:read", byResource["scope"], StringComparison.Ordinal);

        var whole = (await web.RefreshAsync(byResource["refresh_token"]!, ("scope", ""))).Expect(HttpStatusCode.OK);
        Assert.Equal("openid offline_access api:read files:read", whole["scope"]);
        Assert.Equal([DeclaredStates.Api, DeclaredStates.Files], Audience(whole["access_token"]!));
    }

    [Fact, Spec("OIDC Core", "12.2"), Spec("RFC 9068", "2.2.1"), Check("oidcc-refresh-token")]
    public async Task The_new_ID_token_tells_of_the_same_sign_in()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        server.Wait(5);
        var refreshed = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        var (before, after) = (Jwt.Claims(tokens.IdToken!), Jwt.Claims(refreshed["id_token"]!));
        foreach (var name in (string[])["iss", "sub", "aud", "auth_time", "acr", "amr"])
            Assert.Equal(before.GetProperty(name).GetRawText(), after.GetProperty(name).GetRawText());
        Assert.Equal(before.GetProperty("iat").GetInt64() + 5, after.GetProperty("iat").GetInt64());
        Assert.False(after.TryGetProperty("nonce", out _));
        Assert.Equal(before.GetProperty("auth_time").GetInt64(), Jwt.Claims(refreshed["access_token"]!).GetProperty("auth_time").GetInt64());
    }

    [Fact]
    public async Task Storage_does_not_grow_with_refreshes()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).RefreshToken!;
        var before = await server.CountsAsync();
        for (var use = 0; use < 25; use++) token = (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        Assert.Equal(before, await server.CountsAsync());
        Assert.Equal(26, (await server.GrantAsync(token)).Generation);
    }

    [Theory, InlineData("lkr_"), InlineData("lkr_AAAA"), InlineData("garbage"), InlineData("lkc_x"), InlineData("a.b.c")]
    [Spec("RFC 6749", "5.2")]
    public async Task What_is_no_refresh_token_is_refused_without_the_database(string token)
    {
        using var web = server.Client(DeclaredStates.Web);
        (await web.RefreshAsync(token)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 6749", "10.10")]
    public async Task A_changed_character_anywhere_makes_it_no_token()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await server.SignInAsync(web)).RefreshToken!;
        // The last character has bits that encode nothing.
        for (var index = 4; index < token.Length - 1; index++)
        {
            var changed = token[..index] + (token[index] == 'A' ? 'B' : 'A') + token[(index + 1)..];
            (await web.RefreshAsync(changed)).ExpectError("invalid_grant");
        }

        (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK);
    }

    private static string[] Audience(string accessToken)
    {
        var audience = Jwt.Claims(accessToken).GetProperty("aud");
        return audience.ValueKind == System.Text.Json.JsonValueKind.Array ? [.. audience.EnumerateArray().Select(one => one.GetString()!)] : [audience.GetString()!];
    }

    private async Task AssertReuseEndsTheGrantAsync(OAuthClient client, string used, Answer current)
    {
        var alarms = (await server.AuditAsync(AuditEvents.RefreshReuse)).Count;
        var answer = (await client.RefreshAsync(used)).ExpectError("invalid_grant");
        Assert.Contains("used before", answer.ErrorDescription, StringComparison.Ordinal);
        (await client.RefreshAsync(current["refresh_token"]!)).ExpectError("invalid_grant");
        (await client.UserInfoAsync(current["access_token"]!)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);

        var grant = await server.GrantAsync(used);
        Assert.Equal((server.Now, RevocationReasons.RefreshReuse), (grant.RevokedAt, grant.RevokedReason));
        var events = await server.AuditAsync(AuditEvents.RefreshReuse);
        Assert.Equal(alarms + 1, events.Count);
        var alarm = events[^1];
        Assert.Equal((client.Client.Id, server.Now, "127.0.0.1", grant.Subject, AuditOutcomes.Refused), (alarm.ClientId, alarm.At, alarm.Address, alarm.Subject, alarm.Outcome));
        Assert.Contains(grant.Id.ToString(), alarm.Detail, StringComparison.Ordinal);
        var revoked = (await server.AuditAsync(AuditEvents.GrantRevoked))[^1];
        Assert.Contains(RevocationReasons.RefreshReuse, revoked.Detail, StringComparison.Ordinal);
    }
}
