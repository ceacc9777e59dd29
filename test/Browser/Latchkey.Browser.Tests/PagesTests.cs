using System.Net;
using Latchkey.Browser.Tests.Site;
using Microsoft.Playwright;

namespace Latchkey.Browser.Tests;

/// <summary>Every page in every state, as everybody can see and use it.</summary>
[Spec("WCAG 2.2")]
public sealed class PagesTests(DemoSite site)
{
    [Fact]
    public Task The_way_to_an_app() => site.VisitAsync(async visitor =>
    {
        var person = site.Newcomer();
        await visitor.Page.GotoAsync(site.Second.Request("openid profile email offline_access api:read").Url);
        await visitor.LookAsync("login");
        await visitor.SignInAsync(person with { Password = "wrong" });
        await visitor.LookAsync("login wrong");
        await visitor.SignInAsync(person);
        await visitor.LookAsync("consent this computer");
        await visitor.Page.GotoAsync(site.Phone.Request("openid").Url);
        await visitor.LookAsync("consent app");
        await visitor.Page.GotoAsync(site.Second.Request("openid", ("prompt", "select_account")).Url);
        await visitor.LookAsync("select account");
    });

    [Fact, Spec("RFC 9396", "7"), Spec("Client ID Metadata Document", "8.5")]
    public Task What_a_person_is_asked_to_agree_to() => site.VisitAsync(async visitor =>
    {
        const string details = """
            [{"type":"payment","creditor":"Green Grocer & Daughters, at the very end of the long market street","amount":{"currency":"EUR","value":"12.50"},
              "reference":"RF18539007547034RF18539007547034RF18539007547034RF18539007547034RF18539007547034"},
             {"type":"payment","creditor":"Baker","amount":{"currency":"GBP","value":"3.00"}}]
            """;
        await visitor.Page.GotoAsync(site.Payer.Request("openid profile", ("authorization_details", details)).Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.LookAsync("consent details");
        await visitor.Page.GotoAsync(site.Stranger.Request("openid profile offline_access api:read").Url);
        await visitor.LookAsync("consent stranger");
    });

    [Fact, Spec("OIDC Front-Channel Logout", "2")]
    public Task Signing_out_where_apps_are_told_in_frames() => site.VisitAsync(async visitor =>
    {
        var request = site.Framed.Request("openid");
        await visitor.Page.GotoAsync(request.Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        (await site.Framed.RedeemAsync(request, (await visitor.Page.Locator("#code").TextContentAsync())!)).Expect(HttpStatusCode.OK);
        await visitor.OpenAsync("/logout");
        await visitor.PressAsync("Sign out");
        await Assertions.Expect(visitor.Page.GetByText("We are telling it to sign you out.")).ToBeVisibleAsync();
        await visitor.LookAsync("logged out frames");
    });

    [Fact]
    public Task The_device_page() => site.VisitAsync(async visitor =>
    {
        await visitor.OpenAsync("/device");
        await visitor.LookAsync("device");
        await visitor.Page.GetByLabel("Code").FillAsync("BBBB-BBBB");
        await visitor.PressAsync("Continue");
        await visitor.LookAsync("device wrong code");

        await visitor.SignInToAccountAsync(site.Newcomer());
        var started = (await site.Device.DeviceAsync("openid profile api:read")).Expect(HttpStatusCode.OK);
        await visitor.Page.GotoAsync(started["verification_uri_complete"]!);
        await visitor.LookAsync("device question");
        await visitor.PressAsync("Allow");
        await visitor.LookAsync("device allowed");
        started = (await site.Device.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        await visitor.Page.GotoAsync(started["verification_uri_complete"]!);
        await visitor.PressAsync("Deny");
        await visitor.LookAsync("device denied");
    });

    [Fact]
    public Task The_account_page_and_signing_out() => site.VisitAsync(async visitor =>
    {
        var person = site.Newcomer();
        await visitor.SignInToAccountAsync(person);
        await visitor.LookAsync("account new");
        await visitor.Page.Context.ClearCookiesAsync();
        await visitor.SignInToWebAsync(person);
        await visitor.OpenAsync("/account");
        await visitor.LookAsync("account");
        await visitor.Page.GetByLabel("Current password").FillAsync("wrong");
        await visitor.Page.GetByLabel("New password").FillAsync("long enough to be one");
        await visitor.PressAsync("Change password");
        await visitor.LookAsync("account wrong password");
        await visitor.FollowAsync("Sign out");
        await visitor.LookAsync("logout");
        await visitor.PressAsync("Sign out");
        await visitor.LookAsync("logged out");
    });

    [Fact]
    public Task The_other_pages() => site.VisitAsync(async visitor =>
    {
        await visitor.OpenAsync("/");
        await visitor.LookAsync("home");
        await visitor.OpenAsync("/no/such/page");
        await visitor.LookAsync("error not found");
        await visitor.OpenAsync("/authorize?client_id=second&response_type=code&redirect_uri=https%3A%2F%2Fevil.example%2F");
        await visitor.LookAsync("error");

        // The form_post page stays when the app answers its post with nothing to show.
        await visitor.Page.RouteAsync("**/callback", route => route.FulfillAsync(new() { Status = 204 }));
        await visitor.Page.GotoAsync(site.Second.Request("openid", ("response_mode", "form_post")).Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        await visitor.ExpectTitleAsync("Continue to Second app");
        await visitor.LookAsync("form post");
    });

    [Fact]
    public Task The_pages_of_the_demo() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Web);
        await visitor.LookAsync("demo home");
        await visitor.FollowAsync("Sign in");
        await visitor.SignInAsync(site.Newcomer());
        await visitor.LookAsync("consent site");
        await visitor.PressAsync("Deny");
        await visitor.LookAsync("demo denied");
        await visitor.FollowAsync("Sign in again");
        await visitor.PressAsync("Allow");
        await visitor.LookAsync("demo dashboard");
        await visitor.FollowAsync("Call the API");
        await visitor.LookAsync("demo api");
    });
}
