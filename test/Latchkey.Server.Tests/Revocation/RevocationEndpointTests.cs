using System.Net;
using Latchkey.Storage;

namespace Latchkey.Server.Tests.Revocation;

/// <summary>A refresh token ends its grant, an access token dies alone, another client's token is left alone.</summary>
public sealed class RevocationEndpointTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    private const string Inactive = """{"active":false}""";

    [Theory, InlineData(null), InlineData("refresh_token"), InlineData("access_token"), InlineData("nonsense")]
    [Spec("RFC 7009", "2"), Spec("RFC 7009", "2.1"), Spec("RFC 7009", "2.2"), Check("A43")]
    public async Task A_refresh_token_ends_its_grant(string? hint)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var next = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        AssertDone(await web.RevokeAsync(next["refresh_token"]!, ("token_type_hint", hint)));
        (await web.RefreshAsync(next["refresh_token"]!)).ExpectError("invalid_grant");
        foreach (var token in (string[])[tokens.AccessToken, next["access_token"]!])
        {
            (await web.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
            Assert.Equal(Inactive, (await web.IntrospectAsync(token)).Body);
        }

        Assert.Equal(RevocationReasons.Client, (await server.GrantAsync(tokens.RefreshToken!)).RevokedReason);
        var events = (await server.AuditAsync(AuditEvents.GrantRevoked)).Count;
        AssertDone(await web.RevokeAsync(next["refresh_token"]!));
        Assert.Equal(events, (await server.AuditAsync(AuditEvents.GrantRevoked)).Count);
    }

    [Fact, Spec("RFC 7009", "2.1"), Check("A43")]
    public async Task An_old_refresh_token_ends_its_grant_as_well()
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var next = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        AssertDone(await web.RevokeAsync(tokens.RefreshToken!));
        (await web.RefreshAsync(next)).ExpectError("invalid_grant");
    }

    [Theory, InlineData(null), InlineData("refresh_token"), InlineData("access_token"), InlineData("nonsense")]
    [Spec("RFC 7009", "2"), Spec("RFC 7009", "2.1"), Spec("RFC 7009", "2.2")]
    public async Task An_access_token_dies_alone(string? hint)
    {
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        var other = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        AssertDone(await web.RevokeAsync(tokens.AccessToken, ("token_type_hint", hint)));
        (await web.UserInfoAsync(tokens.AccessToken)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Equal(Inactive, (await web.IntrospectAsync(tokens.AccessToken)).Body);
        (await web.UserInfoAsync(other["access_token"]!)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(other["refresh_token"]!)).Expect(HttpStatusCode.OK);
        var before = await server.FingerprintAsync();
        AssertDone(await web.RevokeAsync(tokens.AccessToken));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("RFC 7009", "2")]
    public async Task A_clients_own_token_can_be_revoked_too()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        using var api = server.Client(DeclaredStates.ApiServer);
        var token = (await machine.ClientCredentialsAsync("api:read"))["access_token"]!;
        Assert.Equal("true", (await api.IntrospectAsync(token))["active"]);
        AssertDone(await machine.RevokeAsync(token));
        Assert.Equal(Inactive, (await api.IntrospectAsync(token)).Body);
        var revoked = (await server.AuditAsync(AuditEvents.TokenRevoked))[^1];
        Assert.Equal(("machine", (string?)null, "127.0.0.1"), (revoked.ClientId, revoked.Subject, revoked.Address));
    }

    [Fact, Spec("RFC 7009", "2.1"), Spec("RFC 7009", "5"), Check("A43")]
    public async Task Another_clients_token_is_left_alone()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var spa = server.Client(DeclaredStates.Spa);
        using var post = server.Client(DeclaredStates.Post);
        using var api = server.Client(DeclaredStates.ApiServer);
        var tokens = await server.SignInAsync(web, "openid offline_access api:read");
        var before = await server.FingerprintAsync();
        foreach (var other in (OAuthClient[])[spa, post, api])
        {
            AssertDone(await other.RevokeAsync(tokens.RefreshToken!));
            AssertDone(await other.RevokeAsync(tokens.AccessToken));
        }

        Assert.Equal(before, await server.FingerprintAsync());
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 7009", "2.1")]
    public async Task A_public_client_revokes_its_own()
    {
        using var spa = server.Client(DeclaredStates.Spa);
        var tokens = await server.SignInAsync(spa);
        AssertDone(await spa.RevokeAsync(tokens.RefreshToken!));
        (await spa.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
    }

    [Theory, InlineData("garbage"), InlineData("lkr_garbage"), InlineData("eyJ.eyJ.x"), InlineData("lkc_code"), InlineData("\u00e9")]
    [Spec("RFC 7009", "2.2"), Check("A43")]
    public async Task What_is_no_token_is_as_good_as_revoked(string token)
    {
        using var web = server.Client(DeclaredStates.Web);
        var before = await server.FingerprintAsync();
        AssertDone(await web.RevokeAsync(token));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("RFC 7009", "2.1"), Spec("RFC 7009", "2.2.1")]
    public async Task Whoever_proves_nothing_revokes_nothing()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var wrong = server.Client(DeclaredStates.Web with { Secret = "wrong-secret-0123456789" });
        using var bare = server.Client(DeclaredStates.Web with { Method = TestClient.None });
        var tokens = await server.SignInAsync(web);
        var before = await server.FingerprintAsync();
        (await wrong.RevokeAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await bare.RevokeAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await web.PostAsync("/revoke")).ExpectError("invalid_request");
        (await web.RevokeAsync("")).ExpectError("invalid_request");
        Assert.Equal(before, await server.FingerprintAsync());
        // Nothing to revoke in a token that is over, so nothing to keep.
        server.Wait(900);
        AssertDone(await web.RevokeAsync(tokens.AccessToken));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    private static void AssertDone(Answer answer)
    {
        Assert.Equal("{}", answer.Expect(HttpStatusCode.OK).Body);
        Assert.Equal(("application/json", "no-store"), (answer.Header("Content-Type"), answer.Header("Cache-Control")));
    }
}
