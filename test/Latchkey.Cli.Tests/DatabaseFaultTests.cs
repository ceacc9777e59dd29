namespace Latchkey.Cli.Tests;

/// <summary>A database that can't be used is left as it is: <c>serve</c> is set up wrongly (2), a command failed (1).</summary>
public sealed class DatabaseFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    [Theory, InlineData("serve", 2), InlineData("client list", 1), InlineData("apply", 1)]
    public async Task A_damaged_database_is_said_and_left_as_it_is(string command, int code)
    {
        var file = Path.Combine(Directory.CreateDirectory(Data).FullName, "latchkey.db");
        var content = new byte[9000];
        new Random(7).NextBytes(content);
        await File.WriteAllBytesAsync(file, content, TestContext.Current.CancellationToken);
        (await RunAsync(command)).ExpectRefusal(code, file, "damaged", "backup");
        Assert.Equal(content, await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
    }

    [Theory, InlineData("serve", 2), InlineData("client list", 1), InlineData("apply", 1)]
    public async Task A_database_of_a_newer_version_is_said_and_left_as_it_is(string command, int code)
    {
        (await LatchkeyProcess.RunAsync("user", "create", "alice", "--data", Data)).ExpectDone();
        DatabaseRows.Query(Data, "INSERT INTO migrations (number, name) VALUES (9999, '9999_breaking_tomorrow')");
        (await RunAsync(command)).ExpectRefusal(code, "newer version", "latchkey.db");
        Assert.Equal(["9999"], DatabaseRows.Query(Data, "SELECT MAX(number) FROM migrations"));
    }

    [Theory]
    [InlineData("a file among them", "not all are PostgreSQL's", "postgres://h/a", "sqlite:b.db")]
    [InlineData("two", "bucket 2047 is given twice", "postgres://u:secret@h/a?Buckets=0-2047", "postgres://u:secret@h/b?Buckets=2047-4095")]
    [InlineData("one says nothing", "number 2 does not say its Buckets", "postgres://u:secret@h/a?Buckets=0-2047", "postgres://u:secret@h/b")]
    [InlineData("alone", "names no other", "postgres://u:secret@h/a?Buckets=0-2047")]
    [InlineData("one is none", "names no database", "postgres://u:secret@h/a", "postgres://u:secret@h")]
    public async Task Databases_that_do_not_go_together_are_said_without_their_passwords(string why, string expected, params string[] addresses)
    {
        _ = why;
        var result = await LatchkeyProcess.RunAsync(["client", "list", "--data", Data, .. addresses.SelectMany(address => (string[])["--database", address])]);
        result.ExpectRefusal(2, "--database", expected);
        Assert.DoesNotContain("secret", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_makes_no_database_where_there_is_none()
    {
        (await RunAsync("client list")).ExpectRefusal(2, Path.Combine(Data, "latchkey.db"), "--data", "--database");
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task A_folder_that_is_made_is_closed_to_other_users()
    {
        (await LatchkeyProcess.RunAsync("user", "create", "alice", "--data", Data)).ExpectDone();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Data));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Data, "latchkey.db")));
    }

    public void Dispose() => _folder.Dispose();

    private async Task<CommandResult> RunAsync(string command)
    {
        await File.WriteAllTextAsync(_folder.File("latchkey.json"), "{}", TestContext.Current.CancellationToken);
        string[] arguments = command switch
        {
            "serve" => ["serve", "--issuer", $"http://127.0.0.1:{LoopbackPorts.Next()}"],
            "apply" => ["apply", _folder.File("latchkey.json")],
            _ => command.Split(' '),
        };
        return await LatchkeyProcess.RunAsync([.. arguments, "--data", Data]);
    }
}
