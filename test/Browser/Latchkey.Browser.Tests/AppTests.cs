using Latchkey.Browser.Tests.Site;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests;

/// <summary>The demo's apps: what the browser gets to see of tokens, two apps with one sign-in, and the single-page app.</summary>
public sealed class AppTests(DemoSite site)
{
    [Fact, Check("C15"), Spec("RFC 10017", "6.1.3"), Spec("RFC 9700", "4.3.2")]
    public Task No_token_is_anywhere_in_the_browser() => site.VisitAsync(async visitor =>
    {
        var seen = new List<string>();
        visitor.Page.Request += (_, request) =>
        {
            // The hint of who signs out goes to the provider, which issued it; access and refresh tokens go nowhere.
            if (!request.Url.StartsWith(site.Issuer + "/logout", StringComparison.Ordinal)) seen.Add(request.Url + "\n" + string.Join('\n', request.Headers.Values) + request.PostData);
        };
        visitor.Page.Response += async (_, response) => seen.Add(string.Join('\n', (await response.AllHeadersAsync()).Where(header => header.Key != "location").Select(header => header.Value)));
        await visitor.SignInToWebAsync(site.Newcomer());
        await LookAsync(site.Web);
        await visitor.FollowAsync("Call the API");
        await visitor.ExpectHeadingAsync("The API answered 200");
        await LookAsync(site.Web);
        await SignInToSpaAsync(visitor);
        await visitor.PressAsync("Call the API");
        await Expect(visitor.Page.Locator("#answer")).ToContainTextAsync("\"scope\"");
        await LookAsync(site.Spa);
        Assert.DoesNotContain(seen, text => text.Contains("eyJ", StringComparison.Ordinal));

        async Task LookAsync(string origin)
        {
            var stored = await visitor.Page.EvaluateAsync<string>(
                "async () => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, document.documentElement.innerHTML, await indexedDB.databases(), await caches.keys()])");
            Assert.DoesNotContain("eyJ", stored);
            Assert.Equal("", await visitor.Page.EvaluateAsync<string>("document.cookie"));
            var port = new Uri(origin).Port;
            var cookies = (await visitor.Page.Context.CookiesAsync([origin])).Where(cookie => cookie.Name.Contains($"-{port}", StringComparison.Ordinal)).ToList();
            var session = Assert.Single(cookies);
            Assert.True(session.HttpOnly);
            Assert.Equal(SameSiteAttribute.Lax, session.SameSite);
            Assert.Equal(43, session.Value.Length);
        }
    });

    [Fact, Spec("OIDC Core", "3.1.2.3"), Spec("OIDC Back-Channel Logout", "2.5"), Spec("OIDC RP-Initiated Logout", "2")]
    public Task Who_is_signed_in_to_one_app_is_in_the_other_too_and_signs_out_of_both() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToWebAsync(site.Newcomer());
        await visitor.Page.GotoAsync(site.Shop);
        await visitor.FollowAsync("Sign in");
        await visitor.ExpectTitleAsync("Let Demo shop use your account?");
        await visitor.PressAsync("Allow");
        await Expect(visitor.Page).ToHaveURLAsync(site.Shop + "/dashboard");
        // Each has its own session, on one host.
        await visitor.Page.GotoAsync(site.Web + "/dashboard");
        await Expect(visitor.Page).ToHaveURLAsync(site.Web + "/dashboard");
        await visitor.PressAsync("Sign out");
        await visitor.ExpectHeadingAsync("Sign in once, use every app");
        await Eventually.HoldsAsync("the other app has been told", async () =>
        {
            await visitor.Page.GotoAsync(site.Shop);
            return await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).CountAsync() == 1;
        });
        await visitor.Page.GotoAsync(site.Shop + "/dashboard");
        await visitor.ExpectTitleAsync("Sign in");
    });

    [Fact, Spec("RFC 10017", "6.1")]
    public Task The_single_page_app_signs_in_calls_the_api_and_signs_out() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Spa);
        await visitor.ExpectHeadingAsync("You are not signed in");
        await visitor.LookAsync("spa signed out");
        // That nobody is signed in is a 401, as it is meant to be.
        visitor.Forgive();
        await visitor.FollowAsync("Sign in");
        var person = site.Newcomer();
        await visitor.SignInAsync(person);
        await visitor.PressAsync("Allow");
        await Expect(visitor.Page).ToHaveURLAsync(site.Spa + "/");
        await visitor.ExpectHeadingAsync("Welcome, Person " + person.Username["person".Length..]);
        await visitor.PressAsync("Call the API");
        await Expect(visitor.Page.Locator("#text")).ToContainTextAsync("The API answered 200");
        await visitor.LookAsync("spa signed in");
        // What is not listed is not there, token or no token.
        Assert.Equal(404, await visitor.Page.EvaluateAsync<int>("""async () => (await fetch("/api/recent", { headers: { "X-CSRF": "1" } })).status"""));
        Assert.Equal(403, await visitor.Page.EvaluateAsync<int>("""async () => (await fetch("/api/read")).status"""));
        visitor.Forgive();
        await visitor.PressAsync("Sign out");
        await visitor.ExpectHeadingAsync("You are not signed in");
        visitor.Forgive();
    });

    [Fact, Check("C27"), Spec("RFC 10017", "6.1.3.3")]
    public Task Another_site_can_neither_call_the_backend_nor_sign_anybody_out() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Spa);
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).ClickAsync();
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        await Expect(visitor.Page).ToHaveURLAsync(site.Spa + "/");
        await visitor.Page.GotoAsync(site.SecondSite.Form(site.Spa + "/bff/logout", []));
        Assert.Equal("refused", await visitor.Page.EvaluateAsync<string>(
            "async url => { try { return String((await fetch(url, { credentials: 'include', headers: { 'X-CSRF': '1' } })).status); } catch { return 'refused'; } }", site.Spa + "/bff/user"));
        await visitor.PressAsync("Send");
        await visitor.ExpectHeadingAsync("Do you want to sign out?");
        await visitor.LookAsync("asked before signing out");
        await visitor.FollowAsync("Stay signed in");
        await Expect(visitor.Page.GetByText("This is what the page's server knows about you.")).ToBeVisibleAsync();
        visitor.Forgive();
    });

    [Fact, Check("C17")]
    public Task A_sign_in_that_got_lost_starts_again_by_itself() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Web + "/login");
        await visitor.ExpectTitleAsync("Sign in");
        // The cookies of the app are cleared while the sign-in page is open.
        await visitor.Page.Context.ClearCookiesAsync(new() { NameRegex = new("^latchkey-web-") });
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        await Expect(visitor.Page).ToHaveURLAsync(site.Web + "/dashboard");
        // The back button, or a bookmark of the callback.
        await visitor.Page.GotoAsync(site.Web + "/callback?code=old&state=old");
        await Expect(visitor.Page).ToHaveURLAsync(site.Web + "/dashboard");

        await visitor.Page.Context.ClearCookiesAsync();
        await visitor.Page.RouteAsync("**/login?again=1", route => route.FulfillAsync(new() { ContentType = "text/html", Body = "stopped" }));
        await visitor.Page.GotoAsync(site.Web + "/callback?code=old&state=old");
        await Expect(visitor.Page).ToHaveURLAsync(site.Web + "/login?again=1");
        await visitor.Page.UnrouteAllAsync();
        await visitor.Page.GotoAsync(site.Web + "/callback?code=old&state=old");
        await visitor.ExpectHeadingAsync("Sign-in did not work");
        await visitor.LookAsync("a sign-in that got lost");
        visitor.Forgive();
    });

    private async Task SignInToSpaAsync(Visitor visitor)
    {
        await visitor.Page.GotoAsync(site.Spa + "/bff/login");
        await visitor.PressAsync("Allow");
        await Expect(visitor.Page).ToHaveURLAsync(site.Spa + "/");
        await Expect(visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Call the API" })).ToBeVisibleAsync();
    }
}
