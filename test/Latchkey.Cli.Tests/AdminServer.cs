using System.Text.Json;
using System.Text.Json.Nodes;

[assembly: AssemblyFixture(typeof(Latchkey.Cli.Tests.AdminServer))]

namespace Latchkey.Cli.Tests;

/// <summary>One running server for all tests of the commands. Each test makes clients, resources and people of its own.</summary>
public sealed class AdminServer : IAsyncLifetime
{
    private LatchkeyProcess? _process;

    public LatchkeyProcess Process => _process!;

    public string Issuer => Process.Issuer;

    public string Data => Process.DataFolder;

    public async ValueTask InitializeAsync() => _process = await LatchkeyProcess.StartAsync();

    public async ValueTask DisposeAsync() => await Process.DisposeAsync();

    /// <summary>Runs a command on the server's data.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => Process.CommandAsync(arguments);

    /// <summary>Runs a command that reads the standard input.</summary>
    public Task<CommandResult> RunWithInputAsync(string input, params string[] arguments) => LatchkeyProcess.RunAsync([.. arguments, "--data", Data], input);

    /// <summary>Runs a command with <c>--json</c> that must succeed.</summary>
    public async Task<JsonElement> JsonAsync(params string[] arguments) => (await RunAsync([.. arguments, "--json"])).ExpectDone().Json;

    /// <summary>The newest audit event of a name about a client, a user or a detail; fails if there is none.</summary>
    public async Task<JsonElement> AuditAsync(string name, Func<JsonElement, bool> which)
    {
        foreach (var entry in (await JsonAsync("audit", "list", "--event", name, "--limit", "1000")).EnumerateArray().Reverse())
        {
            if (which(entry)) return entry;
        }

        throw new Xunit.Sdk.XunitException($"There is no such {name} in the audit.");
    }

    /// <summary>Makes a person of a test's own, with a password.</summary>
    public async Task<Person> PersonAsync(string prefix)
    {
        var person = new Person(Name(prefix), "a passphrase of one test");
        (await RunWithInputAsync(person.Password + "\n", "user", "create", person.Username, "--email", $"{person.Username}@example.com", "--password-stdin")).ExpectDone();
        return person;
    }

    /// <summary>A name that no other test has.</summary>
    public static string Name(string prefix) => $"{prefix}-{Guid.NewGuid():N}"[..(prefix.Length + 9)];

    /// <summary>Writes a file of a test.</summary>
    public static async Task<string> WriteAsync(TemporaryFolder folder, string name, JsonNode content)
    {
        await File.WriteAllTextAsync(folder.File(name), content.ToJsonString(), TestContext.Current.CancellationToken);
        return folder.File(name);
    }
}
