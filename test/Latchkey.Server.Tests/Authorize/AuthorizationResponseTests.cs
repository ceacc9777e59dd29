using System.Net;
using System.Text.RegularExpressions;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>What goes back to the client, whichever way the answer travels.</summary>
[Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "4.1.2")]
public sealed class AuthorizationResponseTests(AuthorizeServer server)
{
    /// <summary>Values of <c>state</c> that are easily lost on the way.</summary>
    public static TheoryData<string> States => new(
        "abc",
        "a b",
        "a+b",
        "a%20b",
        "%",
        "a&b=c",
        "iss=https://evil.example&code=theirs",
        "a#b",
        "a;b,c",
        "\"><script>alert(1)</script>",
        "'><img src=x onerror=alert(1)>",
        "&quot;&amp;&lt;",
        "\\",
        "zażółć gęślą jaźń",
        "日本語🔑",
        "{\"a\":[1,2]}",
        " leading and trailing ",
        new string('s', 128),
        new string('é', 2000));

    [Theory, MemberData(nameof(States)), Check("A25")]
    [Spec("RFC 6749", "10.14"), Spec("OAuth 2.1", "7.12"), Spec("OIDC Core", "3.1.2.5"), Spec("OIDC Core", "3.1.2.6"), Spec("Form Post Response Mode", "2")]
    public async Task State_comes_back_as_it_was_sent(string state)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Alice();
        foreach (var mode in (string[])["query", "form_post"])
        {
            foreach (var (wrong, error) in ((string, string?)[])[("x", null), ("response_type", "invalid_request"), ("code_challenge", "invalid_request")])
            {
                var request = web.Request("openid", [("state", state), ("response_mode", mode), (wrong, null)]);
                var stop = await alice.GetAsync(request.Url);
                if (error is null) stop.ExpectCode(request);
                else stop.ExpectError(request, error);
                Assert.DoesNotContain("<script>alert", stop.Text, StringComparison.Ordinal);
                Assert.DoesNotContain("<img", stop.Text, StringComparison.Ordinal);
            }
        }
    }

    /// <summary>One request for each error that is sent to a client.</summary>
    public static TheoryData<string, string> Errors => new()
    {
        { "response_type=token", "unsupported_response_type" },
        { "!code_challenge", "invalid_request" },
        { "scope=nosuch", "invalid_scope" },
        { "resource=https://nosuch.example.com", "invalid_target" },
        { "request=x", "request_not_supported" },
        { "prompt=none&scope=openid api:write", "consent_required" },
        { "prompt=none&id_token_hint=x", "invalid_request" },
        { "max_age=x", "invalid_request" },
        { "claims=x", "invalid_request" },
        { "prompt=none&max_age=0", "login_required" },
        { """claims={"id_token":{"acr":{"essential":true,"value":"9"}}}""", "unmet_authentication_requirements" },
    };

    [Theory, MemberData(nameof(Errors)), Check("A25"), Spec("RFC 9207", "2"), Spec("RFC 6749", "4.1.2.1")]
    [Spec("Multiple Response Types", "2.2"), Spec("Form Post Response Mode", "2")]
    public async Task Every_error_says_who_sends_it(string changes, string error)
    {
        (await server.AskAsync(DeclaredStates.Web, changes)).ExpectError(error);
        (await server.AskAsync(DeclaredStates.Web, changes + "&!state")).ExpectError(error);
        (await server.AskAsync(DeclaredStates.Web, changes + "&response_mode=form_post")).ExpectError(error);
    }

    [Fact, Check("A25"), Spec("RFC 9207", "2"), Spec("RFC 9207", "2.3")]
    public async Task The_issuer_is_that_of_the_metadata()
    {
        using var web = server.Client(DeclaredStates.Web);
        var metadata = await web.GetAsync("/.well-known/oauth-authorization-server");
        var asked = await server.AskAsync(DeclaredStates.Web);
        asked.ExpectCode();
        Assert.Equal(metadata["issuer"], asked.Stop.Answer.Issuer);
        Assert.Equal("true", metadata["authorization_response_iss_parameter_supported"]);
        Assert.Single(Regex.Matches(asked.Stop.Url.Query, "[?&]iss="));
    }

    [Theory, Spec("RFC 6749", "4.1.2.1")]
    [InlineData("response_type=\"\\é\u0001")]
    [InlineData("scope=\"\\é")]
    [InlineData("prompt=\"\\é")]
    [InlineData("resource=\"\\é")]
    [InlineData("claims=\"\\é")]
    [InlineData("code_challenge_method=\"\\é")]
    public async Task Descriptions_repeat_nothing_that_they_can_not_hold(string changes)
    {
        var (stop, _) = await server.AskAsync(DeclaredStates.Web, changes);
        if (changes.Contains('\u0001', StringComparison.Ordinal)) stop.ExpectErrorPage();
        else Assert.Matches(@"^[\x20-\x21\x23-\x5B\x5D-\x7E]+$", stop.Answer.ErrorDescription);
    }

    [Fact, Spec("RFC 6749", "5.1"), Spec("OAuth 2.1", "3.2.3"), Check("A27")]
    public async Task A_redirect_with_a_code_is_not_kept_and_tells_no_referrer()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var http = server.Process.CreateHttpClient();
        using var alice = server.Alice();
        using var message = new HttpRequestMessage(HttpMethod.Get, web.Request().Url);
        message.Headers.Add("Cookie", string.Join("; ", alice.Cookies.Select(cookie => $"{cookie.Key}={cookie.Value}")));
        using var response = await http.SendAsync(message);
        Assert.Equal(HttpStatusCode.Found, response.StatusCode);
        Assert.True(response.Headers.CacheControl?.NoStore);
        Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("", await response.Content.ReadAsStringAsync());
    }

    [Fact, Spec("Form Post Response Mode", "2"), Check("A27")]
    public async Task A_form_post_page_posts_by_one_known_script_and_is_not_kept()
    {
        var asked = await server.AskAsync(DeclaredStates.Post, "response_mode=form_post&prompt=none");
        var page = (await server.AskAsync(DeclaredStates.Web, "response_mode=form_post")).Stop;
        asked.ExpectError("consent_required");
        Assert.Equal(HttpStatusCode.OK, page.Status);
        Assert.Equal("post", page.Form!.Method);
        Assert.All(page.Form.QuerySelectorAll("input"), input => Assert.Equal("hidden", input.GetAttribute("type")));
        Assert.NotNull(page.Form.QuerySelector("button[type=submit]"));
        Assert.True(page.Response!.Headers.CacheControl?.NoStore);
        Assert.Contains("no-cache", page.Response.Headers.Pragma.ToString(), StringComparison.Ordinal);

        var script = Assert.Single(page.Document!.QuerySelectorAll("script"));
        var policy = Assert.Single(page.Response.Headers.GetValues("Content-Security-Policy"));
        var hash = Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(script.TextContent)));
        Assert.Contains($"script-src 'sha256-{hash}'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("form-action http://127.0.0.1:3000;", policy, StringComparison.Ordinal);
    }
}
