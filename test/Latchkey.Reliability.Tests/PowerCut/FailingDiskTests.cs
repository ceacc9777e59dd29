using System.Net;

namespace Latchkey.Reliability.Tests.PowerCut;

/// <summary>A disk that fails: a write that may be lost is never acknowledged, and the server ends rather than ask the disk again.</summary>
public sealed class FailingDiskTests
{
    [Theory, InlineData("eio-fsync"), InlineData("eio-write")]
    public async Task When_the_disk_fails_nothing_more_is_acknowledged_and_the_server_ends(string fault)
    {
        using var disk = new WatchedDisk();
        await using var server = await LatchkeyProcess.StartAsync(environment: disk.Environment, arguments: disk.Arguments);
        var acknowledged = await BreakAsync(server, disk, fault);
        Assert.Equal(0, acknowledged);
        Assert.Equal(1, await server.WaitForExitAsync());
        Assert.Contains("latchkey: Writing the database", server.Errors, StringComparison.Ordinal);
        Assert.Contains("check the disk and start again", server.Errors, StringComparison.Ordinal);

        // With a disk that works it comes back by itself, and says that it looked.
        disk.Heal();
        await server.StartAsync();
        Assert.Contains("quick_check found no damage", server.Errors, StringComparison.Ordinal);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Device);
        (await machine.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        Assert.Equal("ok", Tables.Check(disk.Database));
    }

    [Fact]
    public async Task A_server_that_is_not_told_of_the_failure_is_found_out()
    {
        using var disk = new WatchedDisk();
        await using var server = await LatchkeyProcess.StartAsync(environment: disk.Environment, arguments: disk.Arguments);
        Assert.True(await BreakAsync(server, disk, "lie") > 0);
    }

    [Fact]
    public async Task A_read_only_disk_refuses_writes_alone_and_heals_without_a_restart()
    {
        using var disk = new WatchedDisk();
        await using var server = await LatchkeyProcess.StartAsync(environment: disk.Environment, arguments: disk.Arguments);
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var tokens = await app.SignInAsync(alice, "openid offline_access");
        Assert.Equal("ok", (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK)["status"]);

        disk.Fail("read-only");
        var refused = (await app.RefreshAsync(tokens.RefreshToken!)).ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
        Assert.NotNull(refused.Header("Retry-After"));
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        (await app.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        (await app.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK);
        (await app.GetAsync("/.well-known/openid-configuration")).Expect(HttpStatusCode.OK);
        var ready = (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
        Assert.Equal("degraded", ready["status"]);
        Assert.DoesNotContain(disk.Database, ready.Body, StringComparison.Ordinal);
        Assert.Contains("can't be written to", ready["reason"], StringComparison.Ordinal);

        disk.Heal();
        Assert.Equal("ok", (await app.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK)["status"]);
        (await app.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal(0, await server.StopAsync());
    }

    [Fact]
    public async Task A_file_that_is_damaged_after_a_crash_is_named_and_nothing_starts_on_it()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        // Folded into the file, so that the damage is not in a page that the log brings back.
        Assert.Equal(0, await server.StopAsync());
        await server.StartAsync();
        await server.KillAsync();
        var file = Path.Combine(server.DataFolder, "latchkey.db");
        const int Page = 4096;
        await using (var stream = File.OpenWrite(file))
        {
            stream.Seek(Page * 5, SeekOrigin.Begin);
            stream.Write(new byte[Page * 10]);
        }

        foreach (var suffix in new[] { "-wal", "-shm" }) File.Delete(file + suffix);
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(server.StartAsync);
        Assert.Contains("ended before it was ready", exception.Message, StringComparison.Ordinal);
        var sentence = Assert.Single(server.Errors.TrimEnd().Split('\n'), line => line.StartsWith("latchkey: ", StringComparison.Ordinal));
        Assert.Contains(file, sentence, StringComparison.Ordinal);
        Assert.Contains("damaged", sentence, StringComparison.Ordinal);
        Assert.Contains("backup", sentence, StringComparison.Ordinal);
    }

    /// <summary>Lets the disk fail under writes.</summary>
    /// <returns>How many writes were acknowledged although they began after the failure.</returns>
    private static async Task<int> BreakAsync(LatchkeyProcess server, WatchedDisk disk, string fault)
    {
        using var device = new OAuthClient(server.Issuer, DeclaredStates.Device);
        for (var i = 0; i < 20; i++) (await device.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        disk.Fail(fault);
        var acknowledged = 0;
        await Parallel.ForAsync(0, 100, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, _) =>
        {
            try
            {
                var answer = await device.DeviceAsync("openid");
                if (answer.Status == HttpStatusCode.OK) Interlocked.Increment(ref acknowledged);
                else answer.ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
            }
            catch (HttpRequestException)
            {
                // The server has gone already.
            }
        });
        return acknowledged;
    }
}
