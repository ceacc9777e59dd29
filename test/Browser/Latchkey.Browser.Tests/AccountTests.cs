using Latchkey.Browser.Tests.Site;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests;

/// <summary>What people do on their own page.</summary>
public sealed class AccountTests(DemoSite site)
{
    [Theory, InlineData(true), InlineData(false)]
    public Task A_new_password_takes_the_place_of_the_old_one(bool scripts) => site.VisitAsync(
        async visitor =>
        {
            var person = site.Newcomer();
            await visitor.SignInToAccountAsync(person);

            await ChangePasswordAsync(visitor, "not the current one", "a new one of many words");
            await visitor.ExpectTitleAsync("Error: Your account");
            await Expect(visitor.Page.GetByRole(AriaRole.Alert)).ToContainTextAsync("Your password was not changed");
            await Expect(visitor.Page.GetByLabel("Current password")).ToBeFocusedAsync();
            await Expect(visitor.Page.GetByLabel("Current password")).ToHaveAccessibleDescriptionAsync("This is not your current password. Type it again.");

            await ChangePasswordAsync(visitor, person.Password, "a new one of many words");
            await visitor.ExpectTitleAsync("Password changed: Your account");
            await Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("Your password is changed");

            await visitor.Page.Context.ClearCookiesAsync();
            await visitor.OpenAsync("/account");
            await visitor.SignInAsync(person);
            await visitor.ExpectTitleAsync("Error: Sign in");
            await visitor.SignInAsync(person with { Password = "a new one of many words" });
            await visitor.ExpectTitleAsync("Your account");
        },
        options => options.JavaScriptEnabled = scripts);

    [Fact]
    public Task Another_browser_can_be_signed_out() => site.VisitAsync(async here =>
    {
        var person = site.Newcomer();
        await here.SignInToAccountAsync(person);
        await site.VisitAsync(async there =>
        {
            await there.SignInToAccountAsync(person);
            await here.OpenAsync("/account");
            await Expect(here.Page.GetByText("This browser")).ToHaveCountAsync(1);
            await here.Page.GetByRole(AriaRole.Button, new() { NameRegex = new("^End session: ") }).ClickAsync();
            await Expect(here.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("The session has ended");
            await there.OpenAsync("/account");
            await there.ExpectTitleAsync("Sign in");
        });
        await here.OpenAsync("/account");
        await here.ExpectTitleAsync("Your account");
    });

    [Fact, Spec("RFC 6749", "10.2")]
    public Task An_app_can_be_disconnected() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToWebAsync(site.Newcomer());
        await visitor.OpenAsync("/account");
        await visitor.PressAsync("Revoke access of Demo web app");
        await Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("The app is disconnected");
        await Expect(visitor.Page.GetByText("No app has access to your account.")).ToBeVisibleAsync();
        await visitor.Page.GotoAsync(site.Web + "/login");
        await visitor.ExpectTitleAsync("Let Demo web app use your account?");
    });

    [Theory, InlineData(true), InlineData(false), Spec("CIBA", "8")]
    public Task What_an_app_asks_from_elsewhere_is_allowed_or_denied_there(bool scripts) => site.VisitAsync(
        async visitor =>
        {
            var person = site.Newcomer();
            using var till = site.Till;
            await visitor.SignInToAccountAsync(person);
            (await AskAsync(till, person, "W4-7Q")).Expect(System.Net.HttpStatusCode.OK);
            var second = (await AskAsync(till, person, "a word that is much longer than any till would ever show to anybody at all, and yet is allowed")).Expect(System.Net.HttpStatusCode.OK);
            await visitor.OpenAsync("/account");
            await Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "Apps wait for you" })).ToBeVisibleAsync();
            await Expect(visitor.Page.GetByText("W4-7Q")).ToBeVisibleAsync();
            if (scripts) await visitor.LookAsync("account with waiting requests");
            await visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Allow the request of Corner shop" }).First.ClickAsync();
            await Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("You allowed the request");
            if (scripts) await visitor.LookAsync("account with a request allowed");
            (await till.TokenAsync(("grant_type", "urn:openid:params:grant-type:ciba"), ("auth_req_id", second["auth_req_id"]))).Expect(System.Net.HttpStatusCode.OK);
            await visitor.PressAsync("Deny the request of Corner shop");
            await Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("You denied the request");
            await Expect(visitor.Page.GetByText("W4-7Q")).ToHaveCountAsync(0);
        },
        options => options.JavaScriptEnabled = scripts);

    private static Task<Answer> AskAsync(OAuthClient till, Person person, string message) => till.PostAsync(
        "/backchannel-authentication", ("scope", "openid profile api:read"), ("login_hint", person.Username), ("binding_message", message));

    private static async Task ChangePasswordAsync(Visitor visitor, string current, string next)
    {
        await visitor.Page.GetByLabel("Current password").FillAsync(current);
        await visitor.Page.GetByLabel("New password").FillAsync(next);
        await visitor.PressAsync("Change password");
    }
}
