using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Testing;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Tests.Bff;

/// <summary>The backend of a single-page app (RFC 10017 section 6.1).</summary>
public sealed class BffTests(SharedAuthority shared)
{
    private readonly TestAuthority _authority = shared.Authority;

    [Fact, Spec("RFC 10017", "6.1.2")]
    public async Task The_page_learns_who_is_signed_in_and_nothing_else()
    {
        await using var app = await BffApp.StartAsync(_authority);
        using (var nobody = await app.CallAsync(null, "/bff/user")) Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
        var alice = await app.SignInAsync(_authority);
        using var answer = await app.CallAsync(alice, "/bff/user");
        var user = JsonElement.Parse(await answer.TextAsync());
        Assert.Equal(Ready.Alice.Subject, user.GetProperty("sub").GetString());
        Assert.Equal(JsonValueKind.Number, user.GetProperty("auth_time").ValueKind);
        Assert.DoesNotContain("eyJ", user.GetRawText());
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Fact, Spec("OIDC Core", "2")]
    public async Task A_list_stays_a_list_however_many_values_it_has()
    {
        await using var authority = await TestAuthority.StartAsync();
        JsonArray Texts(params string[] values) => [.. values.Select(value => (JsonNode)value)];
        authority.Rogue.IdToken(token => token.Claim("amr", Texts("pwd")).Claim("roles", Texts("reader", "writer")).Claim("groups", Texts())
            .Claim("numbers", new JsonArray(7)).Claim("address", new JsonObject { ["country"] = "DE" }));
        await using var app = await BffApp.StartAsync(authority);
        using var answer = await app.CallAsync(await app.SignInAsync(authority), "/bff/user");
        var user = JsonElement.Parse(await answer.TextAsync());
        foreach (var (name, json) in new[] { ("amr", "[\"pwd\"]"), ("roles", "[\"reader\",\"writer\"]"), ("groups", "[]"), ("numbers", "[7]"), ("address", "{\"country\":\"DE\"}") })
            Assert.Equal(json, user.GetProperty(name).GetRawText());
        Assert.Equal(JsonValueKind.String, user.GetProperty("sub").ValueKind);
    }

    [Theory, Check("C27"), Spec("RFC 10017", "6.1.3.3")]
    [InlineData("/bff/user"), InlineData("/api/things")]
    public async Task A_call_needs_the_header_that_other_sites_cannot_send(string path)
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        using (var without = await app.SendAsync(HttpMethod.Get, path, null, alice.CookieHeader("127.0.0.1")))
        {
            Assert.Equal(HttpStatusCode.Forbidden, without.StatusCode);
            Assert.Contains("LK-BFF-HEADER", await without.TextAsync());
        }

        foreach (var (name, value) in new[] { ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Site", "none"), ("Origin", "https://evil.example"), ("Origin", "null") })
        {
            using var elsewhere = await app.CallAsync(alice, path, (name, value));
            Assert.Equal(HttpStatusCode.Forbidden, elsewhere.StatusCode);
            Assert.Contains("LK-BFF-CROSS-SITE", await elsewhere.TextAsync());
        }

        using var own = await app.CallAsync(alice, path, ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        Assert.Equal(path.StartsWith("/api", StringComparison.Ordinal) ? 1 : 0, app.Calls.Count);
    }

    [Fact, Check("C27"), Spec("RFC 10017", "6.1.3.6")]
    public async Task The_api_gets_the_persons_token_and_nothing_of_the_browsers()
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        using var answer = await app.CallAsync(
            alice, "/api/things?page=2&q=a%2Fb", ("Authorization", "Bearer forged"), ("DPoP", "forged"), ("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example"),
            ("Referer", $"http://localhost:{new Uri(app.Address).Port}/page"), ("X-Anything", "1"), ("Accept-Language", "de"), ("Host", "localhost:" + new Uri(app.Address).Port));
        Assert.Equal("{\"ok\":true}", await answer.TextAsync());
        var call = Assert.Single(app.Calls);
        Assert.Equal("/v1/things?page=2&q=a%2Fb", call.Target);
        Assert.StartsWith("Bearer eyJ", call.Headers.Authorization.ToString());
        Assert.Equal("de", call.Headers.AcceptLanguage.ToString());
        Assert.StartsWith("127.0.0.1:", call.Headers.Host.ToString());
        foreach (var name in new[] { "Cookie", "DPoP", "X-Forwarded-Host", "X-Forwarded-For", "Forwarded", "Referer", "X-Anything", "X-CSRF" }) Assert.False(call.Headers.ContainsKey(name), name);
    }

    [Fact]
    public async Task A_body_passes_in_both_directions()
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        app.Answer = async context =>
        {
            context.Response.StatusCode = 201;
            await context.Response.WriteAsync("{\"made\":1}");
        };
        using var answer = await app.SendAsync(
            HttpMethod.Post, "/api/things", new StringContent("{\"name\":\"x\"}", Encoding.UTF8, "application/json"), alice.CookieHeader("127.0.0.1"), ("X-CSRF", "1"));
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal("{\"made\":1}", await answer.TextAsync());
        Assert.Equal(("POST", "{\"name\":\"x\"}"), (app.Calls.Single().Method, app.Calls.Single().Body));
        Assert.StartsWith("application/json", app.Calls.Single().Headers.ContentType.ToString());
    }

    [Fact, Check("C27")]
    public async Task The_browser_gets_no_cookie_and_no_page_from_the_api()
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        app.Answer = context =>
        {
            var headers = context.Response.Headers;
            headers.Append("Set-Cookie", "latchkey-bff=x");
            headers.Append("Clear-Site-Data", "\"*\"");
            headers.Append("Access-Control-Allow-Origin", "*");
            headers.Append("Location", "https://evil.example");
            headers.Append("WWW-Authenticate", "Bearer");
            headers.Append("ETag", "\"1\"");
            headers.ContentType = "text/html";
            return context.Response.WriteAsync("<script>alert(1)</script>");
        };
        using var answer = await app.CallAsync(alice, "/api/page");
        foreach (var name in new[] { "Set-Cookie", "Clear-Site-Data", "Access-Control-Allow-Origin", "Location", "WWW-Authenticate" }) Assert.False(answer.Headers.Contains(name), name);
        Assert.Equal("\"1\"", answer.Headers.ETag!.Tag);
        Assert.Contains("sandbox", answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.True(answer.Headers.CacheControl!.NoStore);
    }

    [Theory, Spec("RFC 9111", "3.5")]
    [InlineData("max-age=60", "max-age=60, private"), InlineData("public, max-age=60, s-maxage=600", "max-age=60, private"), InlineData("no-store", "no-store, private")]
    [InlineData("private=\"a, b\"", "private=\"a, b\", private"), InlineData("", "no-store")]
    public async Task What_the_api_lets_be_kept_is_for_this_browser_alone(string said, string passed)
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        app.Answer = context =>
        {
            if (said.Length > 0) context.Response.Headers.CacheControl = said;
            context.Response.Headers.Vary = "Accept";
            return context.Response.WriteAsync("{}");
        };
        using var answer = await app.CallAsync(alice, "/api/things");
        Assert.Equal(passed, string.Join(", ", answer.Headers.NonValidated["Cache-Control"]));
        Assert.Equal(["Accept", "Cookie"], answer.Headers.Vary);
    }

    [Theory, Check("C27"), Spec("RFC 10017", "6.1.3.6")]
    [InlineData("/api/../admin"), InlineData("/api/..%2fadmin"), InlineData("/api/%2e%2e/admin"), InlineData("/api/%2E%2E%2Fadmin"), InlineData("/api/x/..%5c..%5cadmin"), InlineData("/api/..\\admin")]
    [InlineData("/api/..;/admin"), InlineData("/api/..;x=1/admin"), InlineData("/api/..%3b/admin"), InlineData("/api/x/..%3Bx=1/admin"), InlineData("/api/.%3b/admin"), InlineData("/api//admin"), InlineData("/api//evil.example/x"), InlineData("/api/%2f%2fevil.example"), InlineData("/api/%252e%252e/admin")]
    [InlineData("/api/%00"), InlineData("/api/a%0d%0aHost:evil"), InlineData("/api/./x"), InlineData("/api/x/%2e/y"), InlineData("/api/http:%2f%2fevil.example")]
    [InlineData("/API/../../x"), InlineData("/api@evil.example/"), InlineData("/apix/y"), InlineData("/api/%zz")]
    public async Task No_path_leads_around_the_list(string path)
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        using var answer = await app.CallAsync(alice, path);
        Assert.True(answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest, $"{path} -> {answer.StatusCode}");
        Assert.Empty(app.Calls);
    }

    [Fact, Check("C27")]
    public async Task An_absolute_address_leads_nowhere_else()
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        var (name, cookies) = alice.CookieHeader("127.0.0.1");
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(app.Address).Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET http://evil.example/api/things HTTP/1.1\r\nHost: evil.example\r\nX-CSRF: 1\r\n{name}: {cookies}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync();
        Assert.Matches("^HTTP/1.1 (400|401|403|404)", answer);
        Assert.Empty(app.Calls);
    }

    [Theory]
    [InlineData("/api/orders", true), InlineData("/api/orders/7", true), InlineData("/api/ordersx", false), InlineData("/api/admin", false), InlineData("/api", false), InlineData("/api/Orders", false)]
    public async Task Only_the_paths_that_are_listed_pass(string path, bool passes)
    {
        await using var app = await BffApp.StartAsync(_authority, api => api.Paths.Add("/orders"));
        var alice = await app.SignInAsync(_authority);
        using var answer = await app.CallAsync(alice, path);
        Assert.Equal(passes ? HttpStatusCode.OK : HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal(passes, !(await answer.Content.ReadAsStringAsync()).Contains("LK-BFF-PATH-UNLISTED: The path is not among", StringComparison.Ordinal));
        Assert.Equal(passes ? 1 : 0, app.Calls.Count);
    }

    [Theory, InlineData("TRACE"), InlineData("OPTIONS"), InlineData("PROPFIND")]
    public async Task Only_the_methods_that_are_listed_pass(string method)
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        using var answer = await app.SendAsync(new HttpMethod(method), "/api/things", null, alice.CookieHeader("127.0.0.1"), ("X-CSRF", "1"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Empty(app.Calls);
    }

    [Fact, Check("C19")]
    public async Task A_token_that_the_api_refuses_is_renewed_once()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await BffApp.StartAsync(authority);
        var alice = await app.SignInAsync(authority);
        app.Answer = context =>
        {
            context.Response.StatusCode = app.Calls.Count == 1 ? 401 : 200;
            return Task.CompletedTask;
        };
        using var answer = await app.CallAsync(alice, "/api/things");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(2, app.Calls.Select(call => call.Headers.Authorization.ToString()).Distinct().Count());
        Assert.Single(authority.Requests.Grants("refresh_token"));
    }

    [Fact, Check("C20")]
    public async Task Without_a_session_or_a_grant_the_page_is_told_to_sign_in_again()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = await BffApp.StartAsync(authority);
        using (var nobody = await app.CallAsync(null, "/api/things")) Assert.Equal(HttpStatusCode.Unauthorized, nobody.StatusCode);
        var alice = await app.SignInAsync(authority);
        await authority.RevokeEverythingAsync();
        authority.Advance(TimeSpan.FromMinutes(59));
        using var over = await app.CallAsync(alice, "/api/things");
        Assert.Equal(HttpStatusCode.Unauthorized, over.StatusCode);
        Assert.Contains("login_required", await over.TextAsync());
        Assert.Empty(app.Calls);
    }

    [Fact]
    public async Task A_script_is_told_where_to_go_and_a_form_goes_there()
    {
        await using var app = await BffApp.StartAsync(_authority);
        var alice = await app.SignInAsync(_authority);
        using (var elsewhere = await app.SendAsync(HttpMethod.Post, "/bff/logout", null, alice.CookieHeader("127.0.0.1"), ("Sec-Fetch-Site", "cross-site")))
            Assert.Contains("Do you want to sign out?", await elsewhere.TextAsync());
        using var answer = await app.SendAsync(HttpMethod.Post, "/bff/logout", null, alice.CookieHeader("127.0.0.1"), ("X-CSRF", "1"), ("Sec-Fetch-Site", "same-origin"));
        Assert.StartsWith(_authority.Issuer + "/logout", JsonElement.Parse(await answer.TextAsync()).GetProperty("location").GetString());
        using var after = await app.CallAsync(alice, "/bff/user");
        Assert.Equal(HttpStatusCode.Unauthorized, after.StatusCode);

        alice = await app.SignInAsync(_authority);
        using var form = await app.SendAsync(HttpMethod.Post, "/bff/logout", null, alice.CookieHeader("127.0.0.1"), ("Sec-Fetch-Site", "same-origin"));
        Assert.Equal(HttpStatusCode.SeeOther, form.StatusCode);
    }

    [Theory]
    [InlineData("http://api.example.com"), InlineData("ftp://api.example.com"), InlineData("/relative"), InlineData("https://user@api.example.com"), InlineData("https://api.example.com/?x=1")]
    public void An_api_has_an_https_address(string address) =>
        Assert.Throws<ArgumentException>(() => new AspNetCore.Bff.BffOptions().MapApi("/api", address));
}
