using System.Net;
using Latchkey.Testing;

namespace Latchkey.Client.AspNetCore.Tests.Sessions;

public sealed class SessionCookieTests(SharedAuthority shared)
{
    private const string Name = "__Host-latchkey-app";
    private readonly TestAuthority _authority = shared.Authority;

    [Fact, Check("C16"), Spec("RFC 10017", "6.1.3.2")]
    public async Task The_browser_gets_one_cookie_that_no_script_and_no_other_host_can_use()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var (callback, alice) = await CallbackAsync(app);
        using var answer = await app.SendAsync(HttpMethod.Get, callback, alice);
        var line = Assert.Single(answer.Cookies(), line => line.StartsWith(Name + "=", StringComparison.Ordinal));
        var attributes = line.Split("; ")[1..].Order().ToArray();
        Assert.Equal(["httponly", "path=/", "samesite=lax", "secure"], attributes);
        // 256 bits, and nothing that says whose it is.
        Assert.Matches("^[A-Za-z0-9_-]{43}$", line.Split(';')[0][(Name.Length + 1)..]);
        // The other one is the sign-in's, which is over.
        Assert.All(answer.Cookies().Where(other => other != line), other => Assert.Contains("expires=Thu, 01 Jan 1970", other));
    }

    [Fact, Check("C15"), Spec("RFC 10017", "6.1.3")]
    public async Task No_token_is_in_any_cookie_page_or_address()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        var page = await alice.FollowAsync(app.Site, "/me");
        var seen = string.Join('\n', page.Trail) + page.Body + alice.CookieHeader().Value;
        Assert.DoesNotContain("eyJ", seen);
        Assert.Single(alice.Cookies("app.test"));
    }

    [Fact, Check("C15")]
    public async Task The_cookie_of_a_sign_in_is_encrypted_and_ends_with_it()
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/login");
        var line = Assert.Single(answer.Cookies());
        Assert.StartsWith("__Host-latchkey-app-signin-", line);
        Assert.Contains("max-age=3600", line);
        Assert.Contains("httponly", line);
        var state = System.Web.HttpUtility.ParseQueryString(answer.Headers.Location!.Query)["state"];
        if (state is not null) Assert.DoesNotContain(state, line);
    }

    [Fact, Check("C16"), Spec("RFC 10017", "6.1.3.2")]
    public async Task A_planted_session_id_is_worth_nothing_after_sign_in()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var planted = new string('A', 43);
        var alice = _authority.Browser("alice").PlantCookie(WebApp.Origin, $"{Name}={planted}; Path=/; Secure");
        await alice.FollowAsync(app.Site, "/login");
        Assert.NotEqual(planted, alice.Cookies("app.test")[Name]);
        Assert.Equal("nobody", await BodyAsync(app, planted));
    }

    [Fact, Check("C16")]
    public async Task Each_sign_in_has_a_new_id_and_ends_the_earlier_session()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        var first = alice.Cookies("app.test")[Name];
        await alice.FollowAsync(app.Site, "/login");
        Assert.NotEqual(first, alice.Cookies("app.test")[Name]);
        Assert.Equal("nobody", await BodyAsync(app, first));
        Assert.Equal(1, app.Count);
    }

    [Fact]
    public async Task An_id_of_one_scheme_is_none_of_another()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        var id = alice.Cookies("app.test")[Name];
        Assert.Equal(Ready.Alice.Subject, await BodyAsync(app, id));
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        context.Request.Scheme = "https";
        context.Request.Headers.Cookie = $"__Host-latchkey-other={id}; {Name}={id}";
        Assert.NotEqual(AspNetCore.Sessions.SessionCookie.Find(context, "app"), AspNetCore.Sessions.SessionCookie.Find(context, "other"));
    }

    [Theory]
    [InlineData("https://app.test", "__Host-latchkey-app"), InlineData("https://app.test:8443", "__Host-latchkey-app-8443")]
    [InlineData("http://127.0.0.1:3000", "latchkey-app-3000"), InlineData("http://localhost:3001", "latchkey-app-3001"), InlineData("http://[::1]:3001", "latchkey-app-3001")]
    public void Two_apps_on_one_machine_have_cookies_of_different_names(string origin, string name)
    {
        var uri = new Uri(origin);
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        context.Request.Scheme = uri.Scheme;
        context.Request.Host = Microsoft.AspNetCore.Http.HostString.FromUriComponent(uri);
        Assert.Equal(name, AspNetCore.Sessions.BrowserCookie.Name(context.Request, "app"));
    }

    [Fact]
    public async Task A_session_ends_when_it_is_idle_and_when_it_is_old()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority, signIn: options => (options.IdleTimeout, options.SessionLifetime) = (TimeSpan.FromHours(1), TimeSpan.FromHours(3)));
        var id = (await app.SignInAsync(authority)).Cookies("app.test")[Name];
        for (var use = 0; use < 3; use++)
        {
            authority.Advance(TimeSpan.FromMinutes(59));
            Assert.Equal(Ready.Alice.Subject, await BodyAsync(app, id));
        }

        authority.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal("nobody", await BodyAsync(app, id));
        id = (await app.SignInAsync(authority)).Cookies("app.test")[Name];
        authority.Advance(TimeSpan.FromMinutes(61));
        Assert.Equal("nobody", await BodyAsync(app, id));
    }

    private static async Task<string> BodyAsync(WebApp app, string id)
    {
        using var answer = await app.SendAsync(HttpMethod.Get, "/", ("Cookie", $"{Name}={id}"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.TextAsync();
    }

    private async Task<(string Callback, (string, string) Cookies)> CallbackAsync(WebApp app)
    {
        var alice = _authority.Browser("alice").CloseTab();
        var callback = (await alice.FollowAsync(app.Site, "/login")).Url.PathAndQuery;
        return (callback, alice.CookieHeader());
    }
}
