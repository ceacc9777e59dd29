using System.Net;
using Latchkey.Browser.Tests.Site;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests;

/// <summary>Signing in to apps and out of them, as people do.</summary>
public sealed class SignInTests(DemoSite site)
{
    private const string Consent = "Let Demo web app use your account?";

    [Theory, InlineData(true), InlineData(false)]
    [Spec("RFC 6749", "4.1"), Spec("OIDC Core", "3.1.2"), Spec("OIDC RP-Initiated Logout", "2")]
    public Task Somebody_signs_in_to_the_demo_uses_it_and_signs_out_with_and_without_scripts(bool scripts) => site.VisitAsync(
        async visitor =>
        {
            var person = site.Newcomer();
            await visitor.Page.GotoAsync(site.Web);
            await visitor.FollowAsync("Sign in");
            await visitor.ExpectTitleAsync("Sign in");
            await Expect(visitor.Page.GetByText("to continue to Demo web app")).ToBeVisibleAsync();
            await visitor.SignInAsync(person);
            await visitor.ExpectTitleAsync(Consent);
            await Expect(visitor.Page.GetByText("Read your demo data")).ToBeVisibleAsync();
            // The form leads to the callback, and the callback to the dashboard: form-action holds for both.
            await visitor.PressAsync("Allow");
            await Expect(visitor.Page).ToHaveURLAsync(site.Web + "/dashboard");
            await visitor.ExpectHeadingAsync("Welcome, Person " + person.Username["person".Length..]);

            await visitor.FollowAsync("Call the API");
            await visitor.ExpectHeadingAsync("The API answered 200");
            await visitor.FollowAsync("Back to the dashboard");
            await visitor.PressAsync("Sign out");
            await visitor.ExpectHeadingAsync("Sign in once, use every app");

            // The session at the server is over too.
            await visitor.OpenAsync("/account");
            await visitor.ExpectTitleAsync("Sign in");
        },
        options => options.JavaScriptEnabled = scripts);

    [Fact, Spec("RFC 6749", "4.1.2.1")]
    public Task Who_does_not_agree_comes_back_to_an_app_that_got_nothing() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Web + "/login");
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Deny");
        await visitor.ExpectHeadingAsync("You did not agree");
        await visitor.Page.GotoAsync(site.Web + "/login");
        await visitor.ExpectTitleAsync(Consent);
    });

    [Fact, Spec("OIDC Core", "3.1.2.3")]
    public Task A_second_app_asks_for_agreement_and_not_for_the_password() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToWebAsync(site.Newcomer());
        var request = site.Second.Request("openid profile");
        await visitor.Page.GotoAsync(request.Url);
        await visitor.ExpectTitleAsync("Let Second app use your account?");
        await visitor.PressAsync("Allow");
        await visitor.ExpectHeadingAsync("Second app");
        Assert.Equal(request.State, await TextAsync(visitor, "state"));
        (await site.Second.RedeemAsync(request, await TextAsync(visitor, "code"))).Expect(HttpStatusCode.OK);

        // The next time nothing is asked at all.
        await visitor.Page.GotoAsync(site.Second.Request("openid profile").Url);
        await visitor.ExpectHeadingAsync("Second app");
    });

    [Fact, Spec("WCAG 2.2", "3.3.1")]
    public Task A_wrong_password_is_announced_where_it_can_be_mended() => site.VisitAsync(async visitor =>
    {
        var person = site.Newcomer();
        await visitor.OpenAsync("/login");
        await Expect(visitor.Page.GetByLabel("Username")).ToBeFocusedAsync();
        await visitor.SignInAsync(person with { Password = "it is not this one" });
        await visitor.ExpectTitleAsync("Error: Sign in");
        await Expect(visitor.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("The username or the password is not right.");
        var (username, password) = (visitor.Page.GetByLabel("Username"), visitor.Page.GetByLabel("Password"));
        await Expect(username).ToHaveValueAsync(person.Username);
        await Expect(password).ToHaveValueAsync("");
        await Expect(password).ToBeFocusedAsync();
        await Expect(password).ToHaveAttributeAsync("aria-invalid", "true");
        await Expect(password).ToHaveAccessibleDescriptionAsync(new System.Text.RegularExpressions.Regex("is not right"));

        await password.FillAsync(person.Password);
        await visitor.PressAsync("Sign in");
        await visitor.ExpectTitleAsync("Your account");
    });

    [Fact, Spec("WCAG 2.2", "2.1.1"), Spec("WCAG 2.2", "2.4.7")]
    public Task The_keyboard_is_enough() => site.VisitAsync(async visitor =>
    {
        var (page, person) = (visitor.Page, site.Newcomer());
        await page.GotoAsync(site.Web);
        await TabToAsync(page, page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }));
        await page.Keyboard.PressAsync("Enter");
        await visitor.ExpectTitleAsync("Sign in");
        await Expect(page.GetByLabel("Username")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync(person.Username);
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.GetByLabel("Password")).ToBeFocusedAsync();
        await page.Keyboard.TypeAsync(person.Password);
        await page.Keyboard.PressAsync("Enter");
        await visitor.ExpectTitleAsync(Consent);
        await TabToAsync(page, page.GetByRole(AriaRole.Button, new() { Name = "Allow" }));
        await page.Keyboard.PressAsync("Enter");
        await Expect(page).ToHaveURLAsync(site.Web + "/dashboard");
    });

    [Fact, Spec("OIDC Core", "3.1.2.1")]
    public Task Who_is_asked_for_an_account_goes_on_as_before_or_as_another() => site.VisitAsync(async visitor =>
    {
        var (first, other) = (site.Newcomer(), site.Newcomer());
        await visitor.SignInToAccountAsync(first);
        var request = site.Second.Request("openid profile", ("prompt", "select_account"));
        await visitor.Page.GotoAsync(request.Url);
        await visitor.ExpectTitleAsync("Choose an account");
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Go on as" }).ClickAsync();
        await visitor.PressAsync("Allow");
        var before = await SubjectAsync(visitor, request);

        request = site.Second.Request("openid profile", ("prompt", "select_account"));
        await visitor.Page.GotoAsync(request.Url);
        await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Use another account" }).ClickAsync();
        await visitor.ExpectTitleAsync("Sign in");
        await visitor.SignInAsync(other);
        await Expect(visitor.Page.GetByText(other.Username + "@example.com")).ToBeVisibleAsync();
        await visitor.PressAsync("Allow");
        Assert.NotEqual(before, await SubjectAsync(visitor, request));
    });

    [Fact, Spec("OIDC RP-Initiated Logout", "2"), Spec("OIDC Back-Channel Logout", "2.5")]
    public Task Signing_out_at_the_server_signs_out_of_the_apps_too() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToWebAsync(site.Newcomer());
        await visitor.OpenAsync("/account");
        await visitor.FollowAsync("Sign out");
        await visitor.ExpectTitleAsync("Sign out?");
        await visitor.PressAsync("Sign out");
        await visitor.ExpectTitleAsync("You are signed out");
        await Expect(visitor.Page.GetByText("Demo web app")).ToBeVisibleAsync();
        await Eventually.HoldsAsync("the app has been told", async () =>
        {
            await visitor.Page.GotoAsync(site.Web);
            return await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).CountAsync() == 1;
        });
    });

    [Fact]
    public Task Who_thinks_better_of_signing_out_stays_signed_in() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToAccountAsync(site.Newcomer());
        await visitor.FollowAsync("Sign out");
        await visitor.FollowAsync("Cancel and stay signed in");
        await visitor.ExpectTitleAsync("Your account");
    });

    private static async Task<string> TextAsync(Visitor visitor, string id) => await visitor.Page.Locator("#" + id).InnerTextAsync();

    private async Task<string> SubjectAsync(Visitor visitor, AuthorizationRequest request)
    {
        var tokens = await site.Second.RedeemAsync(request, await TextAsync(visitor, "code"));
        return Jwt.Claims(tokens.Expect(HttpStatusCode.OK)["id_token"]!).GetProperty("sub").GetString()!;
    }

    // As often as it takes, and what has the focus can be seen to have it.
    private static async Task TabToAsync(IPage page, ILocator target)
    {
        for (var tabs = 0; tabs < 20; tabs++)
        {
            await page.Keyboard.PressAsync("Tab");
            Assert.NotEqual("none", await page.EvaluateAsync<string>("getComputedStyle(document.activeElement).outlineStyle"));
            if (await target.EvaluateAsync<bool>("element => element === document.activeElement")) return;
        }

        Assert.Fail("It can't be reached by Tab.");
    }
}
