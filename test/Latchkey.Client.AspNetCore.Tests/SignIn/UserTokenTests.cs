using System.Net;
using Latchkey.Client.Tokens;
using Latchkey.Testing;

namespace Latchkey.Client.AspNetCore.Tests.SignIn;

/// <summary>Calls with the token of whoever is signed in.</summary>
public sealed class UserTokenTests
{
    [Fact, Check("C19"), Check("C20"), Spec("OAuth 2.1", "4.3")]
    public async Task The_token_is_renewed_before_its_end_once_for_all_and_the_new_refresh_token_is_kept()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        for (var hour = 1; hour <= 2; hour++)
        {
            authority.Advance(TimeSpan.FromMinutes(59));
            var calls = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => app.SendAsync(HttpMethod.Get, "/userinfo", alice.CookieHeader())));
            Assert.All(calls, call => Assert.Equal(HttpStatusCode.OK, call.StatusCode));
            Assert.Equal(hour, authority.Requests.Grants("refresh_token").Count);
        }
    }

    [Fact, Check("C20")]
    public async Task When_the_grant_is_over_the_person_signs_in_again_and_nothing_goes_in_circles()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        await authority.RevokeEverythingAsync();
        authority.Advance(TimeSpan.FromMinutes(59));
        using (var answer = await app.SendAsync(HttpMethod.Get, "/userinfo", alice.CookieHeader()))
        {
            Assert.Equal("/login?return_url=%2Fuserinfo", answer.Headers.Location!.OriginalString);
            Assert.Equal(0, app.Count);
        }

        var page = (await alice.FollowAsync(app.Site, "/userinfo")).ShouldHaveArrived();
        Assert.Contains(Ready.Alice.Subject, page.Body);
    }

    [Fact, Check("C20")]
    public async Task Tokens_that_are_no_good_right_after_signing_in_end_on_a_page()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.TokenResponse(json =>
        {
            json["expires_in"] = 0;
            json.Remove("refresh_token");
        });
        await using var app = await WebApp.StartAsync(authority, signIn: options => options.ReadUserInfo = false);
        var stop = await authority.Browser("alice").FollowAsync(app.Site, "/userinfo");
        Assert.Equal(HttpStatusCode.BadGateway, stop.Status);
        Assert.Contains("login_required", stop.Body);
    }

    [Theory, Check("C9"), Spec("OIDC Core", "12.2")]
    [InlineData("sub", "somebody-else"), InlineData("nonce", "of another sign-in")]
    public async Task A_renewal_about_somebody_else_brings_no_token(string claim, string value)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        authority.Advance(TimeSpan.FromMinutes(59));
        authority.Rogue.IdToken(token => token.Claim(claim, value));
        var refused = await Assert.ThrowsAsync<TokenUnavailableException>(() => app.SendAsync(HttpMethod.Get, "/userinfo", alice.CookieHeader()));
        Assert.Equal("LK-CLIENT-REFRESH-MISMATCH", refused.Refusal!.Code);
    }

    [Fact]
    public async Task Without_anybody_signed_in_nothing_is_sent()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority, map: web => Microsoft.AspNetCore.Builder.EndpointRouteBuilderExtensions.MapGet(web, "/anyone", async (IHttpClientFactory clients) =>
        {
            using var answer = await clients.CreateClient("user").GetAsync(authority.Issuer + "/userinfo");
        }));
        using var redirect = await app.SendAsync(HttpMethod.Get, "/anyone");
        Assert.StartsWith("/login", redirect.Headers.Location!.OriginalString);
        Assert.Empty(authority.Requests.UserInfo);
    }
}
