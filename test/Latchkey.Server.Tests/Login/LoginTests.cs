using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Latchkey.Server.Tests.Authorize;

namespace Latchkey.Server.Tests.Login;

/// <summary>Signing in by name and password, and what others could make of it.</summary>
[Spec("RFC 6749", "10.12"), Spec("OIDC Core", "3.1.2.3")]
public sealed class LoginTests(AuthorizeServer server)
{
    [Fact, Check("A26"), Spec("RFC 9700", "4.12"), Spec("OAuth 2.1", "7.5.3"), Spec("OIDC Core", "16.22")]
    public async Task A_password_is_never_posted_on()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid");
        await browser.SignInAsync((await browser.GetAsync(request.Url)).ExpectLogin());
        var post = browser.Trail.Single(step => step.Method == HttpMethod.Post);
        Assert.Equal(HttpStatusCode.SeeOther, post.Status);
        Assert.DoesNotContain(browser.Trail, step => step.Url.ToString().Contains("correct", StringComparison.Ordinal));
    }

    [Fact, Spec("RFC 6749", "10.12"), Check("A27")]
    public async Task A_form_of_another_site_or_another_browser_signs_nobody_in()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        using var attacker = server.Browser(DeclaredStates.Bob);
        var login = (await browser.GetAsync(web.Request().Url)).ExpectLogin();
        var theirs = (await attacker.GetAsync(web.Request().Url)).ExpectLogin();

        (await browser.SubmitAsync(login, ("username", "bob"), ("password", DeclaredStates.Bob.Password), ("__token", ""))).ExpectErrorPage();
        (await browser.SubmitAsync(login, ("username", "bob"), ("password", DeclaredStates.Bob.Password), ("__token", "x"))).ExpectErrorPage();
        // A page that the attacker fetched for themselves, token and all, and had posted by the person's browser.
        (await browser.SignInAsync(theirs, DeclaredStates.Bob)).ExpectErrorPage();
        var cookies = browser.Cookies.Where(cookie => cookie.Key.Contains("csrf", StringComparison.Ordinal)).Select(cookie => cookie.Key).ToList();
        foreach (var cookie in cookies) browser.Cookies.Remove(cookie);
        (await browser.SignInAsync(login)).ExpectErrorPage();
        Assert.DoesNotContain("latchkey", browser.Cookies.Keys);
    }

    [Theory, Spec("OWASP ASVS", "6.3.8")]
    [InlineData("alice", "wrong password of hers")]
    [InlineData("nobody-at-all", "wrong password of hers")]
    [InlineData("nobody-at-all", "")]
    [InlineData("", "wrong password of hers")]
    [InlineData("", "")]
    [InlineData("alice", "")]
    [InlineData("alice' OR '1'='1", "xyzzy-xyzzy")]
    [InlineData("alice", "CORRECT HORSE BATTERY STAPLE")]
    [InlineData("alice", "correct horse battery staple ")]
    public async Task Whatever_does_not_match_gets_the_same_page(string username, string password)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request();
        var login = (await browser.GetAsync(request.Url)).ExpectLogin();
        var refused = (await browser.SubmitAsync(login, ("username", username), ("password", password))).ExpectLogin();
        Assert.Equal("That did not match. The username or the password is not right. Check both and try again.",
            Regex.Replace(refused.Document!.QuerySelector("[role=alert]")!.TextContent.Trim(), @"\s+", " "));
        Assert.Equal(username, refused.Document.QuerySelector("input[name=username]")!.GetAttribute("value") ?? "");
        Assert.Null(refused.Document.QuerySelector("input[name=password]")!.GetAttribute("value"));
        if (password.Trim().Length > 0) Assert.DoesNotContain(password, refused.Text, StringComparison.Ordinal);
        // The page goes on where it was, also for who gets it right the second time. Success clears alice's count of failures.
        (await browser.FinishAsync(await browser.SignInAsync(refused))).ExpectCode(request);
    }

    [Fact]
    public async Task An_unknown_name_costs_as_much_as_a_wrong_password()
    {
        await using var own = await LatchkeyProcess.StartAsync(Several("guessed", 1));
        using var browser = new PageWalker(own.Issuer);
        var login = await browser.GetAsync("/login");
        // The processor's time, not the clock's: what else runs on the machine does not count. The ways alternate after a warm one each.
        using var process = Process.GetProcessById(own.ProcessId);
        var times = new Dictionary<string, TimeSpan> { ["guessed-1"] = default, ["unknown"] = default };
        for (var i = 0; i < 9; i++)
        {
            foreach (var name in times.Keys.ToList())
            {
                process.Refresh();
                var before = process.TotalProcessorTime;
                await browser.SubmitAsync(login, ("username", name), ("password", "wrong password"));
                process.Refresh();
                if (i > 0) times[name] += process.TotalProcessorTime - before;
            }
        }

        // Without the hash of nobody's password it would be a small part.
        Assert.InRange(times["unknown"] / times["guessed-1"], 0.6, 1.7);
    }

    [Fact]
    public async Task The_session_begins_anew_at_each_sign_in()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        // A cookie that somebody planted does not become a session of anybody's.
        browser.Cookies["latchkey"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        await web.SignInAsync(browser, "openid");
        var first = browser.Cookies["latchkey"];
        Assert.NotEqual("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", first);

        await web.SignInAsync(browser, "openid", ("prompt", "login"));
        var second = browser.Cookies["latchkey"];
        Assert.NotEqual(first, second);

        // The old cookie is worth nothing any more.
        using var thief = server.Browser();
        thief.Cookies["latchkey"] = first;
        var request = web.Request("openid", ("prompt", "none"));
        (await thief.GetAsync(request.Url)).ExpectError(request, "login_required");
    }

    [Fact]
    public async Task Signing_in_as_somebody_else_ends_the_first_persons_session()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var alices = await web.SignInAsync(browser, "openid email");
        var cookie = browser.Cookies["latchkey"];
        browser.Person = DeclaredStates.Bob;
        var request = web.Request("openid email", ("prompt", "login"));
        var bobs = await web.RedeemAsync(request, (await browser.AuthorizeAsync(request.Url)).ExpectCode(request));
        Assert.NotEqual(Jwt.Claims(alices.IdToken!).GetProperty("sid").GetString(), Jwt.Claims(bobs["id_token"]!).GetProperty("sid").GetString());

        using var old = server.Browser();
        old.Cookies["latchkey"] = cookie;
        var silent = web.Request("openid", ("prompt", "none"));
        (await old.GetAsync(silent.Url)).ExpectError(silent, "login_required");
        // What was given in her session ended with it.
        (await web.RefreshAsync(alices.RefreshToken!)).ExpectError("invalid_grant");
    }

    [Theory, Spec("RFC 6265bis", "4.1.2")]
    [InlineData("latchkey")]
    [InlineData("latchkey-csrf")]
    public async Task Cookies_are_for_this_server_alone(string name)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        await web.SignInAsync(browser, "openid");
        var cookie = browser.SetCookies.Last(line => line.StartsWith(name + "=", StringComparison.Ordinal)).ToLowerInvariant();
        Assert.Contains("; httponly", cookie, StringComparison.Ordinal);
        Assert.Contains("; samesite=lax", cookie, StringComparison.Ordinal);
        Assert.Contains("; path=/", cookie, StringComparison.Ordinal);
        Assert.DoesNotContain("domain=", cookie, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/login?request=x")]
    [InlineData("/consent?request=x")]
    [InlineData("/consent")]
    [InlineData("/select-account")]
    [InlineData("/authorize/continue")]
    [InlineData("/authorize/continue?request=AAAA")]
    public async Task A_page_of_ours_leads_only_where_we_sealed_it_to(string url)
    {
        using var alice = server.Alice();
        (await alice.GetAsync(url)).ExpectErrorPage();
    }

    [Fact]
    public async Task What_waits_can_not_be_bent()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var login = (await browser.GetAsync(web.Request().Url)).ExpectLogin();
        var sealedRequest = login.Document!.QuerySelector("input[name=request]")!.GetAttribute("value")!;
        foreach (var at in (int[])[0, 5, sealedRequest.Length / 2, sealedRequest.Length - 1])
        {
            var bent = sealedRequest.ToCharArray();
            bent[at] = bent[at] == 'A' ? 'B' : 'A';
            (await browser.GetAsync("/login?request=" + new string(bent))).ExpectErrorPage();
            (await browser.SubmitAsync(login, ("request", new string(bent)), ("username", "alice"), ("password", DeclaredStates.Alice.Password))).ExpectErrorPage();
        }

        // A code is sealed by the same key and must not pass for a request.
        (await browser.GetAsync("/login?request=" + (await server.AskAsync(DeclaredStates.Web)).ExpectCode()["lkc_".Length..])).ExpectErrorPage();
    }

    [Fact]
    public async Task Going_back_to_the_login_page_after_signing_in_works_again()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid");
        var login = (await browser.GetAsync(request.Url)).ExpectLogin();
        (await browser.SignInAsync(login)).ExpectCode(request);
        (await browser.GetAsync(login.Url.PathAndQuery)).ExpectLogin();
        (await browser.SignInAsync(login)).ExpectCode(request);
    }

    [Fact]
    public async Task Two_tabs_do_not_disturb_each_other()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var (one, other) = (web.Request("openid"), web.Request("openid"));
        var first = (await browser.GetAsync(one.Url)).ExpectLogin();
        var second = (await browser.GetAsync(other.Url)).ExpectLogin();
        (await browser.SignInAsync(first)).ExpectCode(one);
        (await browser.SignInAsync(second)).ExpectCode(other);
    }

    internal static System.Text.Json.Nodes.JsonObject Several(string name, int count)
    {
        var state = DeclaredStates.Standard();
        for (var i = 1; i <= count; i++)
            state["users"]!.AsArray().Add(new System.Text.Json.Nodes.JsonObject { ["username"] = $"{name}-{i}", ["password"] = "a password long enough" });
        return state;
    }
}
