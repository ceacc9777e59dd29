namespace Latchkey.Storage.Tests;

public abstract class GrantsTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_grant_reads_back_as_it_was_written()
    {
        await using var test = await engine.CreateAsync();
        var session = RowId.New("alice", Now);
        var grant = TestDatabase.Grant(change: draft =>
        {
            draft.SessionId = session;
            draft.Terms = new GrantTerms("openid", ["https://a.example", "https://b.example"], "1", ["pwd", "otp"], """{"userinfo":{"email":null}}""");
        });
        Assert.True(await test.WriteAsync(sql => Grants.InsertAsync(sql, grant)));

        var found = (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!;

        Assert.Equal(grant.Terms.ToJson(), found.Terms.ToJson());
        Assert.Equal(grant with { Terms = found.Terms }, found);
        Assert.True(found.IsAlive(Now));
    }

    [Fact]
    public async Task Grants_of_the_same_terms_share_one_row()
    {
        await using var test = await engine.CreateAsync();
        for (var i = 0; i < 5; i++) await test.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant()));
        Assert.Equal(1, await test.CountAsync("grant_terms"));
        Assert.Equal(5, await test.CountAsync("grants"));
    }

    [Fact, Spec("RFC 6749", "4.1.2")]
    public async Task Of_many_who_insert_one_grant_one_wins()
    {
        await using var test = await engine.CreateAsync();
        var grant = TestDatabase.Grant();
        Assert.Equal(1, await test.RaceAsync(100, sql => Grants.InsertAsync(sql, grant)));
        Assert.Equal(1, await test.CountAsync("grants"));
    }

    [Fact, Spec("OAuth 2.1", "4.3.1")]
    public async Task Of_many_who_rotate_one_generation_one_wins()
    {
        await using var test = await engine.CreateAsync();
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        for (var generation = 1; generation <= 3; generation++)
        {
            var presented = generation;
            Assert.Equal(1, await test.RaceAsync(100, sql => Grants.RotateAsync(sql, grant.Id, presented, Now + presented)));
            Assert.Equal(generation + 1, (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!.Generation);
        }
    }

    [Fact]
    public async Task A_grant_that_is_over_does_not_rotate()
    {
        await using var test = await engine.CreateAsync();
        var idle = TestDatabase.Grant(change: draft => draft.IdleSeconds = 10);
        var ended = TestDatabase.Grant(change: draft => draft.ExpiresAt = Now + 5_000);
        var revoked = TestDatabase.Grant();
        foreach (var grant in (Grant[])[idle, ended, revoked]) await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        Assert.True(await test.WriteAsync(sql => Grants.RevokeAsync(sql, revoked.Id, RevocationReasons.User, Now)));

        Assert.False(await test.WriteAsync(sql => Grants.RotateAsync(sql, idle.Id, 1, Now + 10_000)));
        Assert.False(await test.WriteAsync(sql => Grants.TouchAsync(sql, idle.Id, Now + 10_000)));
        Assert.False(await test.WriteAsync(sql => Grants.RotateAsync(sql, ended.Id, 1, Now + 5_000)));
        Assert.False(await test.WriteAsync(sql => Grants.RotateAsync(sql, revoked.Id, 1, Now)));
        Assert.False(await test.WriteAsync(sql => Grants.FastForwardAsync(sql, revoked.Id, 9, Now)));
        Assert.False(idle.IsAlive(Now + 10_000));
        Assert.False(ended.IsAlive(Now + 5_000));

        Assert.True(await test.WriteAsync(sql => Grants.RotateAsync(sql, idle.Id, 1, Now + 9_999)));
        Assert.True(await test.WriteAsync(sql => Grants.TouchAsync(sql, idle.Id, Now + 15_000)));
    }

    [Fact]
    public async Task A_grant_is_revoked_once_with_its_reason()
    {
        await using var test = await engine.CreateAsync();
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        Assert.Equal(1, await test.RaceAsync(50, sql => Grants.RevokeAsync(sql, grant.Id, RevocationReasons.RefreshReuse, Now + 1)));
        Assert.False(await test.WriteAsync(sql => Grants.RevokeAsync(sql, grant.Id, RevocationReasons.User, Now + 2)));
        var found = (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!;
        Assert.Equal(Now + 1, found.RevokedAt);
        Assert.Equal(RevocationReasons.RefreshReuse, found.RevokedReason);
        Assert.False(found.IsAlive(Now));
    }

    [Fact]
    public async Task A_token_from_the_future_moves_the_row_forward_only()
    {
        await using var test = await engine.CreateAsync();
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        Assert.True(await test.WriteAsync(sql => Grants.FastForwardAsync(sql, grant.Id, 7, Now)));
        Assert.False(await test.WriteAsync(sql => Grants.FastForwardAsync(sql, grant.Id, 7, Now)));
        Assert.False(await test.WriteAsync(sql => Grants.FastForwardAsync(sql, grant.Id, 3, Now)));
        Assert.Equal(7, (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!.Generation);
    }

    [Fact]
    public async Task Grants_end_by_user_by_client_and_by_session()
    {
        await using var test = await engine.CreateAsync();
        var session = RowId.New("alice", Now);
        var web = TestDatabase.Grant(change: draft => draft.SessionId = session);
        var offline = TestDatabase.Grant();
        var other = TestDatabase.Grant(change: draft => draft.ClientId = "other");
        var bob = TestDatabase.Grant("bob");
        foreach (var grant in (Grant[])[web, offline, other, bob]) await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));

        Assert.Equal(1, await test.WriteAsync(sql => Grants.RevokeBySessionAsync(sql, session, "alice", Now)));
        Assert.Equal(1, await test.WriteAsync(sql => Grants.RevokeByUserAsync(sql, "alice", "other", RevocationReasons.User, Now)));
        Assert.Equal(1, await test.WriteAsync(sql => Grants.RevokeByUserAsync(sql, "alice", null, RevocationReasons.PasswordChanged, Now)));
        Assert.Equal(0, await test.WriteAsync(sql => Grants.RevokeByUserAsync(sql, "alice", null, RevocationReasons.PasswordChanged, Now)));

        async Task<string?> ReasonAsync(Grant grant) => (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!.RevokedReason;
        Assert.Equal(RevocationReasons.SessionEnded, await ReasonAsync(web));
        Assert.Equal(RevocationReasons.PasswordChanged, await ReasonAsync(offline));
        Assert.Equal(RevocationReasons.User, await ReasonAsync(other));
        Assert.Null(await ReasonAsync(bob));
    }

    [Fact]
    public async Task Grants_are_listed_newest_first()
    {
        await using var test = await engine.CreateAsync();
        for (var i = 0; i < 3; i++)
        {
            var at = Now + i;
            await test.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant(change: draft => draft.CreatedAt = at)));
        }

        await test.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant("bob", draft => draft.ClientId = "other")));
        Assert.Equal([Now + 2, Now + 1, Now], (await test.ReadAsync(sql => Grants.ListByUserAsync(sql, "alice"))).Select(grant => grant.CreatedAt));
        Assert.Equal("bob", Assert.Single(await test.ReadAsync(sql => Grants.ListAsync(sql, "other", 10))).Subject);
        Assert.Equal(2, (await test.ReadAsync(sql => Grants.ListAsync(sql, null, 2))).Count);
    }

    [Fact]
    public async Task Only_grants_that_are_long_over_are_removed_a_few_at_a_time()
    {
        await using var test = await engine.CreateAsync();
        for (var i = 0; i < 5; i++) await test.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant(change: draft => draft.ExpiresAt = Now - 10)));
        await test.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant()));
        Assert.Equal(3, await test.WriteAsync(sql => Grants.PruneAsync(sql, Now, 3)));
        Assert.Equal(2, await test.WriteAsync(sql => Grants.PruneAsync(sql, Now, 3)));
        Assert.Equal(0, await test.WriteAsync(sql => Grants.PruneAsync(sql, Now, 3)));
        Assert.Equal(1, await test.CountAsync("grants"));
    }
}

public sealed class SqliteGrantsTests() : GrantsTests(Engine.Sqlite);

public sealed class PostgreSqlGrantsTests(PostgresServer server) : GrantsTests(new(server));

public sealed class ShardedGrantsTests(PostgresServer server) : GrantsTests(Engine.Sharded(server));
