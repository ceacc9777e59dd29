using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Latchkey.Protocol;
using Latchkey.Server.Hosting;
using Latchkey.Server.Pages;

namespace Latchkey.Server.Tests.Pages;

/// <summary>Whatever apps, APIs and people call themselves stays text.</summary>
public sealed class ForeignWordsTests
{
    private const string Markup = "\"'><hostile-x onmouseover=\"alert(1)\"></title></textarea></bdi></h1><script>alert(1)</script><!--&lt;{{7*7}}";

    // Hebrew, then an override that would turn the words around it.
    private const string RightToLeft = "\u05e9\u05dc\u05d5\u05dd\u202eevil";

    public static TheoryData<string> Pages => PageSamples.AllNames;

    [Theory, MemberData(nameof(Pages)), Spec("RFC 9700", "4.16")]
    public async Task Markup_in_them_stays_text(string name)
    {
        var page = await PageSamples.RenderAsync(name, Markup);
        Assert.Empty(page.Document.QuerySelectorAll("hostile-x"));
        Assert.DoesNotContain("<hostile", page.Html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(page.Document.All.SelectMany(element => element.Attributes), attribute => attribute.Name.StartsWith("on", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(name == "form_post" ? [PagePolicy.FormPostScript] : [], page.Document.Scripts.Select(script => script.Text));
        Assert.Empty(page.Document.QuerySelectorAll("[style], style, object, embed, base"));
        // The frames of front-channel logout are the only ones, fenced in, and their address stays one.
        Assert.All(page.Document.QuerySelectorAll("iframe"), frame => Assert.Equal(
            ("logged out", "allow-scripts allow-same-origin allow-forms", true),
            (name, frame.GetAttribute("sandbox"), frame.GetAttribute("src")!.StartsWith("https://app.example.com/logout?sid=%22", StringComparison.Ordinal))));
        Assert.NotNull(page.Document.QuerySelector("footer"));
    }

    [Theory, MemberData(nameof(Pages))]
    public async Task Their_direction_ends_where_they_do(string name)
    {
        var page = await PageSamples.RenderAsync(name, RightToLeft);
        foreach (var text in page.Document.Descendants<IText>().Where(text => text.Data.Contains('\u05e9')))
        {
            // Ids and codes are ASCII by their grammar, a picture holds initials, a title is text alone.
            var isIn = text.ParentElement!.Closest("bdi, code, title, .picture");
            Assert.True(isIn is not null, $"{text.Data.Trim()} in {text.ParentElement!.OuterHtml}");
            if (isIn is IHtmlTitleElement) Assert.DoesNotContain('\u202e', text.Data);
        }
    }

    [Theory, MemberData(nameof(Pages))]
    public async Task Names_without_end_are_cut(string name)
    {
        var page = await PageSamples.RenderAsync(name, new string('W', 5_000));
        var shown = page.Document.QuerySelectorAll("h1, .lede, .name, title, button").Select(element => element.TextContent);
        Assert.All(shown, text => Assert.InRange(text.Length, 1, 600));
    }

    [Theory]
    [InlineData("javascript:alert(1)")]
    [InlineData("data:text/html,<script>alert(1)</script>")]
    [InlineData("vbscript:x")]
    [InlineData("http://logo.example.com/")]
    [InlineData("//logo.example.com/")]
    public void Only_logos_that_are_images_are_shown(string uri) => Assert.Null(new AppView("id", "name", uri).LogoUri);

    [Theory, InlineData("https://logo.example.com/a.png"), InlineData("data:image/png;base64,AA==")]
    public void Logos_are_shown(string uri) => Assert.Equal(uri, new AppView("id", "name", uri).LogoUri);

    [Theory]
    [InlineData("javascript:alert(1)", false)]
    [InlineData("data:text/html,x", false)]
    [InlineData("/relative", false)]
    [InlineData("https://app.example.com/", true)]
    public async Task The_error_page_leads_only_to_sites(string uri, bool shown)
    {
        var page = await RenderedPage.OfAsync(context => context.WriteErrorPageAsync(OAuthError.InvalidRequest("It is wrong."), new AppView("app"), appUri: uri));
        Assert.Equal(shown, page.Document.QuerySelector($"a[href='{uri}']") is not null);
    }

    [Fact]
    public void An_app_without_a_name_is_called_by_its_id()
    {
        Assert.Equal("the-id", new AppView("the-id").Name);
        Assert.Equal("the-id", new AppView("the-id", "  ").Name);
        Assert.Equal("Its name", new AppView("the-id", " Its name ").Name);
    }

    [Fact]
    public void A_person_is_known_by_the_detail_unless_it_says_the_same()
    {
        Assert.Equal("alice@example.com", new PersonView("Alice", "alice@example.com").Handle);
        Assert.Null(new PersonView("alice", "alice").Detail);
        Assert.Equal("alice", new PersonView("alice", "alice").Handle);
    }
}
