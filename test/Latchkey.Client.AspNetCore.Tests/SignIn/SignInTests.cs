using Microsoft.AspNetCore.Builder;
using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Testing;
using Microsoft.Extensions.Options;

namespace Latchkey.Client.AspNetCore.Tests.SignIn;

/// <summary>The way in, when all is well.</summary>
public sealed class SignInTests(SharedAuthority shared)
{
    private readonly TestAuthority _authority = shared.Authority;

    [Fact, Spec("OIDC Core", "3.1"), Spec("RFC 9700", "2.1.1")]
    public async Task Somebody_signs_in_and_comes_to_the_page_they_wanted()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = authority.Browser("alice");
        var page = (await alice.FollowAsync(app.Site, "/me?tab=2")).ShouldHaveArrived();
        Assert.Equal("/me?tab=2", page.Url.PathAndQuery);
        Assert.Contains("sub=" + Ready.Alice.Subject, page.Body);
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldHaveKeptSecretsOutOfUrls();
    }

    [Theory]
    [InlineData("openid", "shop", "Latchkey sign-in \"app\": there is no client \"shop\"; register it with AddLatchkeyClient(\"shop\", …), or name another by Client.")]
    [InlineData("profile", "app", "Latchkey sign-in \"app\": the Scope of the client \"app\" lacks openid, without which the provider does not say who signed in; add it.")]
    [InlineData(null, "app", "Latchkey sign-in \"app\": the Scope of the client \"app\" lacks openid, without which the provider does not say who signed in; add it.")]
    public async Task An_app_with_a_wrong_setting_does_not_start_and_says_which(string? scope, string client, string message)
    {
        var failure = await Assert.ThrowsAsync<OptionsValidationException>(() => WebApp.StartAsync(_authority, options => options.Scope = scope, options => options.Client = client));
        Assert.Equal(message, Assert.Single(failure.Failures));
    }

    [Fact, Spec("OIDC Core", "5.3")]
    public async Task What_userinfo_says_is_known_too_and_what_is_about_the_token_is_not()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        var me = (await alice.FollowAsync(app.Site, "/me")).Body;
        Assert.Contains("email=alice@", me);
        Assert.DoesNotContain("nonce=", me);
        Assert.DoesNotContain("at_hash=", me);
        Assert.NotEmpty((await alice.FollowAsync(app.Site, "/name")).Body);
    }

    [Fact]
    public async Task The_person_has_each_value_of_a_list_as_a_claim()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.IdToken(token => token.Claim("roles", new JsonArray("reader", "writer", null)).Claim("amr", new JsonArray("pwd")));
        await using var app = await WebApp.StartAsync(authority);
        var me = (await authority.Browser("alice").FollowAsync(app.Site, "/me")).ShouldHaveArrived().Body.Split('\n');
        Assert.Equal(["roles=reader", "roles=writer"], me.Where(line => line.StartsWith("roles=", StringComparison.Ordinal)));
        Assert.Contains("amr=pwd", me);
    }

    [Fact]
    public async Task Userinfo_is_not_asked_where_the_app_does_not_want_it()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority, signIn: options => options.ReadUserInfo = false);
        await app.SignInAsync(authority);
        Assert.Empty(authority.Requests.UserInfo);
    }

    [Fact, Spec("OIDC Core", "5.3.2"), Check("C9")]
    public async Task Userinfo_of_somebody_else_signs_nobody_in()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.UserInfo(json => json["sub"] = "somebody-else");
        await using var app = await WebApp.StartAsync(authority);
        var stop = await authority.Browser("alice").FollowAsync(app.Site, "/login");
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        Assert.Contains("LK-CLIENT-USERINFO-SUB", stop.Body);
        Assert.Equal(0, app.Count);
    }

    [Theory]
    [InlineData("query"), InlineData("form_post")]
    [Spec("OAuth 2.0 Form Post Response Mode", "2")]
    public async Task The_answer_comes_by_the_address_or_by_a_form(string mode)
    {
        await using var app = await WebApp.StartAsync(_authority, client => client.ResponseMode = mode);
        var page = (await _authority.Browser("alice").FollowAsync(app.Site, "/me")).ShouldHaveArrived();
        Assert.Contains(page.Trail, step => step.StartsWith(mode == "query" ? "GET https://app.test/callback" : "POST https://app.test/callback", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_script_gets_401_rather_than_a_redirect_that_it_cannot_follow()
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/me", ("Sec-Fetch-Mode", "cors"));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        using var page = await app.SendAsync(HttpMethod.Get, "/me", ("Sec-Fetch-Mode", "navigate"));
        Assert.Equal("/login?return_url=%2Fme", page.Headers.Location!.OriginalString);
    }

    [Theory, Spec("RFC 9700", "4.11.1"), Check("C7")]
    [InlineData("https://evil.example/"), InlineData("//evil.example/"), InlineData("/\\evil.example/"), InlineData("/%09/evil.example"), InlineData("javascript:alert(1)")]
    [InlineData("/a\\..\\\\evil"), InlineData("%2F%2Fevil.example%0A"), InlineData("http:/evil"), InlineData("\\\\evil.example")]
    public async Task Nobody_is_sent_elsewhere_after_signing_in(string returnUrl)
    {
        await using var app = await WebApp.StartAsync(_authority);
        var stop = (await _authority.Browser("alice").FollowAsync(app.Site, "/login?return_url=" + (returnUrl.Contains('%') ? returnUrl : Uri.EscapeDataString(returnUrl)))).ShouldHaveArrived();
        // "/%09/evil.example" stays a path here, since nothing decodes it twice.
        Assert.Equal("https://app.test", stop.Url.GetLeftPart(UriPartial.Authority));
        Assert.DoesNotContain(stop.Trail, step => step.Contains("evil", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_step_up_asks_for_more_and_comes_back()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority, map: web => web.MapGet("/pay", () =>
            Microsoft.AspNetCore.Http.Results.Challenge(new LatchkeyChallenge { Ask = new() { MaxAge = 60, Prompt = "login" }, RedirectUri = "/me" })));
        var alice = await app.SignInAsync(authority);
        var page = (await alice.FollowAsync(app.Site, "/pay")).ShouldHaveArrived();
        Assert.Equal("/me", page.Url.AbsolutePath);
        Assert.Equal("60", authority.Requests.Authorize[^1]["max_age"] ?? authority.Requests.To("/par")[^1]["max_age"]);
    }

    [Fact]
    public async Task Who_does_not_agree_is_told_that_the_app_got_nothing()
    {
        await using var app = await WebApp.StartAsync(_authority);
        await using var denying = await TestAuthority.StartAsync();
        await using var other = await WebApp.StartAsync(denying);
        var stop = await denying.Browser("alice").Deny().FollowAsync(other.Site, "/login");
        Assert.Contains("You did not agree", stop.Body);
        Assert.Contains("access_denied", stop.Body);
        Assert.Equal(0, other.Count);
    }

    [Fact]
    public async Task A_provider_that_is_away_gives_a_page_and_not_a_fault()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Faults.NextMetadata(AuthorityFault.Unavailable(), 10);
        await using var app = await WebApp.StartAsync(authority);
        using var answer = await app.SendAsync(HttpMethod.Get, "/login");
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Contains("does not work right now", await answer.TextAsync());
    }

    [Fact]
    public async Task Http_is_for_loopback_only()
    {
        await using var app = await WebApp.StartAsync(_authority, origin: "http://app.test");
        foreach (var path in new[] { "/login", "/callback?state=x", "/logout" })
        {
            using var answer = await app.SendAsync(HttpMethod.Get, path);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains("LK-SIGNIN-HTTPS", await answer.TextAsync());
            Assert.Empty(answer.Cookies());
        }

        // A session that somehow got there is not read either.
        using var home = await app.SendAsync(HttpMethod.Get, "/", ("Cookie", "latchkey-app=" + new string('A', 43)));
        Assert.Equal("nobody", await home.TextAsync());
    }
}
