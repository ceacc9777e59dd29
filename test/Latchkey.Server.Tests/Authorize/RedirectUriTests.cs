namespace Latchkey.Server.Tests.Authorize;

/// <summary>Where answers may go: to what is registered, character by character, and nowhere else.</summary>
[Spec("OAuth 2.1", "2.3.1"), Spec("RFC 9700", "4.1.3")]
public sealed class RedirectUriTests(AuthorizeServer server)
{
    /// <summary>What attackers and typing errors make of <c>http://127.0.0.1:3000/callback</c> and <c>https://post.example.com/callback</c>.</summary>
    public static TheoryData<string> Foreign => new(
        "https://evil.example/callback",
        "https://post.example.com/callback/",
        "https://post.example.com/callbackx",
        "https://post.example.com/callbac",
        "https://post.example.com/callback/extra",
        "https://post.example.com/callback/../evil",
        "https://post.example.com/./callback",
        "https://post.example.com/x/../callback",
        "https://post.example.com/callback%2f..",
        "https://post.example.com/%63allback",
        "https://post.example.com/callback%00",
        "https://post.example.com/callback%0d%0aSet-Cookie:a=b",
        "https://post.example.com//callback",
        "https://post.example.com\\callback",
        "https://post.example.com/callback#fragment",
        "https://post.example.com/callback#",
        "https://post.example.com/callback?extra=1",
        "https://post.example.com/callback?",
        "https://post.example.com/callback;x",
        "https://post.example.com/CALLBACK",
        "HTTPS://post.example.com/callback",
        "https://POST.example.com/callback",
        "https://post.example.com:443/callback",
        "https://post.example.com:8443/callback",
        "http://post.example.com/callback",
        "https://user@post.example.com/callback",
        "https://post.example.com@evil.example/callback",
        "https://evil.example\\@post.example.com/callback",
        "https://sub.post.example.com/callback",
        "https://post.example.com.evil.example/callback",
        "https://evilpost.example.com/callback",
        "https://post.example.com./callback",
        "//post.example.com/callback",
        "/callback",
        "callback",
        "post.example.com/callback",
        " https://post.example.com/callback",
        "https://post.example.com/callback ",
        "https://post.example.com/call back",
        "https://pöst.example.com/callback",
        "javascript:alert(1)",
        "data:text/html,hello",
        "urn:ietf:wg:oauth:2.0:oob",
        "*");

    [Theory, MemberData(nameof(Foreign)), Check("A17")]
    [Spec("RFC 6749", "3.1.2.3"), Spec("RFC 6749", "3.1.2.4"), Spec("RFC 6749", "10.15"), Spec("OIDC Core", "3.1.2.1"), Spec("OIDC Core", "3.1.2.6"), Spec("OAuth 2.1", "2.3.5")]
    public async Task Another_redirect_uri_is_a_page_and_never_a_redirect(string uri)
    {
        using var post = server.Client(DeclaredStates.Post);
        using var alice = server.Alice();
        // Each time something else is wrong besides: an error that is redirected for one reason must not be for another.
        foreach (var wrong in ((string, string?)[])[("x", "y"), ("prompt", "none"), ("response_type", null), ("scope", "nosuch"), ("response_mode", "form_post")])
            (await alice.GetAsync(post.Request("openid", [("redirect_uri", uri), wrong]).Url)).ExpectErrorPage();
        var posted = post.Request("openid", ("redirect_uri", uri));
        (await alice.PostAsync(posted.Endpoint, posted.Parameters)).ExpectErrorPage();
    }

    [Theory, Check("A17"), Spec("RFC 6749", "3.1.2.3")]
    [InlineData("https://web.example/callback")]
    [InlineData("http://127.0.0.1:3001/callback")]
    [InlineData("http://127.0.0.1/callback")]
    [InlineData("http://localhost:3000/callback")]
    [InlineData("http://[::1]:3000/callback")]
    public async Task A_confidential_web_client_has_its_loopback_port_and_no_other(string uri) =>
        (await server.AskAsync(DeclaredStates.Web, "redirect_uri=" + uri)).Stop.ExpectErrorPage();

    [Theory, Check("M3"), Check("A18"), Spec("RFC 8252", "7.3"), Spec("RFC 8252", "7.1"), Spec("OAuth 2.1", "8.4.2"), Spec("RFC 8252", "8.3")]
    [InlineData("http://127.0.0.1/callback")]
    [InlineData("http://127.0.0.1:1/callback")]
    [InlineData("http://127.0.0.1:999/callback")]
    [InlineData("http://[::1]:999/callback")]
    [InlineData("http://localhost:999/callback")]
    [InlineData("com.example.app:/callback")]
    public async Task A_native_app_listens_on_any_loopback_port_or_claims_a_scheme(string uri)
    {
        using var native = server.Client(DeclaredStates.Native);
        using var alice = server.Alice();
        var request = native.Request("openid", ("redirect_uri", uri));
        var code = (await alice.AuthorizeAsync(request.Url)).ExpectCode(request);
        (await native.RedeemAsync(request, code)).Expect(System.Net.HttpStatusCode.OK);
    }

    [Theory, Check("A18"), Spec("RFC 8252", "7.3"), Spec("RFC 8252", "8.4"), Spec("RFC 8252", "8.3")]
    [InlineData("http://127.0.0.1:999/callback/")]
    [InlineData("http://127.0.0.1:999/other")]
    [InlineData("http://127.0.0.1:999/callback?x=1")]
    [InlineData("http://127.0.0.1:999/callback#x")]
    [InlineData("http://127.0.0.1:999/Callback")]
    [InlineData("https://127.0.0.1:999/callback")]
    [InlineData("http://127.0.0.1:/callback")]
    [InlineData("http://127.0.0.1:65536/callback")]
    [InlineData("http://127.0.0.1:9x/callback")]
    [InlineData("http://127.0.0.1:-1/callback")]
    [InlineData("http://127.0.0.1:999999/callback")]
    [InlineData("http://127.0.0.1.evil.example:999/callback")]
    [InlineData("http://127.0.0.1:999@evil.example/callback")]
    [InlineData("http://evil.example@127.0.0.1:999/callback")]
    [InlineData("http://127.0.0.2:999/callback")]
    [InlineData("http://127.1:999/callback")]
    [InlineData("http://2130706433:999/callback")]
    [InlineData("http://[::ffff:127.0.0.1]:999/callback")]
    [InlineData("http://[0:0:0:0:0:0:0:1]:999/callback")]
    [InlineData("http://localhost.evil.example:999/callback")]
    [InlineData("http://LOCALHOST:999/callback")]
    [InlineData("http://0.0.0.0:999/callback")]
    [InlineData("com.example.app:/other")]
    [InlineData("com.example.app://callback")]
    [InlineData("com.example.application:/callback")]
    [InlineData("COM.example.app:/callback")]
    public async Task All_but_the_loopback_port_stays_exact_for_a_native_app(string uri) =>
        (await server.AskAsync(DeclaredStates.Native, "redirect_uri=" + uri)).Stop.ExpectErrorPage();

    [Theory, Spec("RFC 6749", "3.1.2.3"), Spec("OIDC Core", "3.1.2.1")]
    [InlineData("openid profile", "!redirect_uri", false)]
    [InlineData("openid", "redirect_uri=", false)]
    [InlineData("api:read", "!redirect_uri", true)]
    [InlineData("api:read", "redirect_uri=", true)]
    public async Task One_registered_redirect_uri_may_be_left_out_where_the_request_is_not_openids(string scope, string changes, bool taken)
    {
        var asked = await server.AskAsync(DeclaredStates.Web, changes, scope);
        if (!taken)
        {
            asked.Stop.ExpectErrorPage();
            return;
        }

        Assert.StartsWith(DeclaredStates.Web.RedirectUri + "?code=", asked.Stop.Url.OriginalString, StringComparison.Ordinal);
        using var web = server.Client(DeclaredStates.Web);
        (await web.RedeemAsync(asked.Request, asked.Stop.Answer.Code!, ("redirect_uri", null))).Expect(System.Net.HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "3.1.2.3")]
    public async Task One_of_several_must_be_named() =>
        (await server.AskAsync(AuthorizeServer.Two, "!redirect_uri", "api:read")).Stop.ExpectErrorPage();

    [Fact, Spec("RFC 6749", "3.1.2"), Spec("RFC 6749", "4.1.2")]
    public async Task The_query_of_a_redirect_uri_is_kept()
    {
        var asked = await server.AskAsync(AuthorizeServer.Two, "redirect_uri=https://two.example.com/b?x=1&prompt=none&scope=api:write");
        asked.ExpectError("consent_required");
        Assert.StartsWith("https://two.example.com/b?x=1&error=", asked.Stop.Url.OriginalString, StringComparison.Ordinal);
    }

    [Theory, Spec("RFC 6749", "3.1.2.4")]
    [InlineData("redirect_uri")]
    [InlineData("client_id")]
    public async Task Who_asks_and_where_the_answer_goes_is_said_once(string name)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Alice();
        var request = web.Request("openid");
        (await alice.GetAsync($"{request.Url}&{name}={Uri.EscapeDataString(request[name]!)}")).ExpectErrorPage();
    }

    [Theory, Spec("RFC 6749", "4.1.2.1"), Spec("RFC 6749", "3.1.2.4")]
    [InlineData("!client_id")]
    [InlineData("client_id=")]
    [InlineData("client_id=nope")]
    [InlineData("client_id=WEB")]
    [InlineData("client_id=web ")]
    [InlineData("client_id=https://web.example")]
    [InlineData("client_id=urn:web.example:metadata.json")]
    public async Task An_unknown_client_is_a_page(string changes)
    {
        var page = (await server.AskAsync(DeclaredStates.Web, changes)).Stop.ExpectErrorPage();
        Assert.Contains("client_id", page.Document!.QuerySelector("details")!.TextContent, StringComparison.Ordinal);
        // RFC 6749 section 3.1.2.4: the person is told too, in words that are not the protocol's.
        Assert.DoesNotContain("client_id", page.Document.QuerySelector("main .lede")!.TextContent, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 6749", "3.1.2.2")]
    public async Task A_client_without_a_redirect_uri_is_a_page() =>
        (await server.AskAsync(DeclaredStates.Device, "redirect_uri=https://device.example.com/cb")).Stop.ExpectErrorPage();
}
