using System.Net;
using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Token;

/// <summary>What ends a grant besides reuse: idleness, age, the session, the person, the client.</summary>
public sealed class RefreshTokenLifetimeTests(ShortLivedServer server) : IClassFixture<ShortLivedServer>
{
    [Fact, Spec("OAuth 2.1", "4.3.3"), Spec("RFC 9700", "4.14.2"), Check("A24")]
    public async Task A_grant_ends_when_it_is_not_used()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await SignInAsync(web)).RefreshToken!;
        server.Wait(ShortLivedServer.IdleSeconds - 1);
        token = (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        server.Wait(ShortLivedServer.IdleSeconds - 1);
        token = (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        server.Wait(ShortLivedServer.IdleSeconds);
        var before = await server.FingerprintAsync();
        (await web.RefreshAsync(token)).ExpectError("invalid_grant");
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("OAuth 2.1", "4.3.3"), Check("A24")]
    public async Task A_kept_token_ends_when_it_is_not_used()
    {
        using var keep = server.Client(DeclaredStates.Keep);
        var token = (await SignInAsync(keep)).RefreshToken!;
        server.Wait(ShortLivedServer.IdleSeconds - 1);
        (await keep.RefreshAsync(token)).Expect(HttpStatusCode.OK);
        server.Wait(ShortLivedServer.IdleSeconds - 1);
        (await keep.RefreshAsync(token)).Expect(HttpStatusCode.OK);
        server.Wait(ShortLivedServer.IdleSeconds);
        (await keep.RefreshAsync(token)).ExpectError("invalid_grant");
    }

    [Fact, Check("A24")]
    public async Task Rotation_does_not_make_a_grant_live_longer()
    {
        using var web = server.Client(DeclaredStates.Web);
        var token = (await SignInAsync(web)).RefreshToken!;
        for (var passed = 0; passed < ShortLivedServer.AbsoluteSeconds - 1800; passed += 1800)
        {
            server.Wait(1800);
            token = (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        }

        // Half an hour is left, and an access token never outlives its grant.
        server.Wait(1799);
        var last = (await web.RefreshAsync(token)).Expect(HttpStatusCode.OK);
        Assert.Equal("1", last["expires_in"]);
        server.Wait(1);
        (await web.RefreshAsync(last["refresh_token"]!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(last["access_token"]!)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("OIDC Core", "11")]
    public async Task A_grant_of_a_session_ends_with_it_and_an_offline_one_does_not()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var native = server.Client(DeclaredStates.Native);
        using var browser = server.Server.Browser();
        var bound = (await web.SignInAsync(browser, "openid")).RefreshToken!;
        var offline = (await web.SignInAsync(browser, "openid offline_access")).RefreshToken!;
        var device = (await native.SignInAsync(browser, "openid")).RefreshToken!;
        for (var passed = 0; passed < ShortLivedServer.SessionSeconds - 1800; passed += 1800)
        {
            server.Wait(1800);
            (bound, offline, device) = (await NextAsync(web, bound), await NextAsync(web, offline), await NextAsync(native, device));
        }

        server.Wait(1800);
        (await web.RefreshAsync(bound)).ExpectError("invalid_grant");
        (offline, device) = (await NextAsync(web, offline), await NextAsync(native, device));
        Assert.NotEqual(offline, device);
    }

    [Fact, Spec("RFC 9700", "4.14.2"), Spec("OAuth 2.1", "4.3.1")]
    public async Task Signing_out_ends_the_grants_of_the_session_and_no_others()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Server.Browser();
        var bound = await web.SignInAsync(browser, "openid");
        var offline = (await web.SignInAsync(browser, "openid offline_access")).RefreshToken!;
        await browser.SubmitAsync(await browser.GetAsync(server.Issuer + "/logout"), ("decision", "logout"));
        (await web.RefreshAsync(bound.RefreshToken!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(bound.AccessToken)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Equal(RevocationReasons.SessionEnded, (await server.GrantAsync(bound.RefreshToken!)).RevokedReason);
        await NextAsync(web, offline);
    }

    [Fact]
    public async Task A_closed_account_refreshes_nothing()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var bob = server.Server.Browser(DeclaredStates.Bob);
        var tokens = await web.SignInAsync(bob, "openid offline_access");
        var users = server.Server.Services.GetRequiredService<UserDirectory>();
        var subject = (await server.GrantAsync(tokens.RefreshToken!)).Subject;
        await users.DisableAsync(subject, new AuditEvent { At = server.Now, Event = AuditEvents.UserChanged });
        (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(tokens.AccessToken)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Equal("""{"active":false}""", (await web.IntrospectAsync(tokens.AccessToken)).Body);
        // What was ended stays ended.
        await users.EnableAsync(subject, new AuditEvent { At = server.Now, Event = AuditEvents.UserChanged });
        (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
    }

    [Fact]
    public async Task A_clients_not_before_ends_every_earlier_grant_in_one_write()
    {
        using var post = server.Client(DeclaredStates.Post);
        var tokens = await SignInAsync(post);
        server.Wait(2);
        await server.Database.WriteAsync(async sql =>
        {
            await Clients.SetNotBeforeAsync(sql, DeclaredStates.Post.Id, server.Now);
            return true;
        });
        await server.Server.Services.GetRequiredService<Configuration.ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
        (await post.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await post.UserInfoAsync(tokens.AccessToken)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.Equal("""{"active":false}""", (await post.IntrospectAsync(tokens.RefreshToken!)).Body);
        await NextAsync(post, (await SignInAsync(post)).RefreshToken!);
    }

    [Fact]
    public async Task By_default_a_grant_lives_thirty_days_idle_and_a_year_at_most()
    {
        var options = new ServerOptions { Issuer = "https://id.example.com" };
        Assert.Equal((TimeSpan.FromDays(30), TimeSpan.FromDays(365), TimeSpan.FromSeconds(60)),
            (options.RefreshTokenIdleLifetime, options.RefreshTokenAbsoluteLifetime, options.RefreshTokenLeeway));
        using var web = server.Client(DeclaredStates.Web);
        var grant = await server.GrantAsync((await SignInAsync(web)).RefreshToken!);
        Assert.Equal((ShortLivedServer.IdleSeconds, server.Now + ShortLivedServer.AbsoluteSeconds * 1000L), (grant.IdleSeconds, grant.ExpiresAt));
    }

    // The clock turns for hours here, so that every sign-in is a new one.
    private async Task<Tokens> SignInAsync(OAuthClient client)
    {
        using var browser = server.Server.Browser();
        return await client.SignInAsync(browser, "openid offline_access");
    }

    private static async Task<string> NextAsync(OAuthClient client, string token) => (await client.RefreshAsync(token)).Expect(HttpStatusCode.OK)["refresh_token"]!;
}
