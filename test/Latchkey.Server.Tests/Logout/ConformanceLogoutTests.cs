using System.Net;

namespace Latchkey.Server.Tests.Logout;

/// <summary>
/// The modules of the OpenID conformance plans "RP-Initiated OP" and "Back-Channel OP" by name. Where the suite only wants a screenshot, these say
/// besides that the session is gone.
/// </summary>
public sealed class ConformanceLogoutTests(PeopleServer server)
{
    [Theory, Spec("OIDC RP-Initiated Logout", "2.1"), Spec("OIDC Back-Channel Logout", "2.1")]
    [InlineData("oidcc-rp-initiated-logout-discovery-endpoint-verification")]
    [InlineData("oidcc-backchannel-logout-discovery-endpoint-verification")]
    [Check("oidcc-rp-initiated-logout-discovery-endpoint-verification"), Check("oidcc-backchannel-logout-discovery-endpoint-verification")]
    public async Task Discovery_endpoint_verification(string module)
    {
        using var client = server.Client(DeclaredStates.Web);
        var metadata = (await client.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.Equal(server.Issuer + "/logout", metadata.GetProperty("end_session_endpoint").GetString());
        if (!module.Contains("backchannel", StringComparison.Ordinal)) return;
        Assert.True(metadata.GetProperty("backchannel_logout_supported").GetBoolean());
        Assert.True(metadata.GetProperty("backchannel_logout_session_supported").GetBoolean());
    }

    [Fact, Check("oidcc-rp-initiated-logout"), Spec("OIDC RP-Initiated Logout", "2"), Spec("OIDC RP-Initiated Logout", "3")]
    public async Task Oidcc_rp_initiated_logout()
    {
        using var run = await RunAsync();
        var stop = await run.LogoutAsync();
        Assert.True(stop.IsAtClient, stop.ToString());
        Assert.Equal($"{run.Bye}?state={LogoutPages.LongState}", stop.Url.ToString());
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Fact, Check("oidcc-rp-initiated-logout-no-state"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task Oidcc_rp_initiated_logout_no_state()
    {
        using var run = await RunAsync();
        var stop = await run.LogoutAsync(state: null);
        Assert.Equal(run.Bye, stop.Url.ToString());
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Theory, Check("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri"), Check("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri")]
    [Check("A45"), Spec("OIDC RP-Initiated Logout", "2"), Spec("OIDC RP-Initiated Logout", "3")]
    [InlineData("https://evil.example.com/bye", TestDisplayName = "-bad-post-logout-redirect-uri")]
    [InlineData("{bye}?foo=bar", TestDisplayName = "-query-added-to-post-logout-redirect-uri")]
    [InlineData("{bye}/")]
    [InlineData("{bye}#fragment")]
    [InlineData("{bye}/../bye")]
    [InlineData("http:{bye}")]
    [InlineData("javascript:alert(1)")]
    [InlineData("")]
    public async Task A_post_logout_redirect_uri_that_is_not_registered(string uri)
    {
        using var run = await RunAsync();
        var sent = uri.StartsWith("http:{", StringComparison.Ordinal) ? run.Bye.Replace("https:", "http:", StringComparison.Ordinal) : uri.Replace("{bye}", run.Bye, StringComparison.Ordinal);
        var stop = await run.Browser.ConfirmAsync(await run.LogoutAsync(returnTo: sent));
        Assert.False(stop.IsAtClient, stop.ToString());
        stop.ExpectSignedOutPage();
        Assert.DoesNotContain("evil", stop.Text, StringComparison.Ordinal);
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Theory, Check("oidcc-rp-initiated-logout-modified-id-token-hint"), Check("oidcc-rp-initiated-logout-bad-id-token-hint"), Check("A45")]
    [Spec("OIDC RP-Initiated Logout", "2"), Spec("OIDC RP-Initiated Logout", "4")]
    [InlineData("alg none, no signature", TestDisplayName = "-modified-id-token-hint")]
    [InlineData("another key, our kid", TestDisplayName = "-bad-id-token-hint")]
    [InlineData("alg none, its signature")]
    [InlineData("other claims")]
    [InlineData("cut short")]
    [InlineData("no JWT")]
    public async Task A_hint_that_is_not_ours(string how)
    {
        using var run = await RunAsync();
        var forged = LogoutPages.Forge(run.IdToken, how);

        var question = (await run.LogoutAsync(hint: forged)).ExpectQuestion();
        await run.Browser.AssertSignedInAsync(run.Client);

        var stop = await run.Browser.ConfirmAsync(question);
        Assert.False(stop.IsAtClient, stop.ToString());
        stop.ExpectSignedOutPage();
        await run.Browser.AssertSignedOutAsync(run.Client);

        // Signed out already: still no way back.
        Assert.False((await run.LogoutAsync(hint: forged)).IsAtClient);
    }

    [Fact, Check("oidcc-rp-initiated-logout-no-id-token-hint"), Check("A45"), Spec("OIDC RP-Initiated Logout", "3")]
    public async Task Oidcc_rp_initiated_logout_no_id_token_hint()
    {
        using var run = await RunAsync();
        var question = (await run.LogoutAsync(hint: null)).ExpectQuestion();
        var stop = await run.Browser.ConfirmAsync(question);
        Assert.False(stop.IsAtClient, stop.ToString());
        stop.ExpectSignedOutPage();
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Theory, Check("oidcc-rp-initiated-logout-no-params"), Check("oidcc-rp-initiated-logout-only-state"), Check("A45"), Spec("OIDC RP-Initiated Logout", "2")]
    [InlineData(false, TestDisplayName = "-no-params")]
    [InlineData(true, TestDisplayName = "-only-state")]
    public async Task Neither_hint_nor_address(bool state)
    {
        using var run = await RunAsync();
        var question = (await run.LogoutAsync(hint: null, returnTo: null, state: state ? LogoutPages.LongState : null)).ExpectQuestion();
        await run.Browser.AssertSignedInAsync(run.Client);
        (await run.Browser.ConfirmAsync(question)).ExpectSignedOutPage();
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Fact, Check("oidcc-rp-initiated-logout-no-post-logout-redirect-uri"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task Oidcc_rp_initiated_logout_no_post_logout_redirect_uri()
    {
        using var run = await RunAsync();
        (await run.LogoutAsync(returnTo: null)).ExpectSignedOutPage();
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    [Fact, Check("oidcc-backchannel-rp-initiated-logout"), Spec("OIDC Back-Channel Logout", "2.4"), Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task Oidcc_backchannel_rp_initiated_logout()
    {
        using var run = await RunAsync();
        var stop = await run.LogoutAsync();
        Assert.Equal($"{run.Bye}?state={LogoutPages.LongState}", stop.Url.ToString());

        var call = Assert.Single(await server.Receiver.WaitAsync(run.Client.Client.Id));
        Assert.Equal("POST", call.Method);
        Assert.Equal("application/x-www-form-urlencoded", call.ContentType);
        Assert.Equal(["logout_token"], call.Fields.Keys);

        var claims = await Jwt.VerifyAsync(call.Token, server.Issuer, run.Client.Client.Id, "logout+jwt");
        var idToken = Jwt.Claims(run.IdToken);
        Assert.Equal(idToken.GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());
        Assert.Equal(idToken.GetProperty("sid").GetString(), claims.GetProperty("sid").GetString());
        Assert.NotEmpty(claims.GetProperty("jti").GetString()!);
        Assert.False(claims.TryGetProperty("nonce", out _));
        var entry = Assert.Single(claims.GetProperty("events").EnumerateObject());
        Assert.Equal("http://schemas.openid.net/event/backchannel-logout", entry.Name);
        Assert.Equal("{}", entry.Value.GetRawText());
        await run.Browser.AssertSignedOutAsync(run.Client);
    }

    /// <summary>The flow that all modules begin with: somebody signs in.</summary>
    private async Task<Run> RunAsync()
    {
        var (client, browser) = (server.Client(App), server.Browser());
        var tokens = await client.SignInAsync(browser, "openid");
        Assert.Equal(HttpStatusCode.OK, tokens.Answer.Status);
        return new Run(server.Issuer, client, browser, tokens.IdToken!);
    }

    // A new one for each test.
    private TestClient App { get; } = server.NewApp().Client;

    private sealed record Run(string Issuer, OAuthClient Client, PageWalker Browser, string IdToken) : IDisposable
    {
        /// <summary>The registered address.</summary>
        public string Bye => $"https://{Client.Client.Id}.example.com/bye";

        public Task<Stop> LogoutAsync(string? hint = Own, string? returnTo = Own, string? state = Own) => Browser.LogoutAsync(
            Issuer,
            ("id_token_hint", hint == Own ? IdToken : hint),
            ("post_logout_redirect_uri", returnTo == Own ? Bye : returnTo),
            ("state", state == Own ? LogoutPages.LongState : state));

        public void Dispose()
        {
            Client.Dispose();
            Browser.Dispose();
        }

        private const string Own = "\0";
    }
}
