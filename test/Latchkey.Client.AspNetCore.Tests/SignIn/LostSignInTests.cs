using System.Net;
using Latchkey.Testing;
using Latchkey.Testing.Browsing;

namespace Latchkey.Client.AspNetCore.Tests.SignIn;

/// <summary>Sign-ins that come back to a browser which has them no more, or never had them: one new try, a reason, no circles, no faults.</summary>
public sealed class LostSignInTests(SharedAuthority shared)
{
    private const string Again = "https://app.test/login?again=1";
    private readonly TestAuthority _authority = shared.Authority;

    [Fact, Spec("RFC 9700", "4.7.1")]
    public async Task Cleared_cookies_start_the_sign_in_once_more()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = _authority.Browser("alice").CloseTab();
        var callback = (await alice.FollowAsync(app.Site, "/login")).Url;
        alice.Behave().ForgetCookies("app.test");
        var lost = await alice.OpenAsync(callback.AbsoluteUri);
        ExpectAgain(lost);
        Assert.Equal("/", (await alice.OpenAsync(Again)).ShouldHaveArrived().Url.AbsolutePath);
        Assert.Equal(1, app.Count);
    }

    [Fact]
    public async Task A_second_loss_ends_with_a_page_that_says_why()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = _authority.Browser("alice").TamperState();
        ExpectAgain(await alice.FollowAsync(app.Site, "/login"));
        var second = await alice.OpenAsync(Again);
        Assert.Equal(HttpStatusCode.Forbidden, second.Status);
        Assert.DoesNotContain("http-equiv=\"refresh\"", second.Body);
        Assert.Contains("LK-SIGNIN-LOST", second.Body);
        // Whoever asks for it by hand may go on.
        Assert.Equal("/", (await alice.Behave().FollowAsync(app.Site, "/login")).ShouldHaveArrived().Url.AbsolutePath);
    }

    [Fact]
    public async Task A_browser_that_keeps_no_cookies_is_told_so_and_not_sent_in_circles()
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var lost = await app.SendAsync(HttpMethod.Get, "/callback?state=x&code=y");
        Assert.Equal(HttpStatusCode.Forbidden, lost.StatusCode);
        using var again = await app.SendAsync(HttpMethod.Get, "/login?again=1");
        Assert.Equal(HttpStatusCode.BadRequest, again.StatusCode);
        Assert.Contains("LK-SIGNIN-COOKIES", await again.TextAsync());
        Assert.Empty(again.Cookies());
    }

    [Fact]
    public async Task A_sign_in_that_took_too_long_starts_once_more()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = authority.Browser("alice").CloseTab();
        var callback = (await alice.FollowAsync(app.Site, "/login")).Url;
        authority.Advance(TimeSpan.FromMinutes(70));
        ExpectAgain(await alice.Behave().OpenAsync(callback.AbsoluteUri));
        Assert.Equal(0, app.Count);
    }

    [Fact]
    public async Task A_code_that_is_over_starts_once_more()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = authority.Browser("alice").CloseTab();
        var callback = (await alice.FollowAsync(app.Site, "/login")).Url;
        authority.Advance(TimeSpan.FromMinutes(30));
        ExpectAgain(await alice.Behave().OpenAsync(callback.AbsoluteUri));
    }

    [Fact, Check("C2"), Check("C12")]
    public async Task A_callback_is_good_once_and_its_code_is_sent_once()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        // The back button: the session is there, so nothing starts again.
        var back = (await alice.ReloadCallbackAsync()).ShouldHaveArrived();
        Assert.Equal(Ready.Alice.Subject, back.Body);
        Assert.Single(authority.Requests.Grants("authorization_code"));
    }

    [Fact, Check("C2")]
    public async Task A_copy_of_the_cookie_does_not_make_it_good_twice()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = authority.Browser("alice").CloseTab();
        var callback = (await alice.FollowAsync(app.Site, "/login")).Url;
        var cookies = alice.CookieHeader();
        using var first = await app.SendAsync(HttpMethod.Get, callback.PathAndQuery, cookies);
        Assert.Equal(HttpStatusCode.Found, first.StatusCode);
        using var second = await app.SendAsync(HttpMethod.Get, callback.PathAndQuery, cookies);
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);
        Assert.Single(authority.Requests.Grants("authorization_code"));
        Assert.Equal(1, app.Count);
    }

    [Fact, Check("C17"), Spec("OAuth 2.0 Security Topics Update", "2.3")]
    public async Task What_one_browser_began_no_other_can_finish()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var (mallory, alice) = (_authority.Browser("bob").CloseTab(), _authority.Browser("alice"));
        // Mallory starts, and has Alice follow the link that he got: her code comes back to a browser that has not asked.
        var start = await app.SendAsync(HttpMethod.Get, "/login");
        mallory.PlantCookie(WebApp.Origin, start.Cookies()[0]);
        alice.Knows(app.Site);
        ExpectAgain(await alice.OpenAsync(start.Headers.Location!.AbsoluteUri));
        Assert.Equal(0, app.Count);
        start.Dispose();
    }

    [Theory, InlineData(@"{""state"":""\ud800""}"), InlineData(@"{""state"":1}"), InlineData("[]"), InlineData("{")]
    public async Task A_signed_answer_that_is_none_is_no_fault_of_the_app(string payload)
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(HttpMethod.Get, $"/callback?response=e30.{System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(payload))}.e30");
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact, Check("C17")]
    public async Task What_began_in_one_session_does_not_end_in_another()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var browser = await app.SignInAsync(_authority);
        var callback = (await browser.CloseTab().FollowAsync(app.Site, "/login")).Url;
        // In between somebody else signs in at the same browser.
        await browser.Behave().FollowAsync(app.Site, "/login");
        var signedIn = browser.Cookies("app.test")["__Host-latchkey-app"];
        var stop = (await browser.OpenAsync(callback.AbsoluteUri)).ShouldHaveArrived();
        Assert.Equal(signedIn, browser.Cookies("app.test")["__Host-latchkey-app"]);
        Assert.Equal("/", stop.Url.AbsolutePath);
    }

    [Fact]
    public async Task Tabs_do_not_get_in_each_others_way()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = _authority.Browser("alice").CloseTab();
        var first = (await alice.FollowAsync(app.Site, "/me?tab=1")).Url;
        var second = (await alice.FollowAsync(app.Site, "/me?tab=2")).Url;
        alice.Behave();
        Assert.Equal("?tab=1", (await alice.OpenAsync(first.AbsoluteUri)).ShouldHaveArrived().Url.Query);
        Assert.Equal("?tab=2", (await alice.OpenAsync(second.AbsoluteUri)).ShouldHaveArrived().Url.Query);
    }

    [Fact]
    public async Task Many_tabs_leave_few_cookies()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = _authority.Browser("alice").CloseTab();
        for (var tab = 0; tab < 12; tab++) await alice.FollowAsync(app.Site, "/login");
        Assert.Equal(6, alice.Cookies("app.test").Count);
    }

    [Theory, Check("C5"), Spec("RFC 9207", "2.4")]
    [InlineData("error=access_denied&error_description=Call+0900&state=other"), InlineData("error=access_denied&error_description=Call+0900")]
    public async Task An_error_that_nobody_asked_for_is_not_shown(string query)
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/callback?" + query);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.DoesNotContain("0900", await answer.TextAsync());
    }

    [Theory, Spec("RFC 9207", "2.4"), Check("C4")]
    [InlineData("https://evil.example", "LK-CLIENT-ISS-MISMATCH"), InlineData(null, "LK-CLIENT-ISS-MISSING")]
    public async Task An_answer_of_another_provider_is_refused(string? issuer, string code)
    {
        await using var app = await WebApp.StartAsync(_authority);
        var stop = await _authority.Browser("alice").TamperCallback(parameters =>
        {
            if (issuer is null) parameters.Remove("iss");
            else parameters["iss"] = issuer;
        }).FollowAsync(app.Site, "/login");
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        Assert.Contains(code, stop.Body);
        Assert.Equal(0, app.Count);
    }

    [Theory]
    [InlineData("POST", "text/plain"), InlineData("POST", "application/json")]
    public async Task A_callback_of_another_form_is_refused(string method, string type)
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(new HttpMethod(method), "/callback", new StringContent("state=x", null, type));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static void ExpectAgain(BrowserStop stop)
    {
        Assert.Equal(HttpStatusCode.Forbidden, stop.Status);
        Assert.Contains("http-equiv=\"refresh\" content=\"0;url=/login?again=1\"", stop.Body);
        Assert.Contains("LK-", stop.Body);
    }
}
