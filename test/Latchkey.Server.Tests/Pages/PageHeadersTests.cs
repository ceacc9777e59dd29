using Latchkey.Server.Hosting;

namespace Latchkey.Server.Tests.Pages;

/// <summary>What each page forbids the browser, and that its markup keeps to it.</summary>
public sealed class PageHeadersTests
{
    private const string Policy = "default-src 'none'; style-src 'self'; img-src 'self' https: data:; frame-ancestors 'none'; base-uri 'none'; form-action ";

    public static TheoryData<string> Pages => PageSamples.Names;

    public static TheoryData<string> AllPages => PageSamples.AllNames;

    [Theory, MemberData(nameof(Pages))]
    [Spec("RFC 6749", "10.13"), Spec("RFC 9700", "4.16"), Spec("OAuth 2.1", "7.11")]
    public async Task Every_page_keeps_to_itself(string name)
    {
        var page = await PageSamples.RenderAsync(name, "words");
        Assert.Equal(
            new SortedDictionary<string, string>
            {
                ["Cache-Control"] = "no-store",
                ["Content-Length"] = System.Text.Encoding.UTF8.GetByteCount(page.Html).ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["Content-Security-Policy"] = Policy + "'self'",
                ["Content-Type"] = "text/html; charset=utf-8",
                ["Cross-Origin-Opener-Policy"] = "same-origin",
                ["Cross-Origin-Resource-Policy"] = "same-origin",
                ["Permissions-Policy"] = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
                ["Pragma"] = "no-cache",
                ["Referrer-Policy"] = "no-referrer",
                ["X-Content-Type-Options"] = "nosniff",
                ["X-Frame-Options"] = "DENY",
            },
            new SortedDictionary<string, string>(page.Headers.ToDictionary(header => header.Key, header => header.Value.ToString())));
    }

    [Fact, Spec("OAuth 2.0 Form Post Response Mode", "4")]
    public async Task The_form_post_page_may_post_to_the_client_alone_and_run_its_one_script()
    {
        var page = await PageSamples.RenderAsync("form_post", "words");
        Assert.Equal(Policy + "https://app.example.com; script-src 'sha256-" + HashOf(PagePolicy.FormPostScript) + "'", page.Headers.ContentSecurityPolicy.ToString());
        Assert.Equal("no-store", page.Headers.CacheControl.ToString());
        Assert.Equal(PageSamples.RedirectUri, page.Document.QuerySelector("form")!.GetAttribute("action"));
        Assert.NotNull(page.Document.QuerySelector("form button[type=submit]"));
    }

    [Theory, MemberData(nameof(AllPages))]
    public async Task Every_page_is_one_document_in_one_language_with_one_heading(string name)
    {
        var page = await PageSamples.RenderAsync(name, "words");
        Assert.StartsWith("<!doctype html>", page.Html, StringComparison.Ordinal);
        Assert.Equal("en", page.Document.DocumentElement.GetAttribute("lang"));
        Assert.Single(page.Document.QuerySelectorAll("h1"));
        Assert.Single(page.Document.QuerySelectorAll("main"));
        Assert.EndsWith(" · Latchkey", page.Document.Title, StringComparison.Ordinal);
        Assert.Contains("id.example.com", page.Document.QuerySelector("footer")!.TextContent, StringComparison.Ordinal);
        var ids = page.Document.QuerySelectorAll("[id]").Select(element => element.Id!).ToList();
        Assert.Equal(ids.Distinct(), ids);
        // Whatever is named as a label or description is there.
        Assert.All(
            page.Document.QuerySelectorAll("[aria-describedby], [aria-labelledby]")
                .SelectMany(element => $"{element.GetAttribute("aria-describedby")} {element.GetAttribute("aria-labelledby")}".Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            id => Assert.Contains(id, ids));
    }

    [Theory, MemberData(nameof(AllPages))]
    public async Task Links_and_forms_stay_below_the_path_of_the_issuer(string name)
    {
        var page = await PageSamples.RenderAsync(name, "words");
        var targets = page.Document.QuerySelectorAll("[href], form").Select(element => element.GetAttribute("href") ?? element.GetAttribute("action")!);
        Assert.All(targets, target => Assert.True(
            target.StartsWith("/tenant/", StringComparison.Ordinal) || target.StartsWith('#') || target == PageSamples.RedirectUri, target));
    }

    [Theory, MemberData(nameof(Pages))]
    public async Task Every_form_of_ours_carries_the_token(string name)
    {
        var page = await PageSamples.RenderAsync(name, "the token");
        Assert.All(page.Document.Forms, form =>
        {
            Assert.Equal("post", form.Method);
            Assert.Equal("the token", form.QuerySelector($"input[type=hidden][name={PageForms.TokenField}]")?.GetAttribute("value"));
        });
    }

    private static string HashOf(string text) =>
        Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));
}
