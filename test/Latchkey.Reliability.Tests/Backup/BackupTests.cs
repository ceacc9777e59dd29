using System.Net;
using Latchkey.Reliability.Tests.Crash;

namespace Latchkey.Reliability.Tests.Backup;

/// <summary>A backup that was taken under load and brought back: nothing of before is missing, and nothing that was ended comes alive unasked.</summary>
public sealed class BackupTests
{
    [Fact]
    public async Task What_was_acknowledged_before_the_backup_is_in_it_and_later_refresh_tokens_are_followed()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("backup.db");
        await using var server = await LatchkeyProcess.StartAsync();
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        using var alice = new PageWalker(server.Issuer);
        var ledger = new Ledger(app);
        for (var i = 0; i < 60; i++)
        {
            var request = app.Request("openid offline_access");
            await ledger.RedeemAsync(ledger.Given(request, (await alice.AuthorizeAsync(request.Url)).Answer.Code!));
        }

        await ledger.RevokeAsync(ledger.Chains[0]);
        var request2 = app.Request("openid offline_access");
        var code = (await alice.AuthorizeAsync(request2.Url)).Answer.Code!;

        // While the others are used, all the time.
        using var stop = new CancellationTokenSource();
        var load = Parallel.ForAsync(1, 60, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            do await ledger.RefreshAsync(ledger.Chains[i]);
            while (!stop.IsCancellationRequested);
        });
        await ledger.ReachedAsync(ledger.Acknowledged + 20);
        var backup = await server.CommandAsync("backup", file);
        Assert.Equal((0, ""), (backup.ExitCode, backup.Errors));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        await ledger.ReachedAsync(ledger.Acknowledged + 100);
        await stop.CancelAsync();
        await load;
        await server.KillAsync();

        // The disk is gone. Everything that is known of the grants is in the file and with the clients.
        Directory.Delete(server.DataFolder, recursive: true);
        var restored = await server.CommandAsync("restore", file, "--keep-grants");
        Assert.Equal((0, ""), (restored.ExitCode, restored.Errors));
        await server.StartAsync();
        Assert.Empty(await ledger.BrokenPromisesAsync());
        foreach (var name in new[] { "database.restored", "refresh_token.from_future" })
            Assert.NotEmpty((await server.CommandAsync("audit", "list", "--event", name, "--json")).Json.EnumerateArray());
        // A code that was given before may have been used after the backup: it is worth nothing.
        (await app.RedeemAsync(request2, code)).ExpectError("invalid_grant");
    }

    [Fact]
    public async Task Without_being_told_to_keep_grants_a_restored_server_has_none_alive()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("backup.db");
        await using var server = await LatchkeyProcess.StartAsync();
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        using var alice = new PageWalker(server.Issuer);
        var revoked = await app.SignInAsync(alice, "openid offline_access");
        var kept = await app.SignInAsync(alice, "openid offline_access");
        Assert.Equal(0, (await server.CommandAsync("backup", file)).ExitCode);
        (await app.RevokeAsync(revoked.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal(0, await server.StopAsync());
        Directory.Delete(server.DataFolder, recursive: true);
        Assert.Equal(0, (await server.CommandAsync("restore", file)).ExitCode);
        await server.StartAsync();

        (await app.RefreshAsync(revoked.RefreshToken!)).ExpectError("invalid_grant");
        (await app.RefreshAsync(kept.RefreshToken!)).ExpectError("invalid_grant");
        Assert.NotEqual(HttpStatusCode.OK, (await app.UserInfoAsync(kept.AccessToken)).Status);
        Assert.True((await alice.GetAsync("/account")).Has("password"));
        Assert.NotNull((await app.SignInAsync(alice, "openid offline_access")).RefreshToken);
    }
}
