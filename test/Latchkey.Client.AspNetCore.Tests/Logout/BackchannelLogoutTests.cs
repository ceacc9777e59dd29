using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.AspNetCore.Tests.Sessions;
using Latchkey.Testing;
using Latchkey.Testing.Tokens;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore.Tests.Logout;

public sealed class BackchannelLogoutTests(SharedAuthority shared)
{
    private readonly TestAuthority _authority = shared.Authority;

    public static TheoryData<string> Wrong => [.. Faults.Keys];

    // Each with the code of the check that must have seen it.
    private static readonly Dictionary<string, (Func<TokenBuilder, TokenBuilder> Spoil, string Code)> Faults = new()
    {
        ["alg none"] = (token => token.AlgNone(), "LK-JWT-"),
        ["HMAC with the public key"] = (token => token.HmacWithPublicKey(), "LK-JWT-"),
        ["forged key"] = (token => token.ForgedKey(), "LK-JWT-"),
        ["tampered"] = (token => token.TamperedSignature(), "LK-JWT-"),
        ["no signature"] = (token => token.StrippedSignature(), "LK-JWT-"),
        ["an access token"] = (token => token.WrongType("at+jwt"), "LK-JWT-"),
        ["another issuer"] = (token => token.WrongIssuer(), "LK-JWT-"),
        ["another client"] = (token => token.Audience("post"), "LK-JWT-"),
        ["expired"] = (token => token.Expired(), "LK-JWT-"),
        ["no exp"] = (token => token.NoExpiry(), "LK-JWT-"),
        ["issued in the future"] = (token => token.IssuedInTheFuture(), "LK-JWT-"),
        ["no iat"] = (token => token.MissingClaim("iat"), "LK-SIGNIN-LOGOUT-IAT"),
        ["no jti"] = (token => token.MissingClaim("jti"), "LK-SIGNIN-LOGOUT-JTI"),
        ["a nonce"] = (token => token.Claim("nonce", "n"), "LK-SIGNIN-LOGOUT-NONCE"),
        ["no events"] = (token => token.MissingClaim("events"), "LK-SIGNIN-LOGOUT-EVENTS"),
        ["other events"] = (token => token.Claim("events", new JsonObject { ["http://schemas.openid.net/event/other"] = new JsonObject() }), "LK-SIGNIN-LOGOUT-EVENTS"),
        ["events as text"] = (token => token.Claim("events", new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = "yes" }), "LK-SIGNIN-LOGOUT-EVENTS"),
        ["neither sub nor sid"] = (token => token.MissingClaim("sub").MissingClaim("sid"), "LK-SIGNIN-LOGOUT-NOBODY"),
    };

    [Theory, MemberData(nameof(Wrong))]
    [Spec("OIDC Back-Channel Logout", "2.6"), Spec("OIDC Back-Channel Logout", "2.8"), Check("C25")]
    public async Task A_wrong_logout_token_ends_nothing(string fault)
    {
        await using var app = await WebApp.StartAsync(_authority);
        await app.SignInAsync(_authority);
        var (spoil, code) = Faults[fault];
        using var answer = await PostAsync(app, spoil(Token()).Sign());
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        var body = await answer.TextAsync();
        Assert.Contains("\"error\":\"invalid_request\"", body);
        Assert.Contains(code, body);
        Assert.Equal(1, app.Count);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.6"), Check("C25")]
    public async Task A_good_one_ends_the_sessions_of_the_person_once()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        await app.SignInAsync(_authority, "bob");
        var token = Token().MissingClaim("sid").Sign();
        using (var answer = await PostAsync(app, token))
        {
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.True(answer.Headers.CacheControl!.NoStore);
        }

        Assert.Equal(1, app.Count);
        using var page = await app.SendAsync(HttpMethod.Get, "/", alice.CookieHeader());
        Assert.Equal("nobody", await page.TextAsync());

        await app.SignInAsync(_authority);
        using var replay = await PostAsync(app, token);
        Assert.Equal(HttpStatusCode.BadRequest, replay.StatusCode);
        Assert.Contains("LK-SIGNIN-LOGOUT-REPLAYED", await replay.TextAsync());
        Assert.Equal(2, app.Count);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.4")]
    public async Task With_a_sid_only_that_session_ends()
    {
        await using var app = await WebApp.StartAsync(_authority);
        var (one, other) = (await app.SignInAsync(_authority), await app.SignInAsync(_authority));
        var sid = (await one.FollowAsync(app.Site, "/me")).Body.Split('\n').Single(line => line.StartsWith("sid=", StringComparison.Ordinal))[4..];
        using var answer = await PostAsync(app, Token().Claim("sid", sid).Sign());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var ended = await app.SendAsync(HttpMethod.Get, "/", one.CookieHeader());
        Assert.Equal("nobody", await ended.TextAsync());
        using var left = await app.SendAsync(HttpMethod.Get, "/", other.CookieHeader());
        Assert.Equal(Ready.Alice.Subject, await left.TextAsync());
    }

    [Theory]
    [InlineData("application/json", "{}"), InlineData("application/x-www-form-urlencoded", "token=x"), InlineData("application/x-www-form-urlencoded", "logout_token=a&logout_token=b")]
    [InlineData("application/x-www-form-urlencoded", "logout_token=not.a.jwt"), InlineData("application/x-www-form-urlencoded", "")]
    public async Task Another_body_is_refused(string type, string body)
    {
        await using var app = await WebApp.StartAsync(_authority);
        using var answer = await app.SendAsync(HttpMethod.Post, "/backchannel-logout", new StringContent(body, null, type));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_provider_whose_keys_cannot_be_had_may_try_again()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await WebApp.StartAsync(authority, signIn: options => options.ReadUserInfo = false);
        authority.DropJwks();
        using var answer = await PostAsync(app, authority.Token().For("alice").Audience(Ready.Web.ClientId).AsLogoutToken().Sign());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.8")]
    public async Task A_token_that_ended_nothing_because_the_store_was_away_may_come_again()
    {
        var store = new FlawedStore(_authority.Clock);
        await using var app = await WebApp.StartAsync(_authority, services: services => services.AddSingleton<ISessionStore>(store));
        await app.SignInAsync(_authority);
        var token = Token().MissingClaim("sid").Sign();
        store.IsAway = true;
        await Assert.ThrowsAsync<IOException>(() => PostAsync(app, token));
        Assert.Equal(1, store.Count);
        store.IsAway = false;
        using var answer = await PostAsync(app, token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, store.Count);
    }

    [Fact]
    public async Task A_token_that_is_valid_until_the_end_of_time_is_no_fault()
    {
        await using var app = await WebApp.StartAsync(_authority);
        await app.SignInAsync(_authority);
        using var answer = await PostAsync(app, Token().MissingClaim("sid").Claim("exp", 253402300799).Sign());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, app.Count);
    }

    private TokenBuilder Token() => _authority.Token().For("alice").Audience(Ready.Web.ClientId).AsLogoutToken();

    private static Task<HttpResponseMessage> PostAsync(WebApp app, string token) =>
        app.SendAsync(HttpMethod.Post, "/backchannel-logout", new FormUrlEncodedContent([new("logout_token", token)]));
}
