using System.Text.RegularExpressions;

namespace Latchkey.Architecture.Tests;

public sealed partial class ConformanceTests
{
    /// <summary>A name that no test has would be a promise; one that the list does not have is misspelt.</summary>
    [Fact]
    public void Every_module_of_the_plans_is_a_test_by_its_name_and_no_test_invents_one()
    {
        var list = File.ReadAllText(Path.Combine(Repository.Root, "test/CONFORMANCE.md"));
        var listed = Modules().Matches(list).Concat(Rows().Matches(list)).Select(match => match.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var tested = Repository.Files("test", "*.cs").SelectMany(path => Checks().Matches(File.ReadAllText(path))).Select(match => match.Groups[1].Value)
            // Both plans of FAPI 2.0 share their modules; a test may name the plan that it has in mind.
            .Where(name => Ours().IsMatch(name)).Select(name => name.Replace("fapi2-message-signing-final-", "fapi2-security-profile-final-", StringComparison.Ordinal))
            .ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(listed);
        Assert.Equal(listed.Order(StringComparer.Ordinal), tested.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("^- `(fapi[A-Za-z0-9_-]+)`", RegexOptions.Multiline)]
    private static partial Regex Modules();

    [GeneratedRegex(@"^\| (M\d+) \|", RegexOptions.Multiline)]
    private static partial Regex Rows();

    [GeneratedRegex(@"Check\(""([^""]+)""\)")]
    private static partial Regex Checks();

    [GeneratedRegex(@"^(fapi.+|M\d+)$")]
    private static partial Regex Ours();
}
