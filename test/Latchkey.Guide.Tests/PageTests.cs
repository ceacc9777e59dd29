using System.Text.RegularExpressions;

namespace Latchkey.Guide.Tests;

/// <summary>What the pages print is what the tests have: the guide's programs in test/Interop, and the C# here. What docs/guide.md prints is run, too.</summary>
public sealed partial class PageTests
{
    private static readonly string Root = LatchkeyProcess.RepositoryRoot;

    [Theory]
    [InlineData("docs/guide.md", 16)]
    [InlineData("docs/how-to/sender-constrained-tokens.md", 12)]
    [InlineData("docs/how-to/guard-an-api.md", 3)]
    [InlineData("docs/how-to/sign-in.md", 3)]
    [InlineData("docs/how-to/single-page-apps.md", 2)]
    [InlineData("docs/how-to/call-an-api.md", 6)]
    [InlineData("docs/how-to/native-apps.md", 3)]
    [InlineData("docs/how-to/use-the-client.md", 8)]
    [InlineData("docs/how-to/test-with-latchkey.md", 6)]
    public void Every_example_on_the_page_is_compiled(string path, int least)
    {
        var page = File.ReadAllText(Path.Combine(Root, path));
        var guide = Squeezed(Directory.GetFiles(Path.Combine(Root, "test/Interop"), "guide-*.mjs"));
        var twins = Squeezed(Directory.GetFiles(Path.Combine(Root, "test/Latchkey.Guide.Tests"), "*.cs", SearchOption.AllDirectories));
        // A how-to's script is its reader's page; the guide's programs are run.
        var blocks = Blocks().Matches(page).Where(block => path == "docs/guide.md" || block.Groups["language"].Value == "csharp").ToList();
        Assert.True(blocks.Count >= least, "every example has its twin");
        Assert.All(blocks, block =>
        {
            var code = Squeeze(block.Groups["code"].Value);
            Assert.Contains(block.Groups["language"].Value == "js" ? guide : twins, text => text.Contains(code, StringComparison.Ordinal));
        });
    }

    private static List<string> Squeezed(IEnumerable<string> files) => [.. files.Select(path => Squeeze(File.ReadAllText(path)))];

    private static string Squeeze(string text) => Whitespace().Replace(text, " ").Trim();

    [GeneratedRegex(@"```(?<language>js|csharp)\n(?<code>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Blocks();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();
}
