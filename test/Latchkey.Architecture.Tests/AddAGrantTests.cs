using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Latchkey.Architecture.Tests;

/// <summary>What a new grant costs is a promise: its how-to is followed to the letter on a copy of the source, and the grant works.</summary>
public sealed partial class AddAGrantTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task The_page_that_says_how_is_right()
    {
        using var copy = new TemporaryFolder();
        Copy(copy.Path);
        Follow(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "docs/how-to/add-a-grant.md")), copy.Path);
        var program = await BuildAsync(copy.Path);

        var voucher = new TestClient("voucher", "voucher-secret-0123456789abcdef", TestClient.Basic, null);
        var state = DeclaredStates.Standard();
        state.Add(voucher, client =>
        {
            client["grant_types"] = new JsonArray("urn:example:params:oauth:grant-type:voucher");
            client["response_types"] = new JsonArray();
            client["scope"] = "api:read";
        });
        await using var server = await LatchkeyProcess.StartProgramAsync(program, state);
        using var client = new OAuthClient(server.Issuer, voucher);
        using var other = new OAuthClient(server.Issuer, DeclaredStates.Machine);

        Assert.Contains("voucher", (await client.GetAsync("/.well-known/openid-configuration")).Expect(HttpStatusCode.OK).Json.GetProperty("grant_types_supported").ToString(), StringComparison.Ordinal);
        (await RedeemAsync(other, "summer-1")).ExpectError("unauthorized_client");
        (await RedeemAsync(client, null)).ExpectError("invalid_request");
        (await RedeemAsync(client, "winter-1")).ExpectError("invalid_grant");
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => RedeemAsync(client, "summer-1")));
        var winner = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.Equal("api:read", winner["scope"]);
    }

    private static Task<Answer> RedeemAsync(OAuthClient client, string? voucher) =>
        client.TokenAsync(("grant_type", "urn:example:params:oauth:grant-type:voucher"), ("voucher", voucher));

    private static void Copy(string target)
    {
        foreach (var path in Directory.EnumerateFiles(Repository.Root).Where(path => !path.EndsWith(".slnx", StringComparison.Ordinal))) File.Copy(path, Path.Combine(target, Path.GetFileName(path)));
        foreach (var path in Repository.Files("src", "*"))
        {
            var copy = Path.Combine(target, Repository.Relative(path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
    }

    // A block that follows a file's name: the whole of a new file, or a line to put after the last one that holds an anchor.
    private static void Follow(string page, string root)
    {
        string? file = null;
        var files = new HashSet<string>();
        foreach (Match part in Steps().Matches(page))
        {
            if (part.Groups["file"].Success) file = part.Groups["file"].Value;
            if (file is null || !part.Groups["code"].Success) continue;
            files.Add(file);
            var path = Path.Combine(root, file);
            var code = Regex.Replace(part.Groups["code"].Value, "^   ", "", RegexOptions.Multiline);
            if (!File.Exists(path))
            {
                File.WriteAllText(path, code);
                continue;
            }

            var anchor = part.Groups["anchor"].Value;
            var lines = File.ReadAllLines(path).ToList();
            lines.Insert(lines.FindLastIndex(line => line.Contains(anchor, StringComparison.Ordinal)) + 1, code);
            File.WriteAllLines(path, lines);
        }

        // One new file, at most two that change.
        Assert.Equal(3, files.Count);
        Assert.Single(files, path => !File.Exists(Path.Combine(Repository.Root, path)));
    }

    private static async Task<string> BuildAsync(string root)
    {
        var start = new ProcessStartInfo("dotnet", ["build", "src/Latchkey.Cli", "-c", "Release", "--nologo", "-v", "quiet", "-p:RunAnalyzers=false"])
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Deadline);
        Assert.True(process.ExitCode == 0, await output + await errors);
        return Path.Combine(root, "artifacts/bin/Latchkey.Cli/release/latchkey");
    }

    [GeneratedRegex(@"(In|file) `(?<file>src/[^`]+)`|after `(?<anchor>[^`]+)`:\s+```csharp\n(?<code>.*?)\s+```|```csharp\n(?<code>.*?)\s+```", RegexOptions.Singleline)]
    private static partial Regex Steps();
}
