using System.Globalization;
using System.Text.Json;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>How and as whom the person is asked: prompt, max_age, login_hint, id_token_hint, claims.</summary>
[Spec("OIDC Core", "3.1.2.1"), Spec("OIDC Core", "3.1.2.3")]
public sealed class PromptTests(AuthorizeServer server)
{
    [Theory, Check("A49")]
    [InlineData("prompt=login", "login")]
    [InlineData("prompt=consent", "consent")]
    [InlineData("prompt=select_account", "choice")]
    [InlineData("prompt=login consent", "login")]
    [InlineData("prompt=consent select_account", "choice")]
    [InlineData("prompt=select_account login", "login")]
    [InlineData("prompt=login login", "login")]
    [InlineData("max_age=0", "login")]
    [InlineData("max_age=100000", "code")]
    [InlineData("max_age=9223372036854775807", "code")]
    [InlineData("prompt=none", "code")]
    [InlineData("prompt=none&max_age=100000", "code")]
    public async Task Prompt_and_max_age_decide_which_page_comes_first(string changes, string first)
    {
        // OAuth 2.0 requests may use them too.
        foreach (var scope in (string[])["openid", "api:read"])
        {
            var asked = await server.AskAsync(DeclaredStates.Web, changes, scope);
            switch (first)
            {
                case "login": asked.Stop.ExpectLogin(); break;
                case "consent": asked.Stop.ExpectConsent(); break;
                case "choice": asked.Stop.ExpectAccountChoice(); break;
                default: asked.ExpectCode(); break;
            }
        }
    }

    [Theory, Check("A49"), Spec("OIDC Core", "3.1.2.6")]
    [InlineData("prompt=none login", "invalid_request")]
    [InlineData("prompt=consent none", "invalid_request")]
    [InlineData("prompt=create", "invalid_request")]
    [InlineData("prompt=None", "invalid_request")]
    [InlineData("max_age=-1", "invalid_request")]
    [InlineData("max_age=x", "invalid_request")]
    [InlineData("max_age=1.5", "invalid_request")]
    [InlineData("max_age= 1", "invalid_request")]
    [InlineData("max_age=9223372036854775808", "invalid_request")]
    [InlineData("prompt=none&max_age=0", "login_required")]
    [InlineData("prompt=none&scope=openid api:write", "consent_required")]
    [InlineData("prompt=none&client_id=post&redirect_uri=https://post.example.com/callback", "consent_required")]
    public async Task What_can_not_be_is_told_without_a_page(string changes, string error)
    {
        var asked = await server.AskAsync(DeclaredStates.Web, changes);
        asked.ExpectError(error);
    }

    [Theory, Check("A49"), Spec("RFC 9700", "4.11.2")]
    [InlineData("")]
    [InlineData("&max_age=0")]
    [InlineData("&response_mode=form_post")]
    [InlineData("&login_hint=alice")]
    public async Task Without_a_session_prompt_none_gets_login_required(string changes)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var nobody = server.Browser();
        var request = web.Request("openid", AuthorizeServer.Changes("prompt=none" + changes));
        (await nobody.GetAsync(request.Url)).ExpectError(request, "login_required");
        Assert.Single(nobody.Trail);
        Assert.DoesNotContain("latchkey", nobody.Cookies.Keys);
    }

    [Fact, Check("A49"), Spec("RFC 6749", "3.1")]
    public async Task Without_a_session_everybody_signs_in_first()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var nobody = server.Browser();
        (await nobody.GetAsync(web.Request().Url)).ExpectLogin();
    }

    [Fact, Check("A49"), Spec("OIDC Core", "2")]
    public async Task Prompt_login_is_satisfied_by_one_sign_in_of_the_same_person()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var first = await web.SignInAsync(browser, "openid");
        foreach (var changes in (string[])["prompt=login", "max_age=0", "prompt=login&max_age=0", "prompt=login select_account"])
        {
            var request = web.Request("openid", AuthorizeServer.Changes(changes));
            var login = (await browser.GetAsync(request.Url)).ExpectLogin();
            var code = (await browser.SignInAsync(login)).ExpectCode(request);
            var claims = Jwt.Claims((await web.RedeemAsync(request, code))["id_token"]!);
            Assert.True(claims.GetProperty("auth_time").GetInt64() >= Jwt.Claims(first.IdToken!).GetProperty("auth_time").GetInt64());
            Assert.Equal(Jwt.Claims(first.IdToken!).GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());
        }
    }

    [Fact, Check("A49")]
    public async Task A_sign_in_for_one_request_does_not_satisfy_prompt_login_of_another()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var one = web.Request("openid", ("prompt", "login"));
        var other = web.Request("openid", ("prompt", "login"));
        var first = await browser.GetAsync(one.Url);
        var second = (await browser.GetAsync(other.Url)).ExpectLogin();
        (await browser.SignInAsync(first)).ExpectCode(one);
        (await browser.GetAsync(other.Url)).ExpectLogin();
        (await browser.SignInAsync(second)).ExpectCode(other);
    }

    [Fact]
    public async Task A_default_max_age_of_the_client_counts_where_the_request_has_none()
    {
        (await server.AskAsync(AuthorizeServer.Modest)).Stop.ExpectLogin();
        (await server.AskAsync(AuthorizeServer.Modest, "prompt=none&max_age=1000000")).ExpectError("consent_required");
    }

    [Fact, Spec("OIDC Core", "3.1.2.2")]
    public async Task An_id_token_hint_of_the_person_signed_in_changes_nothing() =>
        (await server.AskAsync(DeclaredStates.Web, $"prompt=none&id_token_hint={server.AlicesIdToken}")).ExpectCode();

    [Fact, Spec("OIDC Core", "3.1.2.2")]
    public async Task An_id_token_hint_of_somebody_else_never_gets_this_persons_code()
    {
        (await server.AskAsync(DeclaredStates.Web, $"prompt=none&id_token_hint={server.BobsIdToken}")).ExpectError("login_required");

        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid", ("id_token_hint", server.BobsIdToken));
        var login = (await browser.GetAsync(request.Url)).ExpectLogin();
        (await browser.SignInAsync(login, DeclaredStates.Alice)).ExpectError(request, "login_required");
        // Now that alice is signed in, bob is still asked to.
        login = (await browser.GetAsync(request.Url)).ExpectLogin();
        (await browser.FinishAsync(await browser.SignInAsync(login, DeclaredStates.Bob))).ExpectCode(request);
    }

    [Theory, Spec("OIDC Core", "3.1.2.2")]
    [InlineData("x")]
    [InlineData("x.y.z")]
    [InlineData("tampered")]
    [InlineData("unsigned")]
    [InlineData("access token")]
    public async Task An_id_token_hint_that_is_not_ours_is_an_error(string kind)
    {
        var parts = server.AlicesIdToken.Split('.');
        var hint = kind switch
        {
            "tampered" => $"{parts[0]}.{server.BobsIdToken.Split('.')[1]}.{parts[2]}",
            "unsigned" => $"eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{parts[1]}.",
            "access token" => await AccessTokenAsync(),
            _ => kind,
        };
        (await server.AskAsync(DeclaredStates.Web, "id_token_hint=" + hint)).ExpectError("invalid_request");
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("ALICE")]
    [InlineData("alice@example.com")]
    [InlineData("nobody@example.com")]
    [InlineData("\"><script>")]
    public async Task A_login_hint_at_the_person_signed_in_or_at_nobody_changes_nothing(string hint) =>
        (await server.AskAsync(DeclaredStates.Web, "login_hint=" + hint)).ExpectCode();

    [Fact]
    public async Task A_login_hint_at_somebody_else_lets_them_sign_in_with_their_name_filled_in()
    {
        var login = (await server.AskAsync(DeclaredStates.Web, "login_hint=bob")).Stop.ExpectLogin();
        Assert.Equal("bob", login.Document!.QuerySelector("input[name=username]")!.GetAttribute("value"));
        (await server.AskAsync(DeclaredStates.Web, "login_hint=bob&prompt=none")).ExpectCode();
    }

    [Fact, Spec("RFC 6749", "10.14")]
    public async Task A_login_hint_is_shown_as_text()
    {
        var login = (await server.AskAsync(DeclaredStates.Web, "prompt=login&login_hint=\"><script>alert(1)</script>")).Stop.ExpectLogin();
        Assert.Empty(login.Document!.QuerySelectorAll("script"));
        Assert.Equal("\"><script>alert(1)</script>", login.Document.QuerySelector("input[name=username]")!.GetAttribute("value"));
    }

    [Theory, Spec("OIDC Core", "15.1")]
    [InlineData("ui_locales", "xx se de-CH-1996")]
    [InlineData("ui_locales", "\\ \" ;")]
    [InlineData("claims_locales", "se")]
    [InlineData("display", "wap")]
    [InlineData("display", "foo")]
    [InlineData("acr_values", "9 8 urn:x:y")]
    public async Task Hints_never_cause_an_error(string name, string value) => (await server.AskAsync(DeclaredStates.Web, $"{name}={value}&prompt=none")).ExpectCode();

    [Theory, Spec("OIDC Core", "5.5"), Spec("OIDC Core", "5.5.1")]
    [InlineData("""{}""")]
    [InlineData("""{"userinfo":{"name":null,"nickname":{"essential":true}},"other":{"x":1}}""")]
    [InlineData("""{"id_token":{"auth_time":{"essential":true},"acr":{"values":["9"]}},"userinfo":null}""")]
    [InlineData("""{"id_token":{"acr":{"essential":true,"values":["9","1"]}}}""")]
    [InlineData("""{"userinfo":{"email":{"essential":true,"unknown":[]}}}""")]
    public async Task Claims_that_can_be_had_or_missed_are_no_obstacle(string claims) =>
        (await server.AskAsync(DeclaredStates.Web, $"claims={claims}&prompt=none")).ExpectCode();

    [Theory, Spec("OIDC Core", "5.5")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"x\"")]
    [InlineData("""{"id_token":3}""")]
    [InlineData("""{"id_token":{"name":"x"}}""")]
    [InlineData("""{"id_token":{"a":null,"a":null}}""")]
    [InlineData("""{"id_token":{"\ud800":null}}""")]
    [InlineData("""{"id_token":{"sub":{"value":"\ud800"}}}""")]
    [InlineData("deep")]
    [InlineData("large")]
    public async Task Claims_that_are_none_are_an_invalid_request(string claims)
    {
        var sent = claims switch
        {
            "deep" => string.Concat(Enumerable.Repeat("{\"a\":", 100)) + "1" + new string('}', 100),
            "large" => "{\"id_token\":{\"" + new string('a', 5000) + "\":null}}",
            _ => claims,
        };
        var description = (await server.AskAsync(DeclaredStates.Web, "claims=" + sent)).ExpectError("invalid_request");
        Assert.Contains("claims", description, StringComparison.Ordinal);
    }

    [Fact, Spec("OIDC Core", "3.1.2.2"), Spec("OIDC Core", "5.5.1")]
    public async Task A_sub_asked_for_by_claim_is_the_only_one_answered_for()
    {
        string Claims(string idToken, string target) =>
            $"claims={{\"{target}\":{{\"sub\":{{\"value\":{JsonSerializer.Serialize(Jwt.Claims(idToken).GetProperty("sub").GetString())}}}}}}}&prompt=none";

        foreach (var target in (string[])["id_token", "userinfo"])
        {
            (await server.AskAsync(DeclaredStates.Web, Claims(server.AlicesIdToken, target))).ExpectCode();
            (await server.AskAsync(DeclaredStates.Web, Claims(server.BobsIdToken, target))).ExpectError("login_required");
        }
    }

    [Theory, Spec("OIDC Core", "5.5.1.1")]
    [InlineData("""{"id_token":{"acr":{"essential":true,"value":"9"}}}""")]
    [InlineData("""{"id_token":{"acr":{"essential":true,"values":["8","9"]}}}""")]
    [InlineData("""{"id_token":{"acr":{"essential":true,"value":1}}}""")]
    public async Task An_essential_acr_that_can_not_be_reached_fails_before_anybody_signs_in(string claims)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var nobody = server.Browser();
        var request = web.Request("openid", ("claims", claims));
        (await nobody.GetAsync(request.Url)).ExpectError(request, "unmet_authentication_requirements");
    }

    [Fact, Spec("OIDC Core", "2")]
    public async Task Nonces_are_copied_as_they_are()
    {
        using var web = server.Client(DeclaredStates.Web);
        foreach (var nonce in (string[])["n", "\"<>&\\é🔑 +%", new string('n', 384)])
        {
            using var alice = server.Alice();
            var request = web.Request("openid", ("nonce", nonce));
            var tokens = await web.RedeemAsync(request, (await alice.GetAsync(request.Url)).ExpectCode(request));
            Assert.Equal(nonce, Jwt.Claims(tokens["id_token"]!).GetProperty("nonce").GetString());
        }
    }

    [Fact, Spec("OIDC Core", "2")]
    public async Task Max_age_and_an_essential_claim_bring_auth_time()
    {
        using var web = server.Client(DeclaredStates.Web);
        foreach (var changes in (string[])["max_age=600000", """claims={"id_token":{"auth_time":{"essential":true}}}"""])
        {
            var asked = await server.AskAsync(DeclaredStates.Web, changes, "openid");
            var claims = Jwt.Claims((await web.RedeemAsync(asked.Request, asked.ExpectCode()))["id_token"]!);
            Assert.Equal(Jwt.Claims(server.AlicesIdToken).GetProperty("auth_time").GetInt64().ToString(CultureInfo.InvariantCulture), claims.GetProperty("auth_time").GetRawText());
        }
    }

    private async Task<string> AccessTokenAsync()
    {
        using var web = server.Client(DeclaredStates.Web);
        var asked = await server.AskAsync(DeclaredStates.Web);
        return (await web.RedeemAsync(asked.Request, asked.ExpectCode()))["access_token"]!;
    }
}
