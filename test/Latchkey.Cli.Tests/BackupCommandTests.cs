using System.Net;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey backup</c>, <c>latchkey restore</c> and <c>latchkey grant revoke-all</c>: what they do, and what they refuse before anything is touched.</summary>
public sealed class BackupCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Data => _folder.File("data");

    private string Backup => _folder.File("backup.db");

    [Fact]
    public async Task A_backup_is_its_owners_alone_and_is_not_overwritten_unasked()
    {
        await CreateAsync();
        var size = (await RunAsync("backup", Backup, "--json")).ExpectDone().Json.GetProperty("bytes").GetInt64();
        Assert.Equal(size, new FileInfo(Backup).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Backup));
        Assert.Equal([Backup], Directory.GetFiles(_folder.Path));

        var content = await File.ReadAllBytesAsync(Backup, TestContext.Current.CancellationToken);
        (await RunAsync("backup", Backup)).ExpectRefusal(1, Backup, "--force");
        Assert.Equal(content, await File.ReadAllBytesAsync(Backup, TestContext.Current.CancellationToken));
        (await RunAsync("backup", Backup, "--force")).ExpectDone();
    }

    [Fact]
    public async Task What_is_restored_is_what_was_backed_up()
    {
        await CreateAsync();
        var keys = (await RunAsync("key", "list", "--json")).ExpectDone().Output;
        (await RunAsync("backup", Backup)).ExpectDone();
        Directory.Move(Data, Data + ".broken");
        Assert.Equal("ended", (await RunAsync("restore", Backup, "--json")).ExpectDone().Json.GetProperty("grants").GetString());
        Assert.Equal("web", (await RunAsync("client", "show", "web", "--json")).ExpectDone().Json.GetProperty("client_id").GetString());
        Assert.Equal(keys, (await RunAsync("key", "list", "--json")).ExpectDone().Output);
        foreach (var file in Directory.GetFiles(Path.Combine(Data, "keys")).Append(Path.Combine(Data, "latchkey.db")))
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        // The keys can be opened: the next one is made, and the old ones are at work.
        (await RunAsync("key", "rotate", "--immediately")).ExpectDone();
    }

    [Fact]
    public async Task Only_into_an_empty_folder_is_restored()
    {
        await CreateAsync();
        (await RunAsync("backup", Backup)).ExpectDone();
        var before = Content();
        (await RunAsync("restore", Backup)).ExpectRefusal(1, Data, "already");
        Assert.Equal(before, Content());

        string Content() => string.Join(',', Directory.GetFiles(Data, "*", SearchOption.AllDirectories).Order().Select(file => $"{file} {File.GetLastWriteTimeUtc(file).Ticks}"));
    }

    [Fact]
    public async Task What_is_no_backup_or_damaged_leaves_nothing_behind()
    {
        await CreateAsync();
        (await RunAsync("restore", _folder.File("none"), "--data", _folder.File("new"))).ExpectRefusal(2, "no file");
        (await RunAsync("restore", Path.Combine(Data, "latchkey.db"), "--data", _folder.File("new"))).ExpectRefusal(1, "no backup");
        (await RunAsync("backup", Backup)).ExpectDone();
        var content = await File.ReadAllBytesAsync(Backup, TestContext.Current.CancellationToken);
        // A page in the middle.
        for (var i = content.Length / 4096 / 2 * 4096; i < content.Length / 4096 / 2 * 4096 + 4096; i++) content[i] = 0x5a;
        await File.WriteAllBytesAsync(Backup, content, TestContext.Current.CancellationToken);
        (await RunAsync("restore", Backup, "--data", _folder.File("new"))).ExpectRefusal(1, Backup);
        Assert.Empty(Directory.GetFiles(_folder.File("new"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_folder_that_a_server_runs_on_is_not_restored_into()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        (await server.CommandAsync("backup", Backup)).ExpectDone();
        (await server.CommandAsync("restore", Backup)).ExpectRefusal(1, "A server runs", "stop it");
        using var client = server.CreateHttpClient();
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/healthz/ready", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Without_a_server_or_a_place_there_is_no_backup()
    {
        (await RunAsync("backup", Backup)).ExpectRefusal(2, "There is no database", "--data");
        await CreateAsync();
        (await RunAsync("backup", _folder.Path)).ExpectRefusal(2, "is a folder");
        (await RunAsync("backup", _folder.File("no/such/folder/backup.db"))).ExpectRefusal(2, "There is no folder", "no/such/folder");
    }

    [Fact]
    public async Task Revoking_all_grants_ends_what_was_granted_to_any_client()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var tokens = await web.SignInAsync(alice, "openid offline_access");
        (await server.CommandAsync("grant", "revoke-all")).ExpectDone();
        await Eventually.HoldsAsync("the grant is over", async () => (await web.RefreshAsync(tokens.RefreshToken!)).Error == "invalid_grant");
        Assert.NotEqual(HttpStatusCode.OK, (await web.UserInfoAsync(tokens.AccessToken)).Status);
        Assert.Equal("[]", (await server.CommandAsync("grant", "list", "--json")).ExpectDone().Output.Trim());
        Assert.Single((await server.CommandAsync("audit", "list", "--event", "grants.revoked", "--json")).ExpectDone().Json.EnumerateArray());
        // What is granted from now on is good.
        (await web.RefreshAsync((await web.SignInAsync(alice, "openid offline_access")).RefreshToken!)).Expect(HttpStatusCode.OK);
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
    }

    public void Dispose() => _folder.Dispose();

    private async Task CreateAsync()
    {
        (await RunAsync("client", "create", "--client-id", "web", "--redirect-uri", "https://web.example.com/callback")).ExpectDone();
        (await RunAsync("key", "rotate")).ExpectDone();
    }

    private Task<CommandResult> RunAsync(params string[] arguments) => LatchkeyProcess.RunAsync(arguments.Contains("--data") ? arguments : [.. arguments, "--data", Data]);
}
