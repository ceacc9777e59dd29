using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Latchkey.Storage.PostgreSql;

namespace Latchkey.Storage.Tests;

/// <summary>The primary dies under load while its standby is behind, and the standby takes over.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task With_a_synchronous_standby_nothing_acknowledged_is_lost() => Assert.Equal(0, await LostAsync(isSynchronous: true));

    /// <summary>The control: with an asynchronous standby the same script must find what was lost, or it is blind.</summary>
    [Fact]
    public async Task With_an_asynchronous_standby_the_loss_is_found_out() => Assert.NotEqual(0, await LostAsync(isSynchronous: false));

    private async Task<int> LostAsync(bool isSynchronous)
    {
        await using var primary = new PostgresServer();
        await primary.EnsureStartedAsync();
        await primary.ExecuteAsync("postgres", "CREATE DATABASE ledger");
        await using var standby = await primary.CreateStandbyAsync("standby");
        await standby.StartAsync();
        if (isSynchronous)
        {
            await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'");
            await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        }

        await Eventually.HoldsAsync("the standby follows", async () =>
            (string?)await primary.ExecuteAsync("postgres", "SELECT sync_state FROM pg_stat_replication") == (isSynchronous ? "quorum" : "async"), seconds: 30);
        await using var database = new PostgreSqlDatabase(PostgresServer.UrlOf("ledger", primary.Port, standby.Port));
        await database.MigrateAsync();

        var acknowledged = new ConcurrentDictionary<string, bool>();
        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var id = string.Create(CultureInfo.InvariantCulture, $"{worker}-{i}");
                try
                {
                    await database.WriteAsync(sql => RevokedTokens.AddAsync(sql, id, Now));
                    acknowledged[id] = true;
                }
                catch (DatabaseUnavailableException)
                {
                    await Task.Delay(10);
                }
            }
        })));
        await Eventually.HoldsAsync("writes go through", () => acknowledged.Count > 200, seconds: 60);

        // The standby falls behind, then the primary's machine goes away.
        var sender = (int)(await primary.ExecuteAsync("postgres", "SELECT pid FROM pg_stat_replication"))!;
        Process.Start("kill", ["-STOP", sender.ToString(CultureInfo.InvariantCulture)]).Dispose();
        var before = acknowledged.Count;
        if (!isSynchronous) await Eventually.HoldsAsync("more is acknowledged", () => acknowledged.Count > before + 200, seconds: 60);
        else await Task.Delay(TimeSpan.FromMilliseconds(500));
        await primary.KillAsync();
        await standby.PromoteAsync();

        before = acknowledged.Count;
        await Eventually.HoldsAsync("writes go through again, at the new primary", () => acknowledged.Count > before + 100, seconds: 60);
        await stop.CancelAsync();
        await load;
        var present = (await database.ReadAsync(sql => sql.ListAsync("SELECT jti FROM revoked_tokens", row => row.Text(0)))).ToHashSet();
        var lost = acknowledged.Keys.Count(id => !present.Contains(id));
        output.WriteLine($"{acknowledged.Count} acknowledged, {lost} lost");
        return lost;
    }
}
