namespace Latchkey.Storage.Tests;

public abstract class SessionsTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_session_reads_back_as_it_was_written()
    {
        await using var test = await engine.CreateAsync();
        var session = TestDatabase.Session();
        await test.WriteAsync(sql => Sessions.InsertAsync(sql, session));
        var found = (await test.ReadAsync(sql => Sessions.FindAsync(sql, session.Id)))!;
        Assert.Equal(session.SecretHash, found.SecretHash);
        Assert.Equal(session.Amr, found.Amr);
        Assert.Equal(session with { SecretHash = found.SecretHash, Amr = found.Amr }, found);
        Assert.True(found.IsAlive(Now));
        Assert.False(found.IsAlive(session.ExpiresAt));
    }

    [Fact]
    public async Task A_session_ends_once()
    {
        await using var test = await engine.CreateAsync();
        var session = TestDatabase.Session();
        await test.WriteAsync(sql => Sessions.InsertAsync(sql, session));
        Assert.Equal(1, await test.RaceAsync(50, sql => Sessions.EndAsync(sql, session.Id, Now)));
        Assert.False((await test.ReadAsync(sql => Sessions.FindAsync(sql, session.Id)))!.IsAlive(Now));
        Assert.False(await test.WriteAsync(sql => Sessions.EndAsync(sql, RowId.New("nobody", Now), Now)));
    }

    [Fact]
    public async Task Lists_hold_the_living_ones_last_used_first()
    {
        await using var test = await engine.CreateAsync();
        var (old, used, ended, over) = (TestDatabase.Session(), TestDatabase.Session(), TestDatabase.Session(), TestDatabase.Session(expiresAt: Now));
        foreach (var session in (Session[])[old, used, ended, over, TestDatabase.Session("bob")]) await test.WriteAsync(sql => Sessions.InsertAsync(sql, session));
        await test.WriteAsync(sql => Sessions.TouchAsync(sql, used.Id, Now + 5));
        await test.WriteAsync(sql => Sessions.EndAsync(sql, ended.Id, Now));
        Assert.Equal([used.Id, old.Id], (await test.ReadAsync(sql => Sessions.ListByUserAsync(sql, "alice", Now))).Select(session => session.Id));
        Assert.Equal(3, (await test.ReadAsync(sql => Sessions.ListAsync(sql, Now, 10))).Count);
        Assert.Single(await test.ReadAsync(sql => Sessions.ListAsync(sql, Now, 1)));
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.3")]
    public async Task The_clients_of_a_session_are_kept_once_and_go_with_it()
    {
        await using var test = await engine.CreateAsync();
        var (session, other) = (TestDatabase.Session(expiresAt: Now - 1), TestDatabase.Session());
        await test.WriteAsync(sql => Sessions.InsertAsync(sql, session));
        await test.WriteAsync(sql => Sessions.InsertAsync(sql, other));
        for (var i = 0; i < 2; i++) await test.WriteAsync(sql => Sessions.AddClientAsync(sql, session.Id, "web"));
        await test.WriteAsync(sql => Sessions.AddClientAsync(sql, session.Id, "post"));
        await test.WriteAsync(sql => Sessions.AddClientAsync(sql, other.Id, "web"));
        Assert.Equal(["post", "web"], (await test.ReadAsync(sql => Sessions.ClientsAsync(sql, session.Id))).Order());

        Assert.Equal(1, await test.WriteAsync(sql => Sessions.PruneAsync(sql, Now, 10)));
        Assert.Null(await test.ReadAsync(sql => Sessions.FindAsync(sql, session.Id)));
        Assert.Empty(await test.ReadAsync(sql => Sessions.ClientsAsync(sql, session.Id)));
        Assert.Equal(1, await test.CountAsync("session_clients"));
    }
}

public sealed class SqliteSessionsTests() : SessionsTests(Engine.Sqlite);

public sealed class PostgreSqlSessionsTests(PostgresServer server) : SessionsTests(new(server));

public sealed class ShardedSessionsTests(PostgresServer server) : SessionsTests(Engine.Sharded(server));
