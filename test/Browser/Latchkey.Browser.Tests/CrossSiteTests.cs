using System.Net;
using Latchkey.Browser.Tests.Site;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Latchkey.Browser.Tests;

/// <summary>What goes between two sites, under the rules that a real browser has for cookies, frames and forms.</summary>
public sealed class CrossSiteTests(DemoSite site)
{
    [Fact, Spec("OAuth 2.0 Form Post Response Mode", "2")]
    public Task An_answer_is_posted_to_the_app_by_itself_where_scripts_run() => site.VisitAsync(async visitor =>
    {
        var request = site.Second.Request("openid", ("response_mode", "form_post"));
        await visitor.Page.GotoAsync(request.Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        await ExpectPostedAsync(visitor, request);
    });

    [Fact, Spec("OAuth 2.0 Form Post Response Mode", "2")]
    public Task An_answer_is_posted_to_the_app_by_a_button_where_they_do_not() => site.VisitAsync(
        async visitor =>
        {
            var request = site.Second.Request("openid", ("response_mode", "form_post"));
            await visitor.Page.GotoAsync(request.Url);
            await visitor.SignInAsync(site.Newcomer());
            await visitor.PressAsync("Allow");
            await visitor.ExpectTitleAsync("Continue to Second app");
            await visitor.PressAsync("Continue to Second app");
            await ExpectPostedAsync(visitor, request);
        },
        options => options.JavaScriptEnabled = false);

    [Fact, Spec("OIDC Core", "3.1.2.1"), Spec("RFC 6749", "3.1")]
    public Task A_request_that_another_site_posts_finds_the_session() => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync(site.Second.Request("openid").Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        await visitor.ExpectHeadingAsync("Second app");

        // Lax cookies are left out of another site's POST; still nothing is asked again.
        var request = site.Second.Request("openid");
        await visitor.Page.GotoAsync(site.SecondSite.Form(site.Issuer + "/authorize", request.Parameters));
        await visitor.PressAsync("Send");
        await Expect(visitor.Page.Locator("#state")).ToHaveTextAsync(request.State!);
        await Expect(visitor.Page.Locator("#method")).ToHaveTextAsync("GET");
    });

    [Fact, Spec("OIDC RP-Initiated Logout", "2")]
    public Task A_logout_that_another_site_posts_finds_the_session() => site.VisitAsync(async visitor =>
    {
        var request = site.Second.Request("openid");
        await visitor.Page.GotoAsync(request.Url);
        await visitor.SignInAsync(site.Newcomer());
        await visitor.PressAsync("Allow");
        var tokens = (await site.Second.RedeemAsync(request, await visitor.Page.Locator("#code").InnerTextAsync())).Expect(HttpStatusCode.OK);

        await visitor.Page.GotoAsync(site.SecondSite.Form(
            site.Issuer + "/logout", [("id_token_hint", tokens["id_token"]!), ("post_logout_redirect_uri", site.SecondSite.Url + "/bye")]));
        await visitor.PressAsync("Send");
        await Expect(visitor.Page.GetByText("Good bye")).ToBeVisibleAsync();
        await visitor.OpenAsync("/account");
        await visitor.ExpectTitleAsync("Sign in");
    });

    [Fact, Spec("OIDC RP-Initiated Logout", "2")]
    public Task A_logout_without_proof_is_asked_about_and_leads_back_to_the_app() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToAccountAsync(site.Newcomer());
        await visitor.Page.GotoAsync(
            $"{site.Issuer}/logout?client_id=second&post_logout_redirect_uri={Uri.EscapeDataString(site.SecondSite.Url + "/bye")}");
        await visitor.ExpectTitleAsync("Sign out?");
        await Expect(visitor.Page.GetByText("Second app asks to sign you out")).ToBeVisibleAsync();
        await visitor.PressAsync("Sign out");
        await Expect(visitor.Page.GetByText("Good bye")).ToBeVisibleAsync();
    });

    [Fact, Spec("RFC 8252", "7.1")]
    public Task The_browser_lets_a_form_lead_to_a_private_use_scheme() => site.VisitAsync(async visitor =>
    {
        var request = site.Phone.Request("openid");
        await visitor.Page.GotoAsync(request.Url);
        await visitor.SignInAsync(site.Newcomer());
        await Expect(visitor.Page.GetByText("You are sent to an app on this device")).ToBeVisibleAsync();
        var answer = await visitor.Page.RunAndWaitForResponseAsync(() => visitor.PressAsync("Allow"), "**/consent");
        Assert.Equal(303, answer.Status);
        Assert.StartsWith("com.example.phone:/callback?code=", answer.Headers["location"], StringComparison.Ordinal);
        // No program here owns the scheme; that the policy had no say in it is what matters.
        Assert.DoesNotContain(visitor.Complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.OrdinalIgnoreCase));
        visitor.Forgive();
    });

    [Theory, Spec("RFC 6749", "10.13"), Spec("RFC 9700", "4.16")]
    [InlineData("/login"), InlineData("/device"), InlineData("/")]
    public Task No_other_site_can_frame_a_page(string path) => site.VisitAsync(async visitor =>
    {
        await visitor.Page.GotoAsync($"{site.SecondSite.Url}/frame?url={Uri.EscapeDataString(site.Issuer + path)}");
        await Eventually.HoldsAsync("the browser refuses", () => visitor.Complaints.Any(complaint => complaint.Contains("frame", StringComparison.OrdinalIgnoreCase)));
        Assert.Equal(0, await visitor.Page.FrameLocator("iframe").Locator("h1:has-text('Sign in'), h1:has-text('Connect'), header.site-header").CountAsync());
        visitor.Forgive();
    });

    [Fact, Spec("RFC 6265", "4.1.2")]
    public Task Cookies_are_kept_from_scripts_and_from_the_forms_of_other_sites() => site.VisitAsync(async visitor =>
    {
        await visitor.SignInToAccountAsync(site.Newcomer());
        var cookies = await visitor.Page.Context.CookiesAsync();
        Assert.Equal(["latchkey", "latchkey-csrf"], cookies.Select(cookie => cookie.Name).Order());
        Assert.All(cookies, cookie =>
        {
            Assert.True(cookie.HttpOnly);
            Assert.Equal(SameSiteAttribute.Lax, cookie.SameSite);
            Assert.Equal("127.0.0.1", cookie.Domain);
            Assert.Equal("/", cookie.Path);
        });
        Assert.Equal("", await visitor.Page.EvaluateAsync<string>("document.cookie"));
    });

    private async Task ExpectPostedAsync(Visitor visitor, AuthorizationRequest request)
    {
        await Expect(visitor.Page.Locator("#method")).ToHaveTextAsync("POST");
        await Expect(visitor.Page.Locator("#state")).ToHaveTextAsync(request.State!);
        await Expect(visitor.Page.Locator("#iss")).ToHaveTextAsync(site.Issuer);
        (await site.Second.RedeemAsync(request, await visitor.Page.Locator("#code").InnerTextAsync())).Expect(HttpStatusCode.OK);
    }
}
