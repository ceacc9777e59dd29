using System.Net;

namespace Latchkey.Server.Tests.Logout;

/// <summary>Signing out at an app's request, beyond what the conformance modules look at.</summary>
public sealed class LogoutTests(PeopleServer server)
{
    private readonly OAuthClient _app = server.NewApp();

    private string Bye => $"https://{_app.Client.Id}.example.com/bye";

    [Theory, InlineData("GET"), InlineData("POST"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task The_endpoint_takes_query_and_form_alike(string method)
    {
        using var alice = server.Browser();
        var hint = (await _app.SignInAsync(alice, "openid")).IdToken!;
        (string, string)[] parameters = [("id_token_hint", hint), ("post_logout_redirect_uri", Bye), ("state", "a b&c=ä%+"), ("ui_locales", "xx"), ("logout_hint", "alice")];
        var stop = method == "POST"
            ? await alice.PostAsync(server.Issuer + "/logout", parameters)
            : await alice.LogoutAsync(server.Issuer, [.. parameters.Select(parameter => (parameter.Item1, (string?)parameter.Item2))]);
        Assert.True(stop.IsAtClient, stop.ToString());
        Assert.Equal($"{Bye}?state={Uri.EscapeDataString("a b&c=ä%+")}", stop.Url.AbsoluteUri);
        Assert.DoesNotContain(hint, string.Join(' ', alice.Trail.Where(step => method == "POST").Select(step => step.Url.ToString())), StringComparison.Ordinal);
        await alice.AssertSignedOutAsync(_app);
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "2")]
    public async Task A_client_id_that_the_hint_contradicts_is_refused()
    {
        using var alice = server.Browser();
        var hint = (await _app.SignInAsync(alice, "openid")).IdToken!;
        var stop = await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint), ("client_id", "web"), ("post_logout_redirect_uri", "http://127.0.0.1:3000/"));
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        await alice.AssertSignedInAsync(_app);
        Assert.True((await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint), ("client_id", _app.Client.Id), ("post_logout_redirect_uri", Bye))).IsAtClient);
    }

    [Theory, Spec("OIDC RP-Initiated Logout", "2"), Spec("OIDC RP-Initiated Logout", "4")]
    [InlineData("client_id", "nobody")]
    [InlineData("state", "twice")]
    [InlineData("request", "no sealed request")]
    public async Task What_contradicts_itself_gets_an_error_page_and_signs_nobody_out(string name, string value)
    {
        using var alice = server.Browser();
        await _app.SignInAsync(alice, "openid");
        var url = $"{server.Issuer}/logout?{name}={Uri.EscapeDataString(value)}{(value == "twice" ? "&state=again" : "")}";
        var stop = await alice.GetAsync(url);
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        Assert.NotEmpty(stop.Document!.QuerySelectorAll("h1"));
        await alice.AssertSignedInAsync(_app);
    }

    [Theory, InlineData(true), InlineData(false), Spec("OIDC RP-Initiated Logout", "2"), Check("A45")]
    public async Task A_hint_of_another_session_or_person_asks_first(bool samePerson)
    {
        using var alice = server.Browser();
        using var elsewhere = server.Browser(samePerson ? DeclaredStates.Alice : DeclaredStates.Bob);
        await _app.SignInAsync(alice, "openid");
        var hint = (await _app.SignInAsync(elsewhere, "openid")).IdToken!;
        var question = (await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint), ("post_logout_redirect_uri", Bye))).ExpectQuestion();
        await alice.AssertSignedInAsync(_app);
        Assert.True((await alice.ConfirmAsync(question)).IsAtClient);
        await alice.AssertSignedOutAsync(_app);
        await elsewhere.AssertSignedInAsync(_app);
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "3"), Check("A45")]
    public async Task Without_a_hint_the_person_is_asked_and_then_goes_back()
    {
        using var alice = server.Browser();
        await _app.SignInAsync(alice, "openid");
        var question = (await alice.LogoutAsync(server.Issuer, ("client_id", _app.Client.Id), ("post_logout_redirect_uri", Bye), ("state", "s"))).ExpectQuestion();
        var stop = await alice.ConfirmAsync(question);
        Assert.Equal($"{Bye}?state=s", stop.Url.ToString());

        // Nobody signed in, nothing proven: a link is offered, nobody is sent.
        var again = await alice.LogoutAsync(server.Issuer, ("client_id", _app.Client.Id), ("post_logout_redirect_uri", Bye), ("state", "s"));
        again.ExpectSignedOutPage();
        Assert.Equal($"{Bye}?state=s", again.Document!.QuerySelector("a.primary")!.GetAttribute("href"));
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "4")]
    public async Task Signing_out_twice_is_no_error()
    {
        using var alice = server.Browser();
        var hint = (await _app.SignInAsync(alice, "openid")).IdToken!;
        for (var time = 0; time < 2; time++)
            Assert.Equal($"{Bye}?state=s", (await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint), ("post_logout_redirect_uri", Bye), ("state", "s"))).Url.ToString());
        (await alice.LogoutAsync(server.Issuer)).ExpectSignedOutPage();
    }

    [Theory, Spec("OIDC RP-Initiated Logout", "6"), Check("A27")]
    [InlineData("no token")]
    [InlineData("another browser's token")]
    [InlineData("no decision")]
    public async Task Only_our_own_page_signs_out_by_form(string what)
    {
        using var alice = server.Browser();
        using var bob = server.Browser(DeclaredStates.Bob);
        await _app.SignInAsync(alice, "openid");
        await _app.SignInAsync(bob, "openid");
        var token = (await (what == "another browser's token" ? bob : alice).LogoutAsync(server.Issuer)).ExpectQuestion()
            .Form!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;
        (string, string)[] form = what switch
        {
            "no token" => [("decision", "logout")],
            "no decision" => [("__token", token)],
            _ => [("__token", token), ("decision", "logout")],
        };
        Assert.Equal(HttpStatusCode.BadRequest, (await alice.PostAsync(server.Issuer + "/logout", form)).Status);
        await alice.AssertSignedInAsync(_app);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.7"), Spec("OIDC Core", "11")]
    public async Task The_grants_of_the_session_end_and_those_for_offline_access_stay()
    {
        using var alice = server.Browser();
        using var elsewhere = server.Browser();
        using var native = server.Client(DeclaredStates.Native);
        var bound = await _app.SignInAsync(alice, "openid");
        var offline = await _app.SignInAsync(alice, "openid offline_access", ("prompt", "consent"));
        var ofNative = await native.SignInAsync(alice, "openid");
        var ofOther = await _app.SignInAsync(elsewhere, "openid");
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", bound.IdToken));

        (await _app.RefreshAsync(bound.RefreshToken!)).ExpectError("invalid_grant");
        (await _app.UserInfoAsync(bound.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        (await _app.RefreshAsync(offline.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await _app.UserInfoAsync(offline.AccessToken)).Expect(HttpStatusCode.OK);
        (await native.RefreshAsync(ofNative.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await _app.RefreshAsync(ofOther.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "2")]
    public async Task The_cookie_of_a_session_that_ended_is_worth_nothing()
    {
        using var alice = server.Browser();
        var hint = (await _app.SignInAsync(alice, "openid")).IdToken!;
        var cookie = alice.Cookies["latchkey"];
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint));
        Assert.False(alice.Cookies.ContainsKey("latchkey"));
        using var thief = server.Browser();
        thief.Cookies["latchkey"] = cookie;
        await thief.AssertSignedOutAsync(_app);
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "2")]
    public async Task A_hint_whose_time_is_over_still_counts()
    {
        await using var clocked = await InProcessServer.StartAsync();
        using var web = clocked.Client(DeclaredStates.Web);
        using var alice = clocked.Browser();
        var hint = (await web.SignInAsync(alice, "openid")).IdToken!;
        clocked.Clock.Advance(TimeSpan.FromHours(1));
        var stop = await alice.LogoutAsync(clocked.Issuer, ("id_token_hint", hint), ("post_logout_redirect_uri", "http://127.0.0.1:3000/"));
        Assert.Equal("http://127.0.0.1:3000/", stop.Url.ToString());
        await alice.AssertSignedOutAsync(web);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.1"), Spec("OIDC Back-Channel Logout", "2.3")]
    public async Task Each_browser_has_a_session_id_of_its_own_that_a_refresh_keeps()
    {
        using var alice = server.Browser();
        using var elsewhere = server.Browser();
        var (here, there) = (await _app.SignInAsync(alice, "openid"), await _app.SignInAsync(elsewhere, "openid"));
        string Sid(string idToken) => Jwt.Claims(idToken).GetProperty("sid").GetString()!;
        Assert.NotEqual(Sid(here.IdToken!), Sid(there.IdToken!));
        var refreshed = (await _app.RefreshAsync(here.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal(Sid(here.IdToken!), Sid(refreshed["id_token"]!));
        var again = await _app.SignInAsync(alice, "openid", ("prompt", "login"));
        Assert.Equal(Sid(here.IdToken!), Sid(again.IdToken!));
    }
}
