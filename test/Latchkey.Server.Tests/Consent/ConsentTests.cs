using System.Net;
using Latchkey.Server.Tests.Authorize;

namespace Latchkey.Server.Tests.Consent;

/// <summary>Asking a person, and remembering what they said.</summary>
[Spec("OIDC Core", "3.1.2.4"), Spec("RFC 6749", "10.2"), Spec("OAuth 2.1", "7.9")]
public sealed class ConsentTests(AuthorizeServer server)
{
    [Fact, Spec("RFC 6749", "4.1.2.1")]
    public async Task Who_denies_gives_nothing_and_is_asked_again()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        for (var time = 0; time < 2; time++)
        {
            var request = app.Request("openid api:read");
            var consent = (await alice.GetAsync(request.Url)).ExpectConsent();
            alice.Trail.Clear();
            (await alice.SubmitAsync(consent, ("decision", "deny"))).ExpectError(request, "access_denied");
            Assert.Equal(HttpStatusCode.SeeOther, Assert.Single(alice.Trail).Status);
        }
    }

    [Fact]
    public async Task The_page_says_who_asks_for_what_and_where_the_answer_goes()
    {
        var page = (await server.AskAsync(DeclaredStates.Web, "prompt=consent", "openid email offline_access api:read")).Stop.ExpectConsent();
        var text = page.Document!.QuerySelector("main")!.TextContent;
        Assert.All(["Demo web app", "Example API", "Read your data", "Alice Example", "email address", "until you take it back", "127.0.0.1:3000"],
            part => Assert.Contains(part, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_agreed_to_is_not_asked_again_but_anything_more_is()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        await AllowAsync(alice, app, "openid email");
        await SilentAsync(alice, app, "openid email", null);
        await SilentAsync(alice, app, "email openid", null);
        await SilentAsync(alice, app, "openid", null);
        await SilentAsync(alice, app, "openid email profile", "consent_required");
        await SilentAsync(alice, app, "openid email offline_access", "consent_required");
        await SilentAsync(alice, app, "openid email api:read", "consent_required");

        // A second yes adds to the first.
        await AllowAsync(alice, app, "openid api:read");
        await SilentAsync(alice, app, "openid email api:read", null);
        await SilentAsync(alice, app, "openid email api:write", "consent_required");
        await SilentAsync(alice, app, "openid", "consent_required", ("resource", DeclaredStates.Files));
    }

    [Fact]
    public async Task A_no_to_more_keeps_the_yes_to_less()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        await AllowAsync(alice, app, "openid");
        var request = app.Request("openid email");
        (await alice.AuthorizeAsync(request.Url, "deny")).ExpectError(request, "access_denied");
        await SilentAsync(alice, app, "openid", null);
        await SilentAsync(alice, app, "openid email", "consent_required");
    }

    [Fact]
    public async Task One_persons_and_one_clients_yes_is_nobody_elses()
    {
        using var app = server.NewApp();
        using var other = server.NewApp();
        using var alice = server.Alice();
        await AllowAsync(alice, app, "openid");
        await SilentAsync(alice, other, "openid", "consent_required");

        using var bob = server.Browser(DeclaredStates.Bob);
        var request = app.Request("openid");
        (await bob.SignInAsync((await bob.GetAsync(request.Url)).ExpectLogin())).ExpectConsent();
    }

    [Fact, Spec("OIDC Core", "5.5")]
    public async Task Claims_asked_for_one_by_one_are_agreed_to_like_scopes()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        await AllowAsync(alice, app, "openid profile");
        await SilentAsync(alice, app, "openid", null, ("claims", """{"id_token":{"name":null}}"""));
        await SilentAsync(alice, app, "openid", null, ("claims", """{"id_token":{"auth_time":null,"acr":null}}"""));
        await SilentAsync(alice, app, "openid", "consent_required", ("claims", """{"id_token":{"email":null}}"""));
        await SilentAsync(alice, app, "openid", "consent_required", ("claims", """{"userinfo":{"phone_number":{"essential":true}}}"""));
        var page = (await alice.GetAsync(app.Request("openid", ("claims", """{"userinfo":{"phone_number":null}}""")).Url)).ExpectConsent();
        Assert.Contains("See your phone number", page.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prompt_consent_asks_a_first_party_app_too()
    {
        (await server.AskAsync(DeclaredStates.FirstParty)).ExpectCode();
        (await server.AskAsync(DeclaredStates.FirstParty, "prompt=consent")).Stop.ExpectConsent();
    }

    [Theory, Spec("RFC 8252", "8.6"), Spec("OAuth 2.1", "7.3.1"), Spec("RFC 6749", "10.2")]
    [InlineData("http://127.0.0.1:999/callback")]
    [InlineData("com.example.app:/callback")]
    public async Task An_app_that_any_program_could_pose_as_is_agreed_to_each_time(string uri)
    {
        using var native = server.Client(DeclaredStates.Native);
        using var alice = server.Alice();
        for (var time = 0; time < 2; time++)
        {
            var request = native.Request("openid", ("redirect_uri", uri));
            var consent = (await alice.GetAsync(request.Url)).ExpectConsent();
            Assert.Contains(uri.StartsWith("http", StringComparison.Ordinal) ? "127.0.0.1:999" : "com.example.app:", consent.Document!.QuerySelector(".warn")!.TextContent, StringComparison.Ordinal);
            (await alice.SubmitAsync(consent, ("decision", "allow"))).ExpectCode(request);
        }

        await SilentAsync(alice, native, "openid", "consent_required", ("redirect_uri", uri));
    }

    [Fact]
    public async Task Pressing_twice_gives_two_codes_that_both_work()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        var request = app.Request("openid");
        var consent = (await alice.GetAsync(request.Url)).ExpectConsent();
        using var again = server.Browser();
        foreach (var (name, value) in alice.Cookies) again.Cookies[name] = value;
        var stops = await Task.WhenAll(alice.SubmitAsync(consent, ("decision", "allow")), again.SubmitAsync(consent, ("decision", "allow")));
        var codes = stops.Select(stop => stop.ExpectCode(request)).ToList();
        Assert.Equal(2, codes.Distinct().Count());
        // Browsers show the answer of the last press: either way the app gets in.
        foreach (var code in codes) (await app.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Going_back_to_the_page_after_a_yes_goes_on()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        var request = app.Request("openid");
        var consent = (await alice.GetAsync(request.Url)).ExpectConsent();
        (await alice.SubmitAsync(consent, ("decision", "allow"))).ExpectCode(request);
        (await alice.GetAsync(consent.Url.PathAndQuery)).ExpectCode(request);
        // From the page as the browser kept it, a no is still a no.
        (await alice.SubmitAsync(consent, ("decision", "deny"))).ExpectError(request, "access_denied");
    }

    [Fact]
    public async Task A_page_made_for_one_person_is_no_answer_of_another()
    {
        using var app = server.NewApp();
        using var browser = server.Browser();
        var request = app.Request("openid");
        var alices = (await browser.SignInAsync((await browser.GetAsync(request.Url)).ExpectLogin())).ExpectConsent();
        // In another tab bob signs in.
        browser.Person = DeclaredStates.Bob;
        await browser.SignInAsync(await browser.GetAsync(app.Request("openid", ("prompt", "login")).Url));
        var page = (await browser.SubmitAsync(alices, ("decision", "allow"))).ExpectConsent();
        Assert.Contains("Bob Example", page.Text, StringComparison.Ordinal);
        await SilentAsync(browser, app, "openid", "consent_required");
    }

    [Fact]
    public async Task A_page_outlives_no_sign_out()
    {
        using var app = server.NewApp();
        using var browser = server.Browser();
        var request = app.Request("openid");
        var consent = (await browser.SignInAsync((await browser.GetAsync(request.Url)).ExpectLogin())).ExpectConsent();
        browser.Cookies.Remove("latchkey");
        (await browser.SubmitAsync(consent, ("decision", "allow"))).ExpectLogin();
    }

    [Fact, Spec("RFC 6749", "10.12"), Check("A27")]
    public async Task A_form_of_another_site_agrees_to_nothing()
    {
        using var app = server.NewApp();
        using var alice = server.Alice();
        var consent = (await alice.GetAsync(app.Request("openid").Url)).ExpectConsent();
        (await alice.SubmitAsync(consent, ("decision", "allow"), ("__token", ""))).ExpectErrorPage();
        using var attacker = server.Browser(DeclaredStates.Bob);
        var theirs = (await attacker.SignInAsync((await attacker.GetAsync(app.Request("openid").Url)).ExpectLogin())).ExpectConsent();
        (await alice.SubmitAsync(theirs, ("decision", "allow"))).ExpectErrorPage();
        (await alice.SubmitAsync(consent, ("decision", "perhaps"))).ExpectErrorPage();
        (await alice.SubmitAsync(consent)).ExpectErrorPage();
        await SilentAsync(alice, app, "openid", "consent_required");
    }

    [Fact, Spec("OIDC Core", "3.1.2.1")]
    public async Task Choosing_the_account_goes_on_as_this_person_or_another()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        await web.SignInAsync(browser, "openid");
        var request = web.Request("openid", ("prompt", "select_account"));
        var choice = (await browser.GetAsync(request.Url)).ExpectAccountChoice();
        Assert.Contains("Alice Example", choice.Text, StringComparison.Ordinal);
        (await browser.SubmitAsync(choice, ("account", "continue"), ("__token", ""))).ExpectErrorPage();
        (await browser.SubmitAsync(choice, ("account", "continue"))).ExpectCode(request);

        var login = (await browser.SubmitAsync(choice, ("account", "other"))).ExpectLogin();
        (await browser.FinishAsync(await browser.SignInAsync(login, DeclaredStates.Bob))).ExpectCode(request);
        // Alice's page is not bob's: he is asked as whom to go on.
        Assert.Contains("Bob Example", (await browser.SubmitAsync(choice, ("account", "continue"))).ExpectAccountChoice().Text, StringComparison.Ordinal);
    }

    private static async Task AllowAsync(PageWalker person, OAuthClient app, string scope)
    {
        var request = app.Request(scope);
        var consent = (await person.GetAsync(request.Url)).ExpectConsent();
        (await person.SubmitAsync(consent, ("decision", "allow"))).ExpectCode(request);
    }

    private static async Task SilentAsync(PageWalker person, OAuthClient app, string scope, string? error, params (string Name, string? Value)[] changes)
    {
        var request = app.Request(scope, [("prompt", "none"), .. changes]);
        var stop = await person.GetAsync(request.Url);
        if (error is null) stop.ExpectCode(request);
        else stop.ExpectError(request, error);
    }
}
