using System.Reflection;
using System.Text.RegularExpressions;

namespace Latchkey.Server.Tests.Pages;

/// <summary>What no page's source may hold, so that no one has to look for it in what it renders.</summary>
public sealed partial class PageSourceTests
{
    private static readonly string Folder = Path.Combine(
        typeof(LatchkeyProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "RepositoryRoot").Value!, "src", "Latchkey.Server");

    public static TheoryData<string> Sources =>
        [.. Directory.GetFiles(Folder, "*.cshtml", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(Folder, path)).Order(StringComparer.Ordinal)];

    [Fact]
    public void The_pages_are_found() => Assert.True(Sources.Count > 15, $"There are only {Sources.Count}.");

    [Theory, MemberData(nameof(Sources))]
    public void Nothing_is_written_without_being_encoded(string path)
    {
        // The one script there is, a constant, is the exception.
        var found = Unencoded().Matches(File.ReadAllText(Path.Combine(Folder, path))).Select(match => match.Value);
        Assert.Equal(path == Path.Combine("Authorize", "FormPostPage.cshtml") ? ["HtmlString"] : [], found);
    }

    [Theory, MemberData(nameof(Sources))]
    public void There_is_no_script_style_or_handler_in_it(string path)
    {
        var found = Active().Matches(File.ReadAllText(Path.Combine(Folder, path))).Select(match => match.Value);
        Assert.Equal(path == Path.Combine("Authorize", "FormPostPage.cshtml") ? ["<script"] : [], found);
    }

    [Fact]
    public void Code_writes_no_markup_either()
    {
        var files = Directory.GetFiles(Folder, "*.cs", SearchOption.AllDirectories);
        Assert.DoesNotContain(files, path => Unencoded().IsMatch(File.ReadAllText(path)));
    }

    [GeneratedRegex(@"Html\.Raw|HtmlString|IHtmlContent|WriteLiteral")]
    private static partial Regex Unencoded();

    [GeneratedRegex(@"<script|<style|\bstyle=|\bon[a-z]+=""|javascript:|(?:href|src|action)=""/", RegexOptions.IgnoreCase)]
    private static partial Regex Active();
}
