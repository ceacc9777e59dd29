using System.Text.RegularExpressions;

namespace Latchkey.Architecture.Tests;

public sealed partial class RefusalTests
{
    [Fact]
    public void Every_code_of_the_verifier_and_the_guard_is_in_the_reference_and_every_one_there_exists()
    {
        string[] folders = ["src/Latchkey.Verification", "src/Latchkey.ResourceServer"];
        var written = folders.SelectMany(folder => Repository.Files(folder, "*.cs")).SelectMany(path => Codes().Matches(File.ReadAllText(path)).Select(match => match.Groups[1].Value));
        var listed = Listed().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/reference/refusals.md"))).Select(match => match.Groups[1].Value)
            .Where(code => Prefixes().IsMatch(code));
        Assert.Equal(written.Distinct().Order(StringComparer.Ordinal), listed.Distinct().Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("\"(LK-(?:JWT|PROVIDER|RS)-[A-Z-]+)\"")]
    private static partial Regex Codes();

    [GeneratedRegex(@"^\| `(LK-[A-Z-]+)`", RegexOptions.Multiline)]
    private static partial Regex Listed();

    [GeneratedRegex("^LK-(JWT|PROVIDER|RS)-")]
    private static partial Regex Prefixes();
}
