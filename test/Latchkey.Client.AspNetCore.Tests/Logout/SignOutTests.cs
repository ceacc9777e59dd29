using System.Net;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.AspNetCore.Tests.Sessions;
using Latchkey.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore.Tests.Logout;

public sealed class SignOutTests
{
    [Fact, Check("C25"), Spec("RFC 7009", "2"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task Signing_out_ends_the_session_the_grant_and_the_session_at_the_provider()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        var home = (await alice.FollowAsync(app.Site, "/logout")).ShouldHaveArrived();
        Assert.Equal("https://app.test/", home.Url.AbsoluteUri);
        Assert.Equal("nobody", home.Body);
        Assert.Equal(0, app.Count);
        Assert.Empty(alice.Cookies("app.test"));
        authority.Requests.ShouldHaveRevoked();
        // The provider knows nobody any more: a password is asked for again.
        Assert.Contains(home.Trail, step => step.Contains("/logout", StringComparison.Ordinal) && step.Contains("authority.test", StringComparison.Ordinal));
        await alice.FollowAsync(app.Site, "/login");
        Assert.Equal(2, authority.Requests.To("/login").Count(request => request.Method == "POST"));
    }

    [Fact]
    public async Task A_provider_that_is_away_keeps_nobody_signed_in()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        authority.Faults.Always("/revoke", AuthorityFault.ServerError());
        using var answer = await app.SendAsync(HttpMethod.Post, "/logout", alice.CookieHeader(), ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(0, app.Count);
    }

    [Fact]
    public async Task Tokens_that_cannot_be_read_keep_nobody_signed_in()
    {
        await using var authority = await TestAuthority.StartAsync();
        var store = new FlawedStore(authority.Clock);
        await using var app = await WebApp.StartAsync(authority, services: services => services.AddSingleton<ISessionStore>(store));
        var alice = await app.SignInAsync(authority);
        store.TokensInstead = "of another version";
        using var answer = await app.SendAsync(HttpMethod.Post, "/logout", alice.CookieHeader(), ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.Equal(0, store.Count);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site"), InlineData("Sec-Fetch-Site", "same-site"), InlineData("Origin", "https://evil.example"), InlineData("Origin", "null")]
    [InlineData("Referer", "https://evil.example/page"), InlineData("Referer", "https://app.test.evil.example/")]
    [Spec("RFC 9700", "4.7")]
    public async Task Another_site_can_lead_here_but_sign_nobody_out(string header, string value)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Post })
        {
            using var answer = await app.SendAsync(method, "/logout", alice.CookieHeader(), (header, value));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Contains("Do you want to sign out?", await answer.TextAsync());
            Assert.Contains("frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
        }

        Assert.Equal(1, app.Count);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "same-origin"), InlineData("Sec-Fetch-Site", "none"), InlineData("Origin", "https://app.test"), InlineData("Referer", "https://app.test/page")]
    public async Task Its_own_pages_and_the_person_can(string header, string value)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/logout", alice.CookieHeader(), (header, value));
        Assert.Equal(HttpStatusCode.Found, answer.StatusCode);
        Assert.Equal(0, app.Count);
    }

    [Fact]
    public async Task Who_is_not_signed_in_goes_home()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/logout");
        Assert.Equal("/", answer.Headers.Location!.OriginalString);
    }
}
