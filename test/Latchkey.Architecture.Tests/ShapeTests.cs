using System.Text.RegularExpressions;

namespace Latchkey.Architecture.Tests;

public sealed partial class ShapeTests
{
    private static readonly string[] Forbidden = ["Common", "Core", "Utils", "Helpers", "Managers", "Interfaces"];

    [Fact]
    public void No_folder_has_a_name_that_says_nothing()
    {
        var folders = ((string[])["src", "test", "samples"]).Where(folder => Directory.Exists(Path.Combine(Repository.Root, folder)))
            .SelectMany(folder => Directory.EnumerateDirectories(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
            .Where(folder => !Repository.Parts(folder).Any(part => part is "bin" or "obj" or "node_modules"))
            .Where(folder => Forbidden.Contains(Path.GetFileName(folder), StringComparer.OrdinalIgnoreCase));
        Assert.Empty(folders.Select(Repository.Relative));
    }

    [Fact]
    public void No_source_file_is_over_400_lines()
    {
        var long_ = Repository.Files("src", "*.cs").Concat(Repository.Files("src", "*.cshtml"))
            .Select(path => (Path: Repository.Relative(path), Lines: File.ReadLines(path).Count()))
            .Where(file => file.Lines > 400);
        Assert.Empty(long_);
    }

    [Fact]
    public void Every_namespace_is_its_folder()
    {
        var wrong = Repository.Files("src", "*.cs").Select(path => (Path: path, Declared: Namespace().Match(File.ReadAllText(path))))
            .Where(file => file.Declared.Success)
            .Select(file => (Path: Repository.Relative(file.Path), Declared: file.Declared.Groups[1].Value, Folder: Path.GetDirectoryName(Repository.Relative(file.Path))!))
            .Where(file => file.Declared != file.Folder["src/".Length..].Replace('/', '.'));
        Assert.Empty(wrong);
    }

    [Fact]
    public void Every_migration_is_numbered_and_names_its_engine()
    {
        var migrations = Repository.Files("src/Latchkey.Storage/Migrations", "*").Select(path => Path.GetFileName(path)).ToList();
        Assert.NotEmpty(migrations);
        Assert.All(migrations, name => Assert.Matches(@"^\d{4}_[a-z0-9_]+\.(sqlite|postgres)\.sql$", name));
        foreach (var engine in migrations.GroupBy(name => name.Split('.')[1]))
        {
            // Numbers may be left out, since several are written at a time; none may be given twice.
            var numbers = engine.Select(name => name[..4]).ToList();
            Assert.Equal(numbers.Distinct(), numbers);
        }
    }

    [Fact]
    public void No_interface_of_ours_has_one_implementation_unless_users_replace_it()
    {
        // The seams that users replace, and the ones the specs open.
        string[] seams = ["IUserDirectory", "IClientSource", "IClaimsSource", "IGrant", "IClientAuthenticationMethod", "IKeyVault", "ITokenStore", "ITokenLock", "IReplayStore"];
        var source = Repository.Files("src", "*.cs").Select(File.ReadAllText).ToList();
        var declared = source.SelectMany(text => Interfaces().Matches(text).Select(match => match.Groups[1].Value)).Except(seams);
        var single = declared.Where(name => source.Sum(text => Regex.Count(text, $@"(class|record|struct) \w+(<[^>]*>)?(\([^)]*\))?\s*:[^{{;]*\b{name}\b")) < 2);
        Assert.Empty(single);
    }

    [Fact]
    public void Nothing_is_left_to_do()
    {
        var left = Repository.Files("src", "*.cs").Concat(Repository.Files("test", "*.cs").Where(path => Path.GetFileName(path) != "ShapeTests.cs"))
            .Where(path => LeftOver().IsMatch(File.ReadAllText(path)));
        Assert.Empty(left.Select(Repository.Relative));
    }

    [Fact]
    public void Every_page_escapes_what_it_shows()
    {
        // The one thing that is not escaped is our own constant script, whose hash the page's policy names.
        var raw = Repository.Files("src", "*.cshtml").Where(path => Raw().IsMatch(File.ReadAllText(path).Replace("new HtmlString(PagePolicy.FormPostScript)", "", StringComparison.Ordinal)));
        Assert.Empty(raw.Select(Repository.Relative));
    }

    [Fact]
    public void Every_form_of_a_page_that_posts_carries_a_token()
    {
        // form_post goes to the client, which has no token of ours.
        var without = Repository.Files("src", "*.cshtml").Where(path => !Path.GetFileName(path).StartsWith("FormPost", StringComparison.Ordinal))
            .SelectMany(path => Forms().Matches(File.ReadAllText(path)).Select(match => (Path: Repository.Relative(path), Form: match.Value)))
            .Where(form => form.Form.Contains("method=\"post\"", StringComparison.OrdinalIgnoreCase) && !form.Form.Contains("Token", StringComparison.OrdinalIgnoreCase));
        Assert.Empty(without);
    }

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\binterface (I[A-Z]\w*)")]
    private static partial Regex Interfaces();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX:|NotImplementedException)\b|Skip = ""|Thread\.Sleep")]
    private static partial Regex LeftOver();

    [GeneratedRegex(@"Html\.Raw|HtmlString|WriteLiteral\(")]
    private static partial Regex Raw();

    [GeneratedRegex(@"<form\b.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Forms();
}
