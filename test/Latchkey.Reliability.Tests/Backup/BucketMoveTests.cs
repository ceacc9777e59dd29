using System.Diagnostics;
using System.Globalization;
using System.Net;
using Latchkey.Storage;

namespace Latchkey.Reliability.Tests.Backup;

/// <summary>docs/how-to/shard-by-bucket.md, step by step: people get a database of their own, and nothing of theirs is lost.</summary>
public sealed class BucketMoveTests(PostgresServer postgres)
{
    [Fact]
    public async Task People_who_are_moved_to_a_further_database_go_on_there()
    {
        string[] databases = [await postgres.CreateDatabaseAsync(), await postgres.CreateDatabaseAsync()];
        await using var server = await LatchkeyProcess.StartAsync(arguments: Named(databases));
        using var alice = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var tokens = await web.SignInAsync(alice, "openid offline_access");
        var revoked = await web.SignInAsync(alice, "openid offline_access");
        (await web.RevokeAsync(revoked.AccessToken)).Expect(HttpStatusCode.OK);
        var subject = (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["sub"]!;
        var events = await EventsAsync(server);
        Assert.Contains(AuditEvents.SignIn, events);
        Assert.Equal(0, await server.StopAsync());

        // Her bucket alone goes to a third.
        var bucket = RowId.BucketOf(subject);
        var third = await postgres.CreateDatabaseAsync();
        var map = ShardMap.Of([.. Enumerable.Range(0, 2).Select(i => Without(bucket, i * 2048, i * 2048 + 2047)), string.Create(CultureInfo.InvariantCulture, $"{bucket}-{bucket}")]).ToString();
        foreach (var database in databases) await postgres.ExecuteAsync(NameOf(database), $"UPDATE shard_placement SET map = '{map}'");
        server.Arguments = Named([.. databases.Append(third).Zip(map.Split(' '), (url, range) => $"{url}?Buckets={range}")]);
        Assert.Equal(0, (await server.CommandAsync("client", "list")).ExitCode);
        for (var run = 0; run < 2; run++) await MoveAsync(databases[bucket / 2048], third, bucket);

        foreach (var table in (string[])["users", "sessions", "grants", "audit", "revoked_tokens"])
        {
            var where = table == "revoked_tokens" ? "true" : $"sub = '{subject}'";
            Assert.Equal(0L, await postgres.ExecuteAsync(NameOf(databases[bucket / 2048]), $"SELECT COUNT(*) FROM {table} WHERE {where}"));
            Assert.NotEqual(0L, await postgres.ExecuteAsync(NameOf(third), $"SELECT COUNT(*) FROM {table} WHERE {where}"));
        }

        await server.StartAsync();
        Assert.Equal(events.Order(), (await EventsAsync(server)).Order());
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.Unauthorized, (await web.UserInfoAsync(revoked.AccessToken)).Status);
        Assert.False((await alice.GetAsync("/account")).Has("password"));
        Assert.NotNull((await web.SignInAsync(scope: "openid offline_access")).RefreshToken);
    }

    private static string[] Named(string[] databases) => [.. databases.SelectMany(database => (string[])["--database", database])];

    private static string NameOf(string url) => url[(url.LastIndexOf('/') + 1)..];

    private static string Without(int bucket, int first, int last) =>
        bucket < first || bucket > last ? $"{first}-{last}"
        : bucket == first ? $"{first + 1}-{last}"
        : bucket == last ? $"{first}-{last - 1}"
        : $"{first}-{bucket - 1},{bucket + 1}-{last}";

    private static async Task<List<string>> EventsAsync(LatchkeyProcess server)
    {
        var listed = await server.CommandAsync("audit", "list", "--json", "--limit", "1000");
        Assert.True(listed.ExitCode == 0, listed.Errors);
        return [.. listed.Json.EnumerateArray().Select(entry => entry.GetProperty("event").GetString()!)
            .Where(name => name is AuditEvents.SignIn or AuditEvents.GrantCreated or AuditEvents.TokenRevoked or AuditEvents.ConsentGiven)];
    }

    private static async Task MoveAsync(string from, string to, int bucket)
    {
        var text = bucket.ToString(CultureInfo.InvariantCulture);
        using var script = Process.Start(new ProcessStartInfo(Path.Combine(LatchkeyProcess.RepositoryRoot, "packaging", "move-buckets.sh"), [from, to, text, text]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (script.StandardOutput.ReadToEndAsync(), await script.StandardError.ReadToEndAsync());
        await output;
        await script.WaitForExitAsync();
        Assert.True(script.ExitCode == 0, errors);
    }
}
