using System.Net;
using Latchkey.Server.Tests.Authorize;

namespace Latchkey.Server.Tests.Login;

/// <summary>What time ends, under a clock that the test turns.</summary>
public sealed class LockoutTests
{
    private static readonly Person Target = new("guessed-1", "a password long enough");

    [Fact]
    public async Task Wrong_passwords_lock_an_account_for_a_while_and_nobody_is_told()
    {
        await using var server = await InProcessServer.StartAsync(LoginTests.Several("guessed", 2));
        using var browser = server.Browser(Target);
        var login = await browser.GetAsync("/login");
        Stop refused = login;
        for (var i = 0; i < 5; i++) refused = await browser.SubmitAsync(login, ("username", Target.Username), ("password", "wrong"));
        var text = refused.Document!.QuerySelector("[role=alert]")!.TextContent;

        // Now the right one is refused in the very same words.
        var locked = (await browser.SignInAsync(login)).ExpectLogin();
        Assert.Equal(text, locked.Document!.QuerySelector("[role=alert]")!.TextContent);
        Assert.DoesNotContain("latchkey", browser.Cookies.Keys);
        // Others are not kept out.
        using var other = server.Browser(Target with { Username = "guessed-2" });
        await other.SignInAsync(await other.GetAsync("/login"));
        Assert.Contains("latchkey", other.Cookies.Keys);

        server.Clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        (await browser.SignInAsync(login)).ExpectLogin();
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        await browser.SignInAsync(login);
        Assert.Contains("latchkey", browser.Cookies.Keys);
    }

    [Fact]
    public async Task A_right_password_forgets_the_wrong_ones_before_it()
    {
        await using var server = await InProcessServer.StartAsync(LoginTests.Several("guessed", 1));
        using var browser = server.Browser(Target);
        var login = await browser.GetAsync("/login");
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 4; i++) await browser.SubmitAsync(login, ("username", Target.Username), ("password", "wrong"));
            browser.Cookies.Remove("latchkey");
            await browser.SignInAsync(login);
            Assert.Contains("latchkey", browser.Cookies.Keys);
        }
    }

    [Fact]
    public async Task Guesses_at_once_are_counted_each()
    {
        await using var server = await InProcessServer.StartAsync(LoginTests.Several("guessed", 1));
        using var browser = server.Browser(Target);
        var login = await browser.GetAsync("/login");
        await Task.WhenAll(Enumerable.Range(0, 5).Select(async _ =>
        {
            using var guesser = server.Browser();
            await guesser.SubmitAsync(await guesser.GetAsync("/login"), ("username", Target.Username), ("password", "wrong"));
        }));
        (await browser.SignInAsync(login)).ExpectLogin();
    }

    [Fact]
    public async Task Guessing_many_times_is_slowed_down_whether_the_name_exists_or_not()
    {
        await using var server = await InProcessServer.StartAsync(LoginTests.Several("guessed", 1));
        foreach (var name in (string[])[Target.Username, "unknown"])
        {
            using var browser = server.Browser();
            var login = await browser.GetAsync("/login");
            Stop stop = login;
            for (var i = 0; i < 21; i++) stop = await browser.SubmitAsync(login, ("username", name), ("password", "wrong"));
            Assert.Equal(HttpStatusCode.TooManyRequests, stop.Status);
            Assert.NotNull(stop.Response!.Headers.RetryAfter);
            Assert.True(stop.Has("password"));
        }
    }

    [Fact]
    public async Task A_request_waits_an_hour_for_the_person_and_no_longer()
    {
        await using var server = await InProcessServer.StartAsync();
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid");
        var login = (await browser.GetAsync(request.Url)).ExpectLogin();
        server.Clock.Advance(TimeSpan.FromMinutes(59));
        var consent = (await browser.SignInAsync(login)).ExpectConsent();
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        var page = (await browser.SubmitAsync(consent, ("decision", "allow"))).ExpectErrorPage();
        Assert.Contains("Go back to the app", page.Document!.QuerySelector("main")!.TextContent, StringComparison.Ordinal);
        (await browser.GetAsync(login.Url.PathAndQuery)).ExpectErrorPage();
    }

    [Fact, Check("oidcc-codereuse-30seconds"), Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "4.1.3")]
    public async Task Oidcc_codereuse_30seconds()
    {
        await using var server = await InProcessServer.StartAsync();
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid");
        var code = (await browser.AuthorizeAsync(request.Url)).ExpectCode(request);
        var tokens = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(tokens["access_token"]!)).Expect(HttpStatusCode.OK);
        server.Clock.Advance(TimeSpan.FromSeconds(30));
        (await web.RedeemAsync(request, code)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(tokens["access_token"]!)).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("OIDC Core", "3.1.2.1"), Check("A49")]
    public async Task Max_age_counts_from_the_sign_in_to_the_second()
    {
        await using var server = await InProcessServer.StartAsync();
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        await web.SignInAsync(browser, "openid");
        server.Clock.Advance(TimeSpan.FromSeconds(60));
        foreach (var (age, fresh) in ((string, bool)[])[("60", true), ("59", false)])
        {
            var request = web.Request("openid", [("max_age", age), ("prompt", "none")]);
            var stop = await browser.GetAsync(request.Url);
            if (fresh) stop.ExpectCode(request);
            else stop.ExpectError(request, "login_required");
        }

        // A login page that was opened before counts only with the sign-in made on it.
        var waiting = web.Request("openid", ("max_age", "59"));
        var login = (await browser.GetAsync(waiting.Url)).ExpectLogin();
        server.Clock.Advance(TimeSpan.FromMinutes(30));
        (await browser.GetAsync(waiting.Url)).ExpectLogin();
        (await browser.SignInAsync(login)).ExpectCode(waiting);
    }
}
