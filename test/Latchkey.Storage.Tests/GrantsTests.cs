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

    [Fact]
    public async Task Many_who_look_for_grants_at_once_find_each_their_own()
    {
        await using var test = await engine.CreateAsync();
        var grants = new List<Grant>();
        foreach (var (person, i) in Enumerable.Range(0, 40).Select(i => (i % 2 == 0 ? "alice" : "bob", i)))
        {
            var session = TestDatabase.Session(person);
            var grant = TestDatabase.Grant(person, draft => draft.SessionId = i % 3 == 0 ? null : session.Id);
            await test.WriteAsync(async sql =>
            {
                // Bob is gone, and so are some of the sessions.
                if (i == 0) await Users.InsertAsync(sql, TestDatabase.User(person));
                if (i % 3 == 1) await Sessions.InsertAsync(sql, session);
                await Grants.InsertAsync(sql, grant);
            });
            grants.Add(grant);
        }

        var unknown = RowId.New("alice", Now);
        await Task.WhenAll(Enumerable.Range(0, 400).Select(call => Task.Run(async () =>
        {
            if (call % 41 == 40)
            {
                Assert.Null(await test.Database.FindGrantAsync(unknown));
                return;
            }

            var expected = grants[call % 41];
            var (grant, user, session) = (await test.Database.FindGrantAsync(expected.Id))!;
            Assert.Equal((expected.Id, expected.Subject, expected.SessionId), (grant.Id, grant.Subject, grant.SessionId));
            Assert.Equal(expected.Subject == "alice" ? "alice" : null, user?.Subject);
            Assert.Equal(call % 41 % 3 == 1 ? expected.SessionId : null, session?.Id);
        })));
    }

    [Fact]
    public async Task Several_grants_are_found_in_one_statement()
    {
        await using var test = await engine.CreateAsync();
        var ids = new List<RowId>();
        for (var i = 0; i < Grants.ManyWithPerson; i++)
        {
            var grant = TestDatabase.Grant();
            ids.Add(grant.Id);
            await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        }

        for (var count = 1; count <= ids.Count; count++)
            Assert.Equal(ids[..count], (await ListAsync(ids[..count])).OrderBy(ids.IndexOf));
        Assert.Equal([ids[0], ids[1]], (await ListAsync([ids[0], RowId.New("alice", Now), ids[1], ids[0]])).OrderBy(ids.IndexOf));
        Assert.Empty(await ListAsync([RowId.New("alice", Now)]));
        Assert.Empty(await ListAsync([RowId.New("alice", Now), RowId.New("alice", Now)]));

        async Task<List<RowId>> ListAsync(IReadOnlyList<RowId> wanted) =>
            (await test.ReadAsync(sql => Grants.ListWithPersonAsync(sql.ShardOf("alice"), wanted))).ConvertAll(found => found.Grant.Id);
    }

    [Fact]
    public async Task Who_looks_for_a_grant_after_a_write_sees_it_however_many_others_look()
    {
        await using var test = await engine.CreateAsync();
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        for (var generation = 1; generation <= 30; generation++)
        {
            var others = Enumerable.Range(0, 16).Select(_ => test.Database.FindGrantAsync(grant.Id).AsTask()).ToArray();
            Assert.True(await test.Database.RotateAsync(grant.Id, generation, Now));
            Assert.Equal(generation + 1, (await test.Database.FindGrantAsync(grant.Id))!.Grant.Generation);
            foreach (var other in await Task.WhenAll(others)) Assert.InRange(other!.Grant.Generation, generation, generation + 1);
        }
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
