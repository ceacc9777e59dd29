using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>Requests as they come in, right and wrong: what is taken, what is passed over, what is refused and how.</summary>
[Spec("RFC 6749", "3.1"), Spec("RFC 6749", "4.1.1"), Spec("OAuth 2.1", "4.1.1")]
public sealed class AuthorizationRequestTests(AuthorizeServer server)
{
    [Theory, Spec("RFC 6749", "3.1.1"), Spec("RFC 6749", "4.1.2.1"), Spec("Multiple Response Types", "5"), Check("A34")]
    [InlineData("!response_type", "invalid_request")]
    [InlineData("response_type=", "invalid_request")]
    [InlineData("response_type=token", "unsupported_response_type")]
    [InlineData("response_type=id_token", "unsupported_response_type")]
    [InlineData("response_type=id_token token", "unsupported_response_type")]
    [InlineData("response_type=code id_token", "unsupported_response_type")]
    [InlineData("response_type=code token", "unsupported_response_type")]
    [InlineData("response_type=none", "unsupported_response_type")]
    [InlineData("response_type=Code", "unsupported_response_type")]
    [InlineData("response_type=code code", "unsupported_response_type")]
    [InlineData("response_mode=fragment", "invalid_request")]
    [InlineData("response_mode=fragment.jwt", "invalid_request")]
    [InlineData("response_mode=FORM_POST", "invalid_request")]
    public async Task Answers_are_codes_by_query_or_form(string changes, string error) => (await server.AskAsync(DeclaredStates.Web, changes)).ExpectError(error);

    [Fact, Spec("Multiple Response Types", "2.1")]
    public async Task The_default_response_mode_may_be_named() => (await server.AskAsync(DeclaredStates.Web, "response_mode=query")).ExpectCode();

    [Fact, Spec("RFC 6749", "4.1.2.1")]
    public async Task A_client_without_the_grant_is_unauthorized() =>
        (await server.AskAsync(AuthorizeServer.NotForCode)).ExpectError("unauthorized_client");

    [Theory, Spec("OIDC Core", "6.1"), Spec("OIDC Core", "6.2"), Spec("OIDC Core", "3.1.2.6"), Spec("OIDC Core", "7.2.1"), Check("A48")]
    [InlineData("request=x", "request_not_supported")]
    [InlineData("request_uri=https://web.example/r", "request_uri_not_supported")]
    [InlineData("request_uri=http://127.0.0.1:1/r", "request_uri_not_supported")]
    [InlineData("registration={}", "registration_not_supported")]
    public async Task What_is_not_supported_is_refused_by_its_own_code(string changes, string error) =>
        (await server.AskAsync(DeclaredStates.Web, changes)).ExpectError(error);

    [Theory, Spec("RFC 6749", "3.1"), Spec("OAuth 2.1", "3.1"), Spec("OIDC Core", "3.1.2.2"), Check("A29")]
    [InlineData("scope")]
    [InlineData("response_type")]
    [InlineData("state")]
    [InlineData("nonce")]
    [InlineData("code_challenge")]
    [InlineData("code_challenge_method")]
    [InlineData("unknown")]
    public async Task A_parameter_that_is_sent_twice_is_refused(string name)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var alice = server.Alice();
        var request = web.Request("openid", ("unknown", "1"));
        var stop = await alice.GetAsync($"{request.Url}&{name}={Uri.EscapeDataString(request[name]!)}");
        Assert.Contains(name, stop.ExpectError(request, "invalid_request"), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 6749", "3.1"), Check("A29")]
    public async Task A_parameter_without_value_counts_as_not_sent()
    {
        var changes = "state=&nonce=&prompt=&max_age=&request=&request_uri=&registration=&claims=&id_token_hint=&resource=&response_mode=&unknown=";
        var asked = await server.AskAsync(DeclaredStates.Web, changes);
        asked.ExpectCode();
        Assert.Null(asked.Stop.Answer.State);
        (await server.AskAsync(DeclaredStates.Web, "scope=")).ExpectError("invalid_scope");
    }

    [Theory, Spec("RFC 6749", "3.1"), Check("A29")]
    [InlineData("unknown=value")]
    [InlineData("dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")]
    [InlineData("__token=x")]
    [InlineData("username=alice")]
    [InlineData("error=access_denied")]
    [InlineData("iss=https://evil.example")]
    public async Task Unknown_parameters_are_ignored(string changes) => (await server.AskAsync(DeclaredStates.Web, changes)).ExpectCode();

    [Theory, Spec("RFC 6749", "3.3"), Spec("RFC 6749", "4.1.2.1")]
    [InlineData("!scope")]
    [InlineData("scope=nosuch")]
    [InlineData("scope=OPENID")]
    [InlineData("scope=openid\"profile")]
    [InlineData("scope=openid\\profile")]
    [InlineData("scope=öpenid")]
    [InlineData("scope=   ")]
    public async Task A_scope_that_leaves_nothing_is_invalid(string changes) => (await server.AskAsync(DeclaredStates.Web, changes)).ExpectError("invalid_scope");

    [Theory, Spec("RFC 6749", "3.3"), Spec("OIDC Core", "3.1.2.1"), Spec("OAuth 2.1", "1.4.1")]
    [InlineData("openid nosuch profile", "openid profile")]
    [InlineData("openid  profile  openid", "openid profile")]
    [InlineData("profile openid", "profile openid")]
    [InlineData("openid OPENID", "openid")]
    public async Task Scopes_that_are_unknown_are_left_out_and_the_client_is_told(string asked, string granted)
    {
        var answer = await RedeemAsync(await server.AskAsync(DeclaredStates.Web, scope: asked), DeclaredStates.Web);
        Assert.Equal(granted.Split(' ').Order(), answer["scope"]!.Split(' ').Order());
    }

    [Fact, Spec("RFC 6749", "3.3")]
    public async Task Scopes_that_are_not_the_clients_are_left_out()
    {
        using var client = server.Client(AuthorizeServer.Narrow);
        using var alice = server.Alice();
        Assert.Equal("openid api:read", (await client.SignInAsync(alice, "openid api:read api:write email")).Scope);
        (await server.AskAsync(AuthorizeServer.Narrow, scope: "api:write")).ExpectError("invalid_scope");
    }

    [Theory, Spec("RFC 6749", "3.3")]
    [InlineData("!scope&max_age=10000")]
    [InlineData("scope=&max_age=10000")]
    public async Task A_default_scope_stands_in_for_none(string changes)
    {
        using var client = server.Client(AuthorizeServer.Modest);
        using var alice = server.Alice();
        Assert.Equal("openid api:read", (await client.SignInAsync(alice, "", AuthorizeServer.Changes(changes))).Scope);
    }

    [Theory, Check("A35"), Spec("RFC 8707", "2"), Spec("RFC 8707", "2.1")]
    [InlineData("https://unknown.example.com")]
    [InlineData("https://api.example.com/other")]
    [InlineData("https://api.example.com#fragment")]
    [InlineData("https://api.example.com/#")]
    [InlineData("api.example.com")]
    [InlineData("/api")]
    [InlineData("http://api.example.com")]
    [InlineData("HTTPS://api.example.com")]
    [InlineData("https://api.example.com//")]
    [InlineData("https://api.example.com/?x")]
    public async Task A_resource_that_is_none_of_ours_is_an_invalid_target(string resource)
    {
        (await server.AskAsync(DeclaredStates.Web, "resource=" + resource, "openid api:read")).ExpectError("invalid_target");
        (await server.AskAsync(DeclaredStates.Web, $"resource={DeclaredStates.Api}&resource={resource}", "openid api:read")).ExpectError("invalid_target");
    }

    [Theory, Check("M1"), Check("A35"), Spec("RFC 8707", "2"), Spec("RFC 8707", "2.2")]
    [InlineData("openid api:read files:read", "", "https://api.example.com https://files.example.com", "openid api:read files:read")]
    [InlineData("openid api:read files:read", "resource=https://api.example.com", "https://api.example.com", "openid api:read")]
    [InlineData("openid api:read files:read", "resource=https://api.example.com/", "https://api.example.com", "openid api:read")]
    [InlineData("openid api:read files:read", "resource=https://files.example.com&resource=https://api.example.com", "https://api.example.com https://files.example.com", "openid api:read files:read")]
    [InlineData("openid api:read", "resource=https://files.example.com/&resource=https://files.example.com", "https://files.example.com", "openid")]
    [InlineData("openid", "resource=https://api.example.com", "https://api.example.com", "openid")]
    public async Task A_resource_narrows_the_audience_and_the_scopes(string scope, string changes, string audience, string granted)
    {
        using var client = server.Client(DeclaredStates.FirstParty);
        var answer = await RedeemAsync(await server.AskAsync(DeclaredStates.FirstParty, changes, scope), DeclaredStates.FirstParty);
        Assert.Equal(granted, answer["scope"]);
        var aud = Jwt.Claims(answer["access_token"]!).GetProperty("aud");
        var named = aud.ValueKind == System.Text.Json.JsonValueKind.Array ? aud.EnumerateArray().Select(value => value.GetString()!) : [aud.GetString()!];
        Assert.Equal(audience.Split(' ').Order(), named.Order());
    }

    [Fact, Check("A35"), Spec("RFC 8707", "2.1")]
    public async Task Scopes_of_other_resources_alone_leave_nothing() =>
        (await server.AskAsync(DeclaredStates.Web, "resource=" + DeclaredStates.Files, "api:read")).ExpectError("invalid_scope");

    [Fact, Check("A35"), Spec("RFC 8707", "2.1")]
    public async Task A_resource_that_the_client_has_no_scope_of_is_an_invalid_target() =>
        (await server.AskAsync(AuthorizeServer.Narrow, "resource=" + DeclaredStates.Files, "openid")).ExpectError("invalid_target");

    [Theory, Spec("OIDC Core", "3.1.2.1"), Spec("RFC 6749", "3.1")]
    [InlineData("%FF")]
    [InlineData("%C3%28")]
    [InlineData("%00")]
    [InlineData("%zz")]
    [InlineData("%")]
    [InlineData("%0D%0ASet-Cookie:a=b")]
    [InlineData("%ED%A0%80")]
    public async Task What_can_not_be_read_is_a_page(string value)
    {
        using var web = server.Client(DeclaredStates.Web);
        var query = new Uri(web.Request("openid", ("state", null)).Url).Query[1..];
        // Sent as a form, because HttpClient mends a query that is wrong.
        using var http = server.Process.CreateHttpClient();
        foreach (var name in (string[])["other", "state"])
        {
            using var content = new StringContent($"{query}&{name}={value}", Encoding.ASCII, "application/x-www-form-urlencoded");
            using var response = await http.PostAsync(new Uri(server.Issuer + "/authorize"), content);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
            Assert.Null(response.Headers.Location);
            Assert.False(response.Headers.Contains("Set-Cookie"));
        }
    }

    [Theory, Spec("OIDC Core", "3.1.2.1"), Spec("OIDC Core", "13.2")]
    [InlineData("application/json", "{}", HttpStatusCode.BadRequest)]
    [InlineData("text/plain", "client_id=web", HttpStatusCode.BadRequest)]
    [InlineData("multipart/form-data; boundary=x", "--x--", HttpStatusCode.BadRequest)]
    [InlineData("application/x-www-form-urlencoded", "", HttpStatusCode.BadRequest)]
    [InlineData("application/x-www-form-urlencoded", null, HttpStatusCode.RequestEntityTooLarge)]
    public async Task A_post_is_a_form_of_bearable_size(string type, string? body, HttpStatusCode status)
    {
        using var http = server.Process.CreateHttpClient();
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body ?? "client_id=web&x=" + new string('x', 70_000)));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using var response = await http.PostAsync(new Uri(server.Issuer + "/authorize"), content);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
        Assert.Null(response.Headers.Location);
    }

    [Fact, Spec("OIDC Core", "3.1.2.1"), Check("A26")]
    public async Task A_post_of_another_site_goes_on_with_our_own_get()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid");
        // The browser keeps a Lax cookie back on a cross-site POST, so it arrives without; the GET it is sent to has it.
        using var alice = server.Alice();
        var cookies = new Dictionary<string, string>(alice.Cookies);
        alice.Cookies.Clear();
        using var http = server.Process.CreateHttpClient();
        using var content = new FormUrlEncodedContent(request.Parameters.Select(parameter => KeyValuePair.Create(parameter.Name, parameter.Value)));
        using var response = await http.PostAsync(new Uri(request.Endpoint), content);
        Assert.Equal(HttpStatusCode.SeeOther, response.StatusCode);
        Assert.StartsWith("/authorize/continue?", response.Headers.Location!.OriginalString, StringComparison.Ordinal);
        foreach (var (name, value) in cookies) alice.Cookies[name] = value;
        (await alice.GetAsync(response.Headers.Location.OriginalString)).ExpectCode(request);
    }

    [Fact, Spec("RFC 6749", "3.1"), Check("A26")]
    public async Task An_error_of_a_post_is_sent_on_by_303()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        var request = web.Request("openid", ("response_type", "token"));
        (await browser.PostAsync(request.Endpoint, request.Parameters)).ExpectError(request, "unsupported_response_type");
        Assert.Equal(HttpStatusCode.SeeOther, Assert.Single(browser.Trail).Status);
    }

    [Fact, Spec("RFC 6749", "3.1")]
    public async Task The_query_of_a_post_is_not_read()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        (await browser.PostAsync(web.Request("openid").Url, [("scope", "openid")])).ExpectErrorPage();
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    public async Task Other_methods_are_refused(string method)
    {
        using var http = server.Process.CreateHttpClient();
        using var message = new HttpRequestMessage(new HttpMethod(method), new Uri(server.Issuer + "/authorize"));
        using var response = await http.SendAsync(message);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(["GET", "HEAD", "POST"], response.Content.Headers.Allow.Order());
    }

    private async Task<Answer> RedeemAsync(Asked asked, TestClient client)
    {
        using var program = server.Client(client);
        return (await program.RedeemAsync(asked.Request, asked.ExpectCode())).Expect(HttpStatusCode.OK);
    }
}
