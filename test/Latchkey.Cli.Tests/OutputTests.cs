using System.CommandLine;
using System.Globalization;
using System.Reflection;

namespace Latchkey.Cli.Tests;

/// <summary>What the program prints: into a pipe plain lines, help with an example, docs that know every flag.</summary>
public sealed class OutputTests(AdminServer server)
{
    private static readonly string Root = typeof(LatchkeyProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "RepositoryRoot").Value!;

    private static IEnumerable<(string Path, Command Command)> Verbs { get; } = [.. Walk("", CommandLine.Build()).Where(entry => entry.Command.Subcommands.Count == 0)];

    public static TheoryData<string> VerbPaths => [.. Verbs.Select(entry => entry.Path)];

    [Theory]
    [InlineData("client list")]
    [InlineData("client show web")]
    [InlineData("resource list")]
    [InlineData("resource show https://api.example.com")]
    [InlineData("user list")]
    [InlineData("user show alice")]
    [InlineData("key list")]
    [InlineData("audit list")]
    [InlineData("--help")]
    [InlineData("client create --help")]
    public async Task Into_a_pipe_lines_are_plain(string command)
    {
        string[] data = command.Contains("--help", StringComparison.Ordinal) ? [] : ["--data", server.Data];
        var output = (await LatchkeyProcess.RunAsync([.. command.Split(' '), .. data])).ExpectDone().Output;
        Assert.NotEmpty(output);
        Assert.DoesNotContain('\e', output);
        Assert.All(output.Split('\n'), line => Assert.Equal(line.TrimEnd(), line));
    }

    [Fact]
    public async Task Each_thing_is_a_line_in_a_pipe()
    {
        var lines = (await server.RunAsync("client", "list")).ExpectDone().Output.TrimEnd('\n').Split('\n');
        Assert.StartsWith("client_id", lines[0], StringComparison.Ordinal);
        var shown = (await server.JsonAsync("client", "list")).EnumerateArray().Select(client => client.GetProperty("client_id").GetString()!);
        Assert.Subset(shown.ToHashSet(), lines.Skip(1).Select(line => line.Split(' ')[0]).ToHashSet());
    }

    [Fact]
    public async Task A_name_does_not_steer_the_terminal()
    {
        var id = AdminServer.Name("esc");
        (await server.RunAsync("client", "create", "--client-id", id, "--name", "red \u001b[31m\u0007", "--grant-type", "client_credentials")).ExpectDone();
        Assert.DoesNotContain('\e', (await server.RunAsync("client", "list")).ExpectDone().Output);
        Assert.DoesNotContain('\e', (await server.RunAsync("client", "show", id)).ExpectDone().Output);
    }

    [Fact]
    public async Task The_version_is_one_line()
    {
        var output = (await LatchkeyProcess.RunAsync("--version")).ExpectDone().Output;
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\n$", output);
        Assert.Equal(CommandLine.Version, output.Trim());
    }

    [Theory, MemberData(nameof(VerbPaths))]
    public void Every_command_has_help_with_an_example_of_itself(string path)
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        var code = CommandLine.Build().Parse([.. path.Split(' '), "--help"]).Invoke(new InvocationConfiguration { Output = output });
        Assert.Equal(0, code);
        Assert.Contains($"Example:\n  latchkey {path}", output.ToString(), StringComparison.Ordinal);
        var json = Verbs.Single(entry => entry.Path == path).Command.Options.Any(option => option.Name == "--json");
        Assert.True(json || path is "serve" or "mock");
    }

    [Theory, MemberData(nameof(VerbPaths))]
    public void The_example_of_every_command_can_be_parsed(string path)
    {
        var output = new StringWriter(CultureInfo.InvariantCulture);
        CommandLine.Build().Parse([.. path.Split(' '), "--help"]).Invoke(new InvocationConfiguration { Output = output });
        var example = output.ToString().Split("Example:\n  latchkey ")[1].Split('\n')[0].Split(" < ")[0];
        Assert.Empty(CommandLine.Build().Parse(example).Errors);
    }

    [Theory, MemberData(nameof(VerbPaths))]
    public void The_reference_knows_every_command(string path) =>
        Assert.Contains($"`{path}`", File.ReadAllText(Path.Combine(Root, "docs/reference/command-line.md")), StringComparison.Ordinal);

    [Fact]
    public void The_reference_knows_every_flag()
    {
        var text = File.ReadAllText(Path.Combine(Root, "docs/reference/command-line.md"));
        var flags = Verbs.SelectMany(entry => entry.Command.Options).Where(option => !option.Hidden).Select(option => option.Name).Distinct();
        Assert.All(flags, flag => Assert.Contains($"`{flag}", text, StringComparison.Ordinal));
    }

    [Fact]
    public void The_reference_knows_every_member_of_clients_and_resources()
    {
        var text = File.ReadAllText(Path.Combine(Root, "docs/reference/configuration.md"));
        var members = Latchkey.Protocol.Messages.MessagesJson.Default.ClientMetadata.Properties.Concat(Latchkey.Protocol.Messages.MessagesJson.Default.ResourceMetadata.Properties)
            .Where(property => property.Set is not null).Select(property => property.Name).Distinct();
        Assert.All(members, member => Assert.Contains($"`{member}`", text, StringComparison.Ordinal));
    }

    private static IEnumerable<(string Path, Command Command)> Walk(string path, Command command)
    {
        yield return (path, command);
        foreach (var sub in command.Subcommands)
        {
            foreach (var entry in Walk(path.Length == 0 ? sub.Name : path + " " + sub.Name, sub)) yield return entry;
        }
    }
}
