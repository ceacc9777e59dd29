using System.Collections.Concurrent;
using System.Globalization;

namespace Latchkey.Storage.Tests;

/// <summary>The engine ends in the middle of many writes and starts again: what was acknowledged is there, all else is whole or absent.</summary>
public abstract class CrashTests(Engine engine)
{
    private const long Now = TestDatabase.Now;
    private const int Workers = 16;

    [Fact]
    public async Task After_a_crash_what_was_acknowledged_is_there_and_all_else_is_whole_or_absent()
    {
        await using var test = await engine.CreateAsync();
        for (var round = 0; round < 3; round++) await CrashOnceAsync(test, round);
    }

    private static async Task CrashOnceAsync(TestDatabase test, int round)
    {
        var ledger = new Ledger();
        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(() => WriteAsync(test.Database, ledger, round, worker, stop.Token))));
        await Eventually.HoldsAsync("writes are acknowledged", () => ledger.Pairs.Count > 200 && ledger.Generations.Count == Workers, seconds: 60);

        // It strikes inside a transaction, with others begun or waiting around it.
        Ledger? promised = null;
        try
        {
            await test.WriteAsync(async sql =>
            {
                await RevokedTokens.AddAsync(sql, "half", Now);
                if (promised is not null) return;
                await test.CrashAsync();
                promised = ledger.Copy();
                await RevokedTokens.AddAsync(sql, "other half", Now);
            });
        }
        catch (DatabaseUnavailableException)
        {
            // A server that went away takes its transactions with it.
        }

        await stop.CancelAsync();
        await load;
        await test.ReopenAsync();
        await test.Database.MigrateAsync();

        var tokens = (await test.ReadAsync(sql => sql.ListAsync("SELECT jti FROM revoked_tokens", row => row.Text(0)))).ToHashSet();
        Assert.DoesNotContain("half", tokens);
        Assert.DoesNotContain("other half", tokens);
        Assert.All(promised!.Pairs.Keys, pair => Assert.Contains(pair + "-a", tokens));
        Assert.All(tokens, token => Assert.Contains(token[..^1] + (token[^1] == 'a' ? 'b' : 'a'), tokens));
        foreach (var (id, acknowledged) in promised.Generations)
        {
            var grant = await test.ReadAsync(sql => Grants.FindAsync(sql, id));
            // One more may have been done whose answer did not come.
            Assert.InRange(grant!.Generation, acknowledged, acknowledged + 1);
        }

        // It goes on.
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, string.Create(CultureInfo.InvariantCulture, $"after{round}-a"), Now)));
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, string.Create(CultureInfo.InvariantCulture, $"after{round}-b"), Now)));
    }

    private static async Task WriteAsync(Database database, Ledger ledger, int round, int worker, CancellationToken stop)
    {
        var grant = TestDatabase.Grant(string.Create(CultureInfo.InvariantCulture, $"person{worker}"));
        try
        {
            await database.WriteAsync(sql => Grants.InsertAsync(sql, grant));
            ledger.Generations[grant.Id] = 1;
            for (var i = 1; !stop.IsCancellationRequested; i++)
            {
                var (pair, generation) = (string.Create(CultureInfo.InvariantCulture, $"{round}-{worker}-{i}"), i);
                await database.WriteAsync(async sql => await RevokedTokens.AddAsync(sql, pair + "-a", Now) & await RevokedTokens.AddAsync(sql, pair + "-b", Now));
                ledger.Pairs[pair] = true;
                if (!await database.RotateAsync(grant.Id, generation, Now)) return;
                ledger.Generations[grant.Id] = generation + 1;
            }
        }
        catch (DatabaseUnavailableException)
        {
            // This one's last write may have been done or not.
        }
    }

    /// <summary>What was acknowledged.</summary>
    private sealed class Ledger
    {
        public ConcurrentDictionary<string, bool> Pairs { get; private init; } = new();

        public ConcurrentDictionary<RowId, int> Generations { get; private init; } = new();

        public Ledger Copy() => new() { Pairs = new(Pairs), Generations = new(Generations) };
    }
}

public sealed class SqliteCrashTests() : CrashTests(Engine.Sqlite);

/// <summary>On a server of its own, so that nobody else's goes away.</summary>
public sealed class PostgreSqlCrashTests(PostgreSqlCrashTests.Own own) : CrashTests(new(own.Server)), IClassFixture<PostgreSqlCrashTests.Own>
{
    public sealed class Own : IAsyncDisposable
    {
        public PostgresServer Server { get; } = new();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
