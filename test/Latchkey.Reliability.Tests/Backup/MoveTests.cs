using System.Net;
using System.Text.Json;

namespace Latchkey.Reliability.Tests.Backup;

/// <summary>An installation that grew on SQLite goes on in PostgreSQL: tokens, sessions, secrets and keys of before are good.</summary>
public sealed class MoveTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_was_given_before_a_move_is_good_after_it(int databases)
    {
        var targets = new List<string>();
        for (var i = 0; i < databases; i++) targets.Add(await postgres.CreateDatabaseAsync());
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var tokens = await web.SignInAsync(alice, "openid offline_access");
        var revoked = await web.SignInAsync(alice, "openid offline_access");
        (await web.RevokeAsync(revoked.RefreshToken!)).Expect(HttpStatusCode.OK);
        var keys = await KeysAsync(web);
        string[] move = ["move", "--from", "sqlite:" + Path.Combine(server.DataFolder, "latchkey.db"), .. targets.SelectMany(target => (string[])["--to", target])];

        var running = await server.CommandAsync(move);
        Assert.Equal(1, running.ExitCode);
        Assert.Contains("A server runs", running.Errors, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
        var moved = await server.CommandAsync([.. move, "--json"]);
        Assert.Equal((0, ""), (moved.ExitCode, moved.Errors));
        Assert.Equal(2, moved.Json.GetProperty("tables").GetProperty("grants").GetInt64());
        Assert.True(moved.Json.GetProperty("key_ring").GetInt32() > 0);
        Assert.DoesNotContain(PostgresServer.Password, moved.Output, StringComparison.Ordinal);
        // Twice would be a mixture.
        var again = await server.CommandAsync(move);
        Assert.Equal(1, again.ExitCode);
        Assert.Contains("not empty", again.Errors, StringComparison.Ordinal);

        server.Arguments = [.. targets.SelectMany(target => (string[])["--database", target])];
        await server.StartAsync();
        // The next keys may have come in between.
        Assert.Subset(await KeysAsync(web), keys);
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(revoked.RefreshToken!)).ExpectError("invalid_grant");
        Assert.False((await alice.GetAsync("/account")).Has("password"));
        Assert.NotNull((await web.SignInAsync(alice, "openid offline_access")).RefreshToken);
    }

    private static async Task<HashSet<string>> KeysAsync(OAuthClient client)
    {
        using var jwks = JsonDocument.Parse((await client.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK).Body);
        return [.. jwks.RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetRawText())];
    }
}
