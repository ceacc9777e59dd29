using System.Net;
using Latchkey.Server.Tests.Authorize;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What keeps pages to themselves, and what a request's own headers must not change.</summary>
public sealed class PageProtectionTests(AuthorizeServer server)
{
    [Theory, Check("A27"), Spec("RFC 9700", "4.16"), Spec("RFC 9700", "4.2.4"), Spec("OAuth 2.1", "7.11"), Spec("RFC 6749", "10.13"), Spec("OIDC Core", "3.1.2.3")]
    [InlineData("login", "form-action 'self' http://127.0.0.1:3000")]
    [InlineData("plain login", "form-action 'self'")]
    [InlineData("consent", "form-action 'self' http://127.0.0.1:3000")]
    [InlineData("choice", "form-action 'self' http://127.0.0.1:3000")]
    [InlineData("error", "form-action 'self'")]
    [InlineData("not found", "form-action 'self'")]
    [InlineData("home", "form-action 'self'")]
    public async Task A_page_is_not_framed_not_kept_and_tells_no_referrer(string page, string formAction)
    {
        using var alice = server.Alice();
        using var nobody = server.Browser();
        using var web = server.Client(DeclaredStates.Web);
        var stop = page switch
        {
            "login" => await alice.GetAsync(web.Request("openid", ("prompt", "login")).Url),
            "consent" => await alice.GetAsync(web.Request("openid", ("prompt", "consent")).Url),
            "choice" => await alice.GetAsync(web.Request("openid", ("prompt", "select_account")).Url),
            "error" => await alice.GetAsync("/authorize"),
            "plain login" => await nobody.GetAsync("/login"),
            "home" => await nobody.GetAsync("/"),
            _ => await nobody.GetAsync("/nowhere"),
        };

        string One(string name) => Assert.Single(stop.Response!.Headers.GetValues(name));
        var policy = One("Content-Security-Policy").Split(';', StringSplitOptions.TrimEntries);
        Assert.Contains("default-src 'none'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Contains("base-uri 'none'", policy);
        Assert.Contains(formAction, policy);
        Assert.DoesNotContain(policy, directive => directive.StartsWith("script-src", StringComparison.Ordinal) || directive.Contains("unsafe", StringComparison.Ordinal));
        Assert.Equal("DENY", One("X-Frame-Options"));
        Assert.Equal("no-referrer", One("Referrer-Policy"));
        Assert.Equal("nosniff", One("X-Content-Type-Options"));
        Assert.True(stop.Response!.Headers.CacheControl?.NoStore);
        Assert.False(stop.Response.Headers.Contains("Access-Control-Allow-Origin"));
        Assert.Empty(stop.Document!.QuerySelectorAll("script, iframe, object, embed, [onclick], [style], style"));
        Assert.All(stop.Document.QuerySelectorAll("[src], link[href]"), element =>
            Assert.StartsWith("/", element.GetAttribute("src") ?? element.GetAttribute("href"), StringComparison.Ordinal));
        Assert.All(stop.Document.QuerySelectorAll("form[method=post]"), form => Assert.NotEmpty(form.QuerySelector("input[name=__token]")!.GetAttribute("value")!));
    }

    [Theory, Check("A15"), Spec("OAuth 2.1", "3.1"), Spec("RFC 9700", "2.6")]
    [InlineData("GET", "/authorize")]
    [InlineData("OPTIONS", "/authorize")]
    [InlineData("POST", "/authorize")]
    [InlineData("OPTIONS", "/login")]
    [InlineData("OPTIONS", "/consent")]
    [InlineData("GET", "/login")]
    public async Task No_script_of_another_origin_reads_the_authorization_endpoint_or_a_page(string method, string path)
    {
        using var http = server.Process.CreateHttpClient();
        using var message = new HttpRequestMessage(new HttpMethod(method), new Uri(server.Issuer + path));
        message.Headers.Add("Origin", "https://spa.example.com");
        message.Headers.Add("Access-Control-Request-Method", "GET");
        using var response = await http.SendAsync(message);
        Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Theory, Check("A50"), Spec("RFC 9700", "4.13")]
    [InlineData("Host", "evil.example")]
    [InlineData("X-Forwarded-Host", "evil.example")]
    [InlineData("X-Forwarded-Proto", "https")]
    [InlineData("X-Forwarded-Prefix", "/evil.example")]
    [InlineData("X-Original-Host", "evil.example")]
    [InlineData("Forwarded", "host=evil.example;proto=https")]
    [InlineData("X-Original-URL", "/evil.example")]
    [InlineData("X-Rewrite-URL", "/evil.example")]
    public async Task Headers_that_lie_about_the_host_change_nothing(string name, string value)
    {
        using var web = server.Client(DeclaredStates.Web);
        using var browser = server.Browser();
        browser.Headers[name] = value;
        var request = web.Request("openid");
        var login = (await browser.GetAsync(request.Url)).ExpectLogin();
        Assert.DoesNotContain("evil.example", login.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(login.Response!.Headers.SelectMany(header => header.Value), text => text.Contains("evil.example", StringComparison.Ordinal));
        var code = (await browser.FinishAsync(await browser.SignInAsync(login))).ExpectCode(request);
        Assert.All(browser.Trail, step => Assert.StartsWith(server.Issuer + "/", step.Url.ToString(), StringComparison.Ordinal));
        Assert.Equal(server.Issuer, Jwt.Claims((await web.RedeemAsync(request, code))["id_token"]!).GetProperty("iss").GetString());

        using var message = new HttpRequestMessage(HttpMethod.Get, server.Issuer + "/.well-known/openid-configuration");
        message.Headers.TryAddWithoutValidation(name, value);
        var metadata = await web.SendAsync(message);
        Assert.Equal(server.Issuer, metadata["issuer"]);
        Assert.DoesNotContain("evil.example", metadata.Body, StringComparison.Ordinal);
    }

    [Fact, Check("A16"), Spec("RFC 6265bis", "4.1.3.2")]
    public async Task On_https_cookies_are_locked_to_the_host_and_the_browser_stays_on_https()
    {
        await using var behindTls = await InProcessServer.StartAsync(
            change: options => options with { Issuer = "https://id.example.com" },
            configure: builder => builder.Services.AddSingleton<IStartupFilter, Tls>());
        // What is opened is the address that listens; what it says of itself is the issuer.
        using var browser = behindTls.Browser();
        var login = (await browser.GetAsync("/login")).ExpectLogin();
        await browser.SignInAsync(login);
        Assert.Equal(["__Host-latchkey", "__Host-latchkey-csrf"], browser.Cookies.Keys.Order());
        Assert.All(browser.SetCookies, cookie =>
        {
            Assert.Contains("; secure", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("; httponly", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("; path=/", cookie, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("domain=", cookie, StringComparison.OrdinalIgnoreCase);
        });
        Assert.StartsWith("max-age=", Assert.Single(login.Response!.Headers.GetValues("Strict-Transport-Security")), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, login.Status);
    }

    /// <summary>Stands for the TLS that ended before the request came here.</summary>
    private sealed class Tls : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(static (HttpContext context, RequestDelegate following) =>
            {
                context.Request.Scheme = "https";
                return following(context);
            });
            next(app);
        };
    }
}
