using System.Net;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Logout;

/// <summary>OpenID Connect Front-Channel Logout 1.0: apps are told by frames of the page at the end.</summary>
public sealed class FrontchannelLogoutTests(FrontchannelLogoutTests.FrontchannelServer server) : IClassFixture<FrontchannelLogoutTests.FrontchannelServer>
{
    private static readonly TestClient Framed = new("framed", null, TestClient.None, "https://framed.example.com/callback");

    /// <summary>With a query of its own, and a port.</summary>
    private static readonly TestClient Other = new("framed-too", null, TestClient.None, "https://other.example.com:8443/callback");

    [Fact, Check("oidcc-frontchannel-rp-initiated-logout"), Check("oidcc-frontchannel-logout-discovery-endpoint-verification")]
    [Spec("OIDC Front-Channel Logout", "2"), Spec("OIDC Front-Channel Logout", "3")]
    public async Task Oidcc_frontchannel_rp_initiated_logout()
    {
        using var framed = server.Client(Framed);
        using var other = server.Client(Other);
        using var plain = server.Client(DeclaredStates.Spa);
        using var alice = server.Server.Browser();
        var metadata = (await framed.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.True(metadata.GetProperty("frontchannel_logout_supported").GetBoolean());
        Assert.True(metadata.GetProperty("frontchannel_logout_session_supported").GetBoolean());

        var tokens = await framed.SignInAsync(alice, "openid");
        await other.SignInAsync(alice, "openid");
        await plain.SignInAsync(alice, "openid");
        var sid = Jwt.Claims(tokens.IdToken!).GetProperty("sid").GetString();
        var stop = await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken), ("post_logout_redirect_uri", "https://framed.example.com/bye"), ("state", "s"));

        // The page, not a redirect: the frames are to be loaded first, and then the browser goes back.
        Assert.Equal(HttpStatusCode.OK, stop.Status);
        var session = $"iss={Uri.EscapeDataString(server.Issuer)}&sid={sid}";
        var html = WebUtility.HtmlDecode(stop.Text);
        Assert.Contains($"<iframe src=\"https://framed.example.com/signed-out?{session}\"", html, StringComparison.Ordinal);
        Assert.Contains($"<iframe src=\"https://other.example.com:8443/out?a=b&{session}\"", html, StringComparison.Ordinal);
        Assert.Equal("3; url=https://framed.example.com/bye?state=s", Header(stop, "Refresh"));
        Assert.EndsWith("; frame-src https://framed.example.com https://other.example.com:8443", Header(stop, "Content-Security-Policy")!, StringComparison.Ordinal);
        await alice.AssertSignedOutAsync(framed);
    }

    [Fact, Spec("OIDC Front-Channel Logout", "3")]
    public async Task Without_such_an_app_the_page_has_no_frames()
    {
        using var plain = server.Client(DeclaredStates.Spa);
        using var alice = server.Server.Browser();
        var tokens = await plain.SignInAsync(alice, "openid");
        var stop = await alice.ConfirmAsync(await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken)));
        stop.ExpectSignedOutPage();
        Assert.DoesNotContain("<iframe", stop.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("frame-src", Header(stop, "Content-Security-Policy")!, StringComparison.Ordinal);
        Assert.Null(Header(stop, "Refresh"));
    }

    private static string? Header(Stop stop, string name) =>
        stop.Response!.Headers.TryGetValues(name, out var values) || stop.Response.Content.Headers.TryGetValues(name, out values) ? values.Single() : null;

    public sealed class FrontchannelServer : ClockedServer
    {
        protected override JsonObject State() => DeclaredStates.Standard()
            .Add(Framed, client =>
            {
                client["frontchannel_logout_uri"] = "https://framed.example.com/signed-out";
                client["frontchannel_logout_session_required"] = true;
                client["post_logout_redirect_uris"] = new JsonArray("https://framed.example.com/bye");
            })
            .Add(Other, client => client["frontchannel_logout_uri"] = "https://other.example.com:8443/out?a=b");
    }
}
