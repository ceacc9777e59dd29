using System.Net;
using Latchkey.Server.Tests.Device;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What every page forbids, and that what it needs comes from here.</summary>
public sealed class PageHeadersTests(PeopleServer server)
{
    [Fact, Check("A27"), Spec("RFC 9700", "4.16"), Spec("RFC 9700", "4.2.4"), Spec("OAuth 2.1", "7.11")]
    public async Task Every_page_keeps_to_itself()
    {
        using var alice = server.Browser();
        using var web = server.Client(DeclaredStates.Web);
        using var device = server.Client(DeclaredStates.Device);
        var issuer = server.Issuer;
        var request = web.Request("openid api:read");
        var pages = new Dictionary<string, Stop>
        {
            ["home"] = await alice.GetAsync(issuer + "/"),
            ["login of nobody"] = await alice.GetAsync(issuer + "/login"),
            ["login"] = await alice.GetAsync(request.Url),
            ["error at authorize"] = await alice.GetAsync(issuer + "/authorize?client_id=nobody"),
            ["not found"] = await alice.GetAsync(issuer + "/nowhere"),
            ["wrong method"] = await alice.GetAsync(issuer + "/nowhere/else"),
            ["device"] = await alice.GetAsync(issuer + "/device"),
            ["device, wrong code"] = await alice.GetAsync(issuer + "/device?user_code=BCDF-BCDF"),
            ["signed out"] = await alice.GetAsync(issuer + "/logout"),
            ["expired form"] = await alice.PostAsync(issuer + "/login", ("username", "alice")),
        };
        pages["wrong password"] = await alice.SignInAsync(pages["login"], alice.Person with { Username = "nobody" });
        pages["consent"] = await alice.SignInAsync(pages["login"]);
        pages["account"] = await alice.GetAsync(issuer + "/account");
        pages["logout"] = await alice.GetAsync(issuer + "/logout");
        pages["select account"] = await alice.GetAsync(web.Request("openid", ("prompt", "select_account")).Url);
        pages["form_post"] = await alice.GetAsync(web.Request("openid", ("response_mode", "form_post"), ("prompt", "none")).Url);
        var started = await device.StartAsync("openid");
        pages["device question"] = await alice.OpenAsync(started);
        pages["device done"] = await alice.SubmitAsync(pages["device question"], ("decision", "deny"));

        Assert.True(pages["consent"].Has("decision", "allow"), pages["consent"].ToString());
        Assert.NotNull(pages["form_post"].FormPostTarget);
        foreach (var (name, page) in pages)
        {
            Assert.True(page.Document is not null, $"{name}: {page}");
            string Header(string header) =>
                page.Response!.Headers.TryGetValues(header, out var values) ? string.Join(", ", values) : throw new Xunit.Sdk.XunitException($"{name} has no {header}");
            var policy = Header("Content-Security-Policy").Split(';', StringSplitOptions.TrimEntries);
            Assert.All(["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"], directive => Assert.Contains(directive, policy));
            Assert.DoesNotContain(policy, directive => directive.Contains("unsafe", StringComparison.Ordinal));
            Assert.Equal("DENY", Header("X-Frame-Options"));
            Assert.Equal("nosniff", Header("X-Content-Type-Options"));
            Assert.Equal("no-referrer", Header("Referrer-Policy"));
            Assert.Equal("no-store", Header("Cache-Control"));
            Assert.Equal("same-origin", Header("Cross-Origin-Opener-Policy"));
            Assert.NotEmpty(Header("Permissions-Policy"));
            Assert.False(page.Response!.Headers.Contains("Server"));

            // Nothing from elsewhere, no inline handlers; the one script is that of form_post, by its hash.
            var scripts = page.Document!.QuerySelectorAll("script");
            Assert.Equal(name == "form_post" ? 1 : 0, scripts.Length);
            Assert.Equal(name == "form_post", policy.Any(directive => directive.StartsWith("script-src 'sha256-", StringComparison.Ordinal)));
            Assert.All(page.Document.QuerySelectorAll("*"), element => Assert.DoesNotContain(element.Attributes, attribute => attribute.Name.StartsWith("on", StringComparison.Ordinal)));
            Assert.All(page.Document.QuerySelectorAll("link[href]"), link => Assert.StartsWith("/", link.GetAttribute("href"), StringComparison.Ordinal));
            if (page.Form is { } form && name != "form_post" && form.Method == "post") Assert.NotNull(form.QuerySelector("input[name=__token]"));
        }
    }

    [Fact, Check("A27")]
    public async Task Cookies_are_out_of_reach_for_scripts_and_other_sites()
    {
        using var alice = server.Browser();
        await alice.SignInAsync(await alice.GetAsync(server.Issuer + "/account"));
        Assert.Equal(2, alice.SetCookies.Select(line => line.Split('=')[0]).Distinct().Count());
        Assert.All(alice.SetCookies, line =>
        {
            var parts = line.Split(';', StringSplitOptions.TrimEntries).Select(part => part.ToLowerInvariant()).ToList();
            Assert.Contains("httponly", parts);
            Assert.Contains("path=/", parts);
            Assert.Contains("samesite=lax", parts);
            Assert.DoesNotContain(parts, part => part.StartsWith("domain", StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task Static_assets_are_kept_by_browsers_and_named_by_what_they_are()
    {
        using var http = server.Process.CreateHttpClient();
        using var alice = server.Browser();
        var page = await alice.GetAsync(server.Issuer + "/login");
        var links = page.Document!.QuerySelectorAll("link[href]").Select(link => link.GetAttribute("href")!).ToList();
        Assert.NotEmpty(links);
        foreach (var link in links)
        {
            using var answer = await http.GetAsync(new Uri(link, UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.True(answer.Headers.CacheControl!.MaxAge > TimeSpan.FromMinutes(1), link);
            Assert.NotNull(answer.Headers.ETag);
            Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
            using var again = new HttpRequestMessage(HttpMethod.Get, new Uri(link, UriKind.Relative));
            again.Headers.IfNoneMatch.Add(answer.Headers.ETag);
            using var unchanged = await http.SendAsync(again);
            Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        }
    }
}
