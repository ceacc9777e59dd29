using Latchkey.Storage.PostgreSql;

namespace Latchkey.Storage.Tests;

/// <summary>The audit as it is followed.</summary>
public abstract class AuditTailTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task What_comes_is_told_once_and_in_order()
    {
        await using var test = await engine.CreateAsync();
        await AppendAsync(test.Database, "before");
        var tail = await AuditTail.BeginAsync(test.Database, Now);
        Assert.Empty(await tail.NextAsync(new AuditFilter(), Now));
        for (var i = 0; i < 3; i++) await AppendAsync(test.Database, $"event-{i}");
        Assert.Equal(["event-0", "event-1", "event-2"], (await tail.NextAsync(new AuditFilter(), Now)).Select(entry => entry.Event));
        Assert.Empty(await tail.NextAsync(new AuditFilter(), Now));
        // More than one step's worth: nothing is passed over.
        await Task.WhenAll(Enumerable.Range(0, 1200).Select(i => AppendAsync(test.Database, i % 3 == 0 ? "third" : "other").AsTask()));
        var told = new List<AuditEvent>();
        for (var round = 0; round < 4; round++) told.AddRange(await tail.NextAsync(new AuditFilter(Event: "third"), Now));
        Assert.Equal(400, told.Count);
        Assert.Equal(told.Select(entry => entry.Id).Order().Distinct(), told.Select(entry => entry.Id));
    }

    protected static ValueTask<bool> AppendAsync(Database database, string name) => database.WriteAsync(async sql =>
    {
        await AuditLog.AppendAsync(sql, new AuditEvent { At = Now, Event = name });
        return true;
    });
}

public sealed class SqliteAuditTailTests() : AuditTailTests(Engine.Sqlite);

public sealed class PostgreSqlAuditTailTests(PostgresServer server) : AuditTailTests(new(server))
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task An_event_that_is_committed_after_one_with_a_higher_number_is_told_too()
    {
        var url = await server.CreateDatabaseAsync();
        await using var database = new PostgreSqlDatabase(url, TimeSpan.FromSeconds(30));
        await database.MigrateAsync();
        await using var other = new PostgreSqlDatabase(url, TimeSpan.FromSeconds(30));
        var tail = await AuditTail.BeginAsync(database, Now);
        var late = await HoldAsync(other, "late");
        await AppendAsync(database, "early");
        Assert.Equal("early", Assert.Single(await tail.NextAsync(new AuditFilter(), Now)).Event);
        // Who begins now may be told of it too: it has not happened yet.
        var second = await AuditTail.BeginAsync(database, Now);
        Assert.Empty(await tail.NextAsync(new AuditFilter(), Now + 5_000));
        await late();
        Assert.Equal("late", Assert.Single(await tail.NextAsync(new AuditFilter(), Now + 10_000)).Event);
        Assert.Empty(await tail.NextAsync(new AuditFilter(), Now + 10_000));
        Assert.Equal("late", Assert.Single(await second.NextAsync(new AuditFilter(), Now + 10_000)).Event);

        // A number that nobody uses is given up, and what comes after it goes on.
        await Assert.ThrowsAsync<InvalidOperationException>(() => database.WriteAsync<bool>(async sql =>
        {
            await AuditLog.AppendAsync(sql, new AuditEvent { At = Now, Event = "undone" });
            throw new InvalidOperationException("as the test wants");
        }).AsTask());
        await AppendAsync(database, "after");
        Assert.Equal("after", Assert.Single(await tail.NextAsync(new AuditFilter(), Now)).Event);
        Assert.Empty(await tail.NextAsync(new AuditFilter(), Now + 60_000));
        await AppendAsync(database, "last");
        Assert.Equal("last", Assert.Single(await tail.NextAsync(new AuditFilter(), Now + 60_000)).Event);
    }

    /// <summary>Writes an event in a transaction that stays open.</summary>
    /// <returns>Commits it.</returns>
    private static async Task<Func<Task>> HoldAsync(Database database, string name)
    {
        var (written, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var write = database.WriteAsync(async sql =>
        {
            await AuditLog.AppendAsync(sql, new AuditEvent { At = Now, Event = name });
            written.SetResult();
            await release.Task;
            return true;
        }).AsTask();
        await written.Task;
        return () =>
        {
            release.SetResult();
            return write;
        };
    }
}
