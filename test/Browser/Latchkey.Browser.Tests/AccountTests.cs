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

    private static async Task ChangePasswordAsync(Visitor visitor, string current, string next)
    {
        await visitor.Page.GetByLabel("Current password").FillAsync(current);
        await visitor.Page.GetByLabel("New password").FillAsync(next);
        await visitor.PressAsync("Change password");
    }
}
