using System.Net;
using AngleSharp.Html.Dom;
using Latchkey.Server.Tests.Device;
using Latchkey.Server.Tests.Logout;

namespace Latchkey.Server.Tests.Account;

/// <summary>A person's own page: password, sessions, connected apps.</summary>
public sealed class AccountTests(PeopleServer server)
{
    private readonly OAuthClient _app = server.NewApp();

    private string Account => server.Issuer + "/account";

    [Fact]
    public async Task Who_is_not_signed_in_signs_in_and_comes_back()
    {
        using var alice = server.Browser();
        var login = await alice.GetAsync(Account);
        Assert.True(login.Has("username") && login.Has("password"), login.ToString());
        var page = await alice.SignInAsync(login);
        Assert.Equal(Account, page.Url.ToString());
        Assert.Contains("Alice Example", page.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_without_a_session_leads_to_the_login_and_does_nothing()
    {
        using var alice = server.Browser();
        var token = (await alice.GetAsync(Account)).Form!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;
        var stop = await alice.PostAsync(Account, ("__token", token), ("revoke", "web"));
        Assert.True(stop.Has("password"), stop.ToString());
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.3")]
    public async Task A_changed_password_ends_every_other_session_and_every_grant_and_tells_the_apps()
    {
        var person = server.NewPerson();
        using var here = server.Browser(person);
        using var there = server.Browser(person);
        using var device = server.Client(DeclaredStates.Device);
        var bound = await _app.SignInAsync(there, "openid");
        var offline = await _app.SignInAsync(here, "openid offline_access", ("prompt", "consent"));
        var started = await device.StartAsync("openid");
        await here.DecideAsync(started);
        var deviceTokens = (await device.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);
        var stolen = there.Cookies["latchkey"];

        var next = "a whole new passphrase";
        var page = await here.GetAsync(Account);
        var done = await here.SubmitAsync(page, FormWith(page, "new_password"), ("current_password", person.Password), ("new_password", next));
        Assert.Contains("Your password is changed", done.Text, StringComparison.Ordinal);

        await there.AssertSignedOutAsync(_app);
        using var thief = server.Browser(person);
        thief.Cookies["latchkey"] = stolen;
        await thief.AssertSignedOutAsync(_app);
        foreach (var token in new[] { bound.RefreshToken, offline.RefreshToken }) (await _app.RefreshAsync(token!)).ExpectError("invalid_grant");
        (await device.RefreshAsync(deviceTokens["refresh_token"]!)).ExpectError("invalid_grant");
        (await _app.UserInfoAsync(offline.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        await server.Receiver.WaitAsync(_app.Client.Id, 2);
        await here.AssertSignedInAsync(_app);

        // The old password is over, the new one is good.
        using var fresh = server.Browser(person);
        var refused = await fresh.SignInAsync(await fresh.GetAsync(Account));
        Assert.True(refused.Has("password"), refused.ToString());
        Assert.Equal(Account, (await fresh.SignInAsync(refused, person with { Password = next })).Url.ToString());

        var subject = Jwt.Claims(bound.IdToken!).GetProperty("sub").GetString();
        var row = Assert.Single(server.Audit("password.changed", subject));
        Assert.Equal((subject, here.Headers["X-Forwarded-For"], "success"), (row.Actor, row.Address, row.Outcome));
    }

    [Theory]
    [InlineData("wrong", "a whole new passphrase", "This is not your current password")]
    [InlineData(null, "short", "at least 12 characters")]
    [InlineData(null, "", "at least 12 characters")]
    [InlineData(null, "{257}", "at most 256 characters")]
    public async Task A_password_that_can_not_be_taken_changes_nothing(string? current, string next, string says)
    {
        var person = new Person("someone16", "the long passphrase of someone 16");
        using var browser = server.Browser(person);
        var page = await browser.SignInAsync(await browser.GetAsync(Account));
        var sent = next == "{257}" ? new string('x', 257) : next;
        var stop = await browser.SubmitAsync(page, FormWith(page, "new_password"), ("current_password", current ?? person.Password), ("new_password", sent));
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        Assert.Contains(says, stop.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(person.Password, stop.Text, StringComparison.Ordinal);
        using var fresh = server.Browser(person);
        Assert.Equal(Account, (await fresh.SignInAsync(await fresh.GetAsync(Account))).Url.ToString());
    }

    [Fact]
    public async Task Sessions_are_listed_and_can_be_ended()
    {
        var person = server.NewPerson();
        using var here = server.Browser(person);
        using var there = server.Browser(person);
        there.Headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        var tokens = await _app.SignInAsync(there, "openid");
        var page = await here.SignInAsync(await here.GetAsync(Account));
        Assert.Contains("Firefox on Linux", page.Text, StringComparison.Ordinal);
        Assert.Contains(there.Headers["X-Forwarded-For"], page.Text, StringComparison.Ordinal);
        var form = Forms(page).Single(candidate => candidate.QuerySelector("button[name=end_session]") is not null);
        var sid = form.QuerySelector("button")!.GetAttribute("value")!;
        var done = await here.SubmitAsync(page, form, ("end_session", sid));
        Assert.Contains("The session has ended", done.Text, StringComparison.Ordinal);

        await there.AssertSignedOutAsync(_app);
        await here.AssertSignedInAsync(_app);
        (await _app.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.Equal(sid, Jwt.Claims(Assert.Single(await server.Receiver.WaitAsync(_app.Client.Id)).Token).GetProperty("sid").GetString());
    }

    [Fact]
    public async Task Nobody_ends_the_session_or_the_grants_of_someone_else()
    {
        using var victim = server.Browser(server.NewPerson());
        using var other = server.Browser(server.NewPerson());
        var tokens = await _app.SignInAsync(victim, "openid");
        var page = await other.SignInAsync(await other.GetAsync(Account));
        var token = page.Form!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;
        foreach (var (name, value) in new[] { ("end_session", Jwt.Claims(tokens.IdToken!).GetProperty("sid").GetString()!), ("end_session", "garbage"), ("revoke", _app.Client.Id) })
            Assert.Equal(HttpStatusCode.OK, (await other.PostAsync(Account, ("__token", token), (name, value))).Status);
        await victim.AssertSignedInAsync(_app);
        (await _app.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Theory, InlineData("revoke"), InlineData("end_session"), InlineData("current_password"), Check("A27")]
    public async Task A_form_of_another_site_is_refused(string field)
    {
        using var alice = server.Browser();
        using var bob = server.Browser(DeclaredStates.Bob);
        var tokens = await _app.SignInAsync(alice, "openid");
        var bobs = (await bob.SignInAsync(await bob.GetAsync(Account))).Form!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;
        var value = field switch { "revoke" => _app.Client.Id, "end_session" => Jwt.Claims(tokens.IdToken!).GetProperty("sid").GetString()!, _ => alice.Person.Password };
        foreach (var token in new[] { "", bobs })
        {
            var stop = await alice.PostAsync(Account, ("__token", token), (field, value), ("new_password", "somebody else's passphrase"));
            Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        }

        await alice.AssertSignedInAsync(_app);
        (await _app.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "10.3")]
    public async Task Access_that_was_given_to_an_app_can_be_taken_back()
    {
        var person = server.NewPerson();
        using var browser = server.Browser(person);
        using var web = server.Client(DeclaredStates.Web);
        using var native = server.Client(DeclaredStates.Native);
        var (revoked, kept) = (await web.SignInAsync(browser, "openid offline_access api:read"), await native.SignInAsync(browser, "openid"));
        var page = await browser.GetAsync(Account);
        Assert.Contains("Demo web app", page.Text, StringComparison.Ordinal);
        Assert.Contains("Read your data", page.Text, StringComparison.Ordinal);
        var form = Forms(page).Single(candidate => candidate.QuerySelector("button[name=revoke][value=web]") is not null);
        var done = await browser.SubmitAsync(page, form, ("revoke", "web"));
        Assert.Contains("The app is disconnected", done.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Demo web app", done.Text, StringComparison.Ordinal);

        (await web.RefreshAsync(revoked.RefreshToken!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(revoked.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        (await native.RefreshAsync(kept.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal("consent_required", await browser.SilentErrorAsync(web));

        var subject = Jwt.Claims(revoked.IdToken!).GetProperty("sub").GetString();
        Assert.Equal(("web", subject), (Assert.Single(server.Audit("grant.revoked", subject)).ClientId, server.Audit("consent.revoked", subject).Single().Actor));

        // What a page says was done, no link can make another say.
        using var elsewhere = server.Browser();
        await elsewhere.SignInAsync(await elsewhere.GetAsync(Account));
        Assert.DoesNotContain("disconnected", (await elsewhere.GetAsync(done.Url.ToString())).Document!.Body!.QuerySelector(".message")?.TextContent ?? "", StringComparison.Ordinal);
    }

    private static IEnumerable<IHtmlFormElement> Forms(Stop page) => page.Document!.QuerySelectorAll("form").OfType<IHtmlFormElement>();

    private static IHtmlFormElement FormWith(Stop page, string control) => Forms(page).Single(form => form.QuerySelector($"[name={control}]") is not null);
}
