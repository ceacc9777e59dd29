using System.Net;

namespace Latchkey.Server.Tests.Token;

/// <summary>What the clock does to codes and tokens; the server runs in the test's own process so that the test can turn the clock.</summary>
public sealed class ExpiryTests
{
    [Fact, Spec("RFC 6749", "4.1.2")]
    public async Task A_code_is_good_for_a_minute()
    {
        await using var server = await InProcessServer.StartAsync();
        using var alice = server.Browser();
        using var web = server.Client(DeclaredStates.Web);

        var request = web.Request();
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;
        server.Clock.Advance(TimeSpan.FromSeconds(59));
        (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);

        var late = web.Request();
        var lateCode = (await alice.AuthorizeAsync(late.Url)).Answer.Code!;
        server.Clock.Advance(TimeSpan.FromSeconds(60));
        (await web.RedeemAsync(late, lateCode)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 6749", "5.1"), Spec("OAuth 2.1", "4.3")]
    public async Task An_access_token_ends_as_it_says_and_a_refresh_goes_on()
    {
        await using var server = await InProcessServer.StartAsync();
        using var alice = server.Browser();
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await web.SignInAsync(alice);
        Assert.Equal("900", tokens.Answer["expires_in"]);

        server.Clock.Advance(TimeSpan.FromSeconds(899));
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        Assert.Equal("false", (await web.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["active"]);

        var fresh = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(fresh["access_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("OAuth 2.1", "4.3.1")]
    public async Task The_previous_refresh_token_may_be_tried_again_for_a_minute_and_is_reuse_after_it()
    {
        await using var server = await InProcessServer.StartAsync();
        using var alice = server.Browser();
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await web.SignInAsync(alice);

        var second = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        server.Clock.Advance(TimeSpan.FromSeconds(59));
        var retried = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal(second["refresh_token"], retried["refresh_token"]);

        server.Clock.Advance(TimeSpan.FromSeconds(2));
        (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await web.RefreshAsync(second["refresh_token"]!)).ExpectError("invalid_grant");
        Assert.Equal("false", (await web.IntrospectAsync(retried["access_token"]!)).Expect(HttpStatusCode.OK)["active"]);
    }
}
