using System.Text.RegularExpressions;

namespace Latchkey.Architecture.Tests;

public sealed partial class WhoMayKnowWhomTests
{
    /// <summary>Which projects of <c>src/</c> a project may reference; one that is not here may reference nothing.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Latchkey.Protocol"] = [],
        ["Latchkey.Storage"] = ["Latchkey.Protocol"],
        ["Latchkey.Storage.Sqlite"] = ["Latchkey.Storage", "Latchkey.Protocol"],
        ["Latchkey.Storage.PostgreSql"] = ["Latchkey.Storage", "Latchkey.Protocol"],
        ["Latchkey.Server"] = ["Latchkey.Protocol", "Latchkey.Storage", "Latchkey.Verification"],
        ["Latchkey.Verification"] = ["Latchkey.Protocol"],
        ["Latchkey.Client"] = ["Latchkey.Protocol", "Latchkey.Verification"],
        ["Latchkey.Client.AspNetCore"] = ["Latchkey.Client", "Latchkey.Protocol", "Latchkey.Verification"],
        ["Latchkey.ResourceServer"] = ["Latchkey.Protocol", "Latchkey.Verification"],
        ["Latchkey.Testing"] = ["Latchkey.Server", "Latchkey.Storage", "Latchkey.Storage.Sqlite", "Latchkey.Protocol", "Latchkey.Verification"],
    };

    [Fact]
    public void Projects_reference_only_those_they_may_know() =>
        Assert.All(Repository.Projects.Values.Where(project => project.Name != "Latchkey.Cli"), project =>
            Assert.Empty(project.References.Except(Allowed.GetValueOrDefault(project.Name, []))));

    [Fact]
    public void Nobody_knows_the_program() => Assert.All(Repository.Projects.Values, project => Assert.DoesNotContain("Latchkey.Cli", project.References));

    [Fact]
    public void The_protocol_is_pure()
    {
        var protocol = Repository.Projects["Latchkey.Protocol"];
        Assert.Empty(protocol.Packages);
        Assert.Empty(protocol.Document.Descendants("FrameworkReference"));
        var impure = Repository.Files("src/Latchkey.Protocol", "*.cs")
            .SelectMany(path => Impure().Matches(File.ReadAllText(path)).Select(match => $"{Repository.Relative(path)}: {match.Value}"));
        Assert.Empty(impure);
    }

    [Fact]
    public void The_server_names_no_engine()
    {
        var named = Repository.Files("src/Latchkey.Server", "*.cs")
            .SelectMany(path => Engines().Matches(File.ReadAllText(path)).Select(match => $"{Repository.Relative(path)}: {match.Value}"));
        Assert.Empty(named);
    }

    [Fact]
    public void A_slice_never_uses_another_slices_endpoint()
    {
        var uses = new List<string>();
        foreach (var path in Repository.Files("src/Latchkey.Server", "*.cs"))
        {
            var parts = Repository.Parts(path);
            if (parts[^1] == "LatchkeyServer.cs") continue;
            foreach (Match match in EndpointTypes().Matches(WithoutComments(File.ReadAllText(path))))
            {
                var home = EndpointHomes.GetValueOrDefault(match.Value);
                if (home is not null && home != parts[^2]) uses.Add($"{Repository.Relative(path)} uses {home}/{match.Value}");
            }
        }

        Assert.Empty(uses);
    }

    [Fact]
    public void Pages_know_view_records_and_never_the_stores()
    {
        var knowing = Repository.Files("src/Latchkey.Server", "*.cshtml")
            .SelectMany(path => Stores().Matches(File.ReadAllText(path)).Select(match => $"{Repository.Relative(path)}: {match.Value}"));
        Assert.Empty(knowing);
    }

    [Fact]
    public void A_grant_is_one_file()
    {
        var grants = Repository.Files("src/Latchkey.Server", "*.cs").Where(path => ImplementsGrant().IsMatch(File.ReadAllText(path))).ToList();
        Assert.NotEmpty(grants);
        Assert.All(grants, path =>
        {
            Assert.Equal("Token", Repository.Parts(path)[^2]);
            Assert.Single(ImplementsGrant().Matches(File.ReadAllText(path)));
            Assert.EndsWith("Grant.cs", path, StringComparison.Ordinal);
        });
        // The endpoint and the other grants don't speak of a grant by its type: only the map does.
        foreach (var type in grants.Select(Path.GetFileNameWithoutExtension))
        {
            var users = Repository.Files("src/Latchkey.Server", "*.cs")
                .Where(path => Path.GetFileNameWithoutExtension(path) != type && Regex.IsMatch(WithoutComments(File.ReadAllText(path)), $@"\b{type}\b"))
                .Select(path => Repository.Parts(path)[^1]);
            Assert.Equal(["LatchkeyServer.cs"], users);
        }
    }

    private static readonly Dictionary<string, string> EndpointHomes = Repository.Files("src/Latchkey.Server", "*Endpoint.cs")
        .ToDictionary(path => Path.GetFileNameWithoutExtension(path), path => Repository.Parts(path)[^2]);

    private static string WithoutComments(string text) => Comments().Replace(text, "");

    [GeneratedRegex(@"\b(HttpClient|File\.|Directory\.|TimeProvider|DateTimeOffset\.(Utc)?Now|Microsoft\.AspNetCore|Microsoft\.Extensions|Environment\.)")]
    private static partial Regex Impure();

    [GeneratedRegex(@"\b(SqliteDatabase|SqliteConnection|Microsoft\.Data|Npgsql|Latchkey\.Storage\.(Sqlite|PostgreSql))\b")]
    private static partial Regex Engines();

    // A type, not a member of the metadata: neither read from a variable nor set.
    [GeneratedRegex(@"(?<!\b[a-z]\w*\.)\b[A-Z]\w*Endpoint\b(?!\s*=[^>])")]
    private static partial Regex EndpointTypes();

    [GeneratedRegex(@"@using Latchkey\.Storage|Latchkey\.Storage\.|\bDatabase\b|\bSqlSession\b|@inject")]
    private static partial Regex Stores();

    [GeneratedRegex(@"class \w+(\([^)]*\))?\s*:[^{;]*\bIGrant\b")]
    private static partial Regex ImplementsGrant();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comments();
}
