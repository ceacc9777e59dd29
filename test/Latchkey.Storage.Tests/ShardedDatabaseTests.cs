using System.Globalization;
using Latchkey.Storage.PostgreSql;

namespace Latchkey.Storage.Tests;

/// <summary>
/// What several databases are beyond one: the suite that each engine passes runs on them too. Alice's bucket is 701, Bob's 2075, so that of two databases
/// she is in the first and he in the second.
/// </summary>
public sealed class ShardedDatabaseTests(PostgresServer server)
{
    private const long Now = TestDatabase.Now;

    private static readonly string[] People = ["alice", "bob"];

    [Fact]
    public async Task The_rows_of_a_person_lie_in_the_database_of_their_bucket_and_nowhere_else()
    {
        await using var database = Open(await CreateAsync(2));
        await database.MigrateAsync();
        foreach (var person in People)
        {
            await database.WriteAsync(async sql =>
            {
                await Users.InsertAsync(sql, TestDatabase.User(person));
                await Sessions.InsertAsync(sql, TestDatabase.Session(person));
                await Grants.InsertAsync(sql, TestDatabase.Grant(person));
                await Consents.SaveAsync(sql, new(person, "web", "openid", "", Now));
                await AuditLog.AppendAsync(sql, new AuditEvent { At = Now, Event = AuditEvents.SignIn, Subject = person });
                return true;
            });
        }

        for (var i = 0; i < 2; i++)
        {
            foreach (var table in (string[])["users", "sessions", "grants", "consents", "audit"])
                Assert.Equal([People[i]], await database.Shards[i].ReadAsync(sql => sql.ListAsync($"SELECT sub FROM {table}", row => row.Text(0))));
        }

        Assert.Same(database.Shards[0], database.ShardOf("alice"));
        Assert.Same(database.Shards[1], database.ShardOf("bob"));
        // What a refresh asks for is there in one statement.
        var grant = Assert.Single(await database.ReadAsync(sql => Grants.ListByUserAsync(sql, "bob")));
        Assert.Equal("bob", (await database.ReadAsync(sql => Grants.FindWithPersonAsync(sql, grant.Id)))!.User!.Subject);
        Assert.True(await database.RotateAsync(grant.Id, 1, Now));
        Assert.False(await database.RotateAsync(grant.Id, 1, Now));
    }

    [Fact]
    public async Task Nodes_that_start_at_once_agree_and_others_are_refused()
    {
        var urls = await CreateAsync(2);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(async _ =>
        {
            await using var node = Open(urls);
            await node.MigrateAsync();
        }));
        await Using(urls, node => node.MigrateAsync());

        await RefusedAsync([urls[1], urls[0]], "keep their order");
        await RefusedAsync([urls[0] + "?Buckets=0-2000", urls[1] + "?Buckets=2001-4095"], "moving buckets");
        await RefusedAsync([urls[0], urls[1], (await CreateAsync(1))[0]], "moving buckets");
        var others = await CreateAsync(2);
        await Using(others, node => node.MigrateAsync());
        await RefusedAsync([urls[0], others[1]], "another installation");
        foreach (var url in urls)
        {
            await using var alone = new PostgreSqlDatabase(url);
            Assert.Contains("of 2 that belong together", (await Assert.ThrowsAsync<DatabaseUnavailableException>(() => alone.MigrateAsync())).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task People_who_are_in_one_database_are_not_left_behind()
    {
        var urls = await CreateAsync(2);
        await using (var alone = new PostgreSqlDatabase(urls[0]))
        {
            await alone.MigrateAsync();
            await alone.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("bob")));
        }

        await RefusedAsync(urls, "latchkey move");
        // Nothing was written down: it goes on alone.
        await using var again = new PostgreSqlDatabase(urls[0]);
        await again.MigrateAsync();
    }

    [Fact]
    public async Task A_name_is_one_persons_in_whichever_database()
    {
        await using var database = Open(await CreateAsync(2));
        await database.MigrateAsync();
        var racers = Enumerable.Range(0, 20).Select(i => TestDatabase.User(string.Create(CultureInfo.InvariantCulture, $"racer-{i}"), "carol")).ToList();
        var won = await Task.WhenAll(racers.Select(racer => database.WriteAsync(sql => Users.InsertAsync(sql, racer)).AsTask()));
        var carol = racers[Array.IndexOf(won, true)];
        Assert.Single(won, one => one);
        Assert.Equal(carol.Subject, (await FindAsync(database, "CAROL"))!.Subject);

        // A sub that is taken leaves no name behind.
        Assert.False(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User(carol.Subject, "other"))));
        Assert.True(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("alice", "other"))));
        Assert.False(await database.WriteAsync(sql => Users.UpdateAsync(sql, carol with { LoginName = "OTHER" })));
        Assert.True(await database.WriteAsync(sql => Users.UpdateAsync(sql, carol with { LoginName = "CAROLINE" })));
        Assert.Null(await FindAsync(database, "CAROL"));
        Assert.Equal(carol.Subject, (await FindAsync(database, "CAROLINE"))!.Subject);
        Assert.True(await database.WriteAsync(sql => Users.DeleteAsync(sql, carol.Subject)));
        Assert.Null(await FindAsync(database, "CAROLINE"));
        Assert.True(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("bob", "caroline"))));
    }

    [Fact]
    public async Task A_name_that_was_taken_for_nobody_is_free_after_an_hour()
    {
        await using var database = Open(await CreateAsync(2));
        await database.MigrateAsync();
        // As a node leaves it that lost the person's database between the two commits.
        await database.WriteAsync(sql => sql.ExecuteAsync("INSERT INTO login_names (login_name, sub, taken_at) VALUES ('BOB', 'nobody', $1)", Now));
        Assert.False(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("bob"))));
        Assert.True(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("bob") with { CreatedAt = Now + 3_600_001 })));
        // Whose it is keeps it, however old it is.
        Assert.False(await database.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("robert", "bob") with { CreatedAt = Now + 10_000_000_000 })));
    }

    [Fact]
    public async Task Of_a_write_over_two_what_used_up_comes_first_and_the_caller_is_told()
    {
        var urls = await CreateAsync(2);
        await using var database = Open(urls);
        await database.MigrateAsync();
        var grant = TestDatabase.Grant("bob");
        var code = new DeviceCode
        {
            CodeHash = DeviceCodes.Hash("code"), UserCode = "BCDF", ClientId = "tv", Scope = "openid", Resources = "", IntervalSeconds = 5, CreatedAt = Now, ExpiresAt = Now + 600_000,
        };
        await database.WriteAsync(sql => DeviceCodes.InsertAsync(sql, code));
        await database.WriteAsync(sql => DeviceCodes.ApproveAsync(sql, "BCDF", grant.Id, "bob", Now / 1000, "1", "pwd", Now));

        // Undone by the caller, nothing is written in either.
        await Assert.ThrowsAsync<InvalidOperationException>(() => RedeemAsync(() => throw new InvalidOperationException("no")));
        Assert.Equal(DeviceCodeStatus.Approved, (await database.ReadAsync(sql => DeviceCodes.FindAsync(sql, code.CodeHash)))!.Status);

        // The person's database goes away between its statements and its commit.
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => RedeemAsync(() => server.ExecuteAsync(
            "postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{urls[1][(urls[1].LastIndexOf('/') + 1)..]}'")));
        Assert.Equal(DeviceCodeStatus.Used, (await database.ReadAsync(sql => DeviceCodes.FindAsync(sql, code.CodeHash)))!.Status);
        await Eventually.HoldsAsync("the second database is reached again", async () => await database.Shards[1].IsAvailableAsync());
        Assert.Null(await database.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)));

        async Task<bool> RedeemAsync(Func<Task> before) => await database.WriteAsync(async sql =>
        {
            var won = await DeviceCodes.UseAsync(sql, code.CodeHash, Now) && await Grants.InsertAsync(sql, grant);
            await before();
            return won;
        });
    }

    [Fact]
    public async Task While_one_is_away_the_people_of_the_others_are_served()
    {
        await using var own = new PostgresServer();
        string[] urls = [await server.CreateDatabaseAsync(), await own.CreateDatabaseAsync()];
        await using var database = new ShardedDatabase(urls, TimeSpan.FromSeconds(2));
        await database.MigrateAsync();
        foreach (var person in People) await database.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant(person)));
        Assert.True(await database.IsAvailableAsync());
        Assert.Null(database.Trouble);

        await own.StopAsync();
        Assert.Single(await database.ReadAsync(sql => Grants.ListByUserAsync(sql, "alice")));
        await database.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant("alice")));
        await Assert.ThrowsAsync<DatabaseUnavailableException>(async () => await database.ReadAsync(sql => Grants.ListByUserAsync(sql, "bob")));
        await Assert.ThrowsAsync<DatabaseUnavailableException>(async () => await database.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant("bob"))));
        Assert.True(await database.IsAvailableAsync());
        Assert.Contains("number 2", database.Trouble, StringComparison.Ordinal);

        await own.StartAsync();
        await Eventually.HoldsAsync("the people of the second are served again", async () => await database.IsAvailableAsync() && database.Trouble is null);
        Assert.Single(await database.ReadAsync(sql => Grants.ListByUserAsync(sql, "bob")));
    }

    [Fact]
    public async Task Each_event_of_the_audit_has_a_number_of_its_own()
    {
        await using var database = Open(await CreateAsync(3));
        await database.MigrateAsync();
        var tail = await AuditTail.BeginAsync(database, Now);
        string?[] subjects = ["alice", null, "bob", "alice", "carol"];
        for (var i = 0; i < subjects.Length; i++)
        {
            var entry = new AuditEvent { At = Now + i, Event = AuditEvents.SignIn, Subject = subjects[i] };
            await database.WriteAsync(async sql =>
            {
                await AuditLog.AppendAsync(sql, entry);
                return true;
            });
        }

        var all = await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(), 10));
        Assert.Equal(subjects, all.Select(entry => entry.Subject));
        Assert.Equal(subjects.Length, all.Select(entry => entry.Id).Distinct().Count());
        foreach (var entry in all) Assert.Equal(entry, await database.ReadAsync(sql => AuditLog.FindAsync(sql, entry.Id)));
        Assert.Equal(all.TakeLast(2), await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(), 2)));
        Assert.Equal(all.OrderBy(entry => entry.Id), (await tail.NextAsync(new AuditFilter(), Now)).OrderBy(entry => entry.Id));
    }

    [Fact]
    public async Task A_copy_puts_everybody_where_they_are_looked_for()
    {
        await using var from = await Engine.Sqlite.CreateAsync();
        var people = Enumerable.Range(0, 60).Select(i => string.Create(CultureInfo.InvariantCulture, $"person-{i}")).ToList();
        await from.WriteAsync(async sql =>
        {
            foreach (var person in people)
            {
                await Users.InsertAsync(sql, TestDatabase.User(person));
                await Sessions.InsertAsync(sql, TestDatabase.Session(person));
                await Grants.InsertAsync(sql, TestDatabase.Grant(person));
                await AuditLog.AppendAsync(sql, new AuditEvent { At = Now, Event = AuditEvents.SignIn, Subject = person });
                await RevokedTokens.AddAsync(sql, RowId.New(person, Now) + "AAAAAAAAAAAAAAAA", Now);
                await ReplayGuard.UseAsync(sql, DeviceCodes.Hash(person), Now);
            }
        });
        var revoked = await from.ReadAsync(sql => sql.ListAsync("SELECT jti FROM revoked_tokens", row => row.Text(0)));
        await using var to = Open(await CreateAsync(3));
        await to.MigrateAsync();
        var told = new Dictionary<string, long>();
        await DatabaseCopy.RunAsync(from.Database, to, told.Add);

        Assert.Equal((60, 60, 60, 1), (told["users"], told["grants"], told["audit"], told["grant_terms"]));
        foreach (var shard in to.Shards) Assert.InRange(await shard.ReadAsync(sql => sql.FindAsync("SELECT COUNT(*) FROM users", row => row.Long(0))), 1, 59);
        foreach (var person in people)
        {
            Assert.Equal(person, (await FindAsync(to, person.ToUpperInvariant()))!.Subject);
            var grant = Assert.Single(await to.ReadAsync(sql => Grants.ListByUserAsync(sql, person)));
            Assert.Equal("openid profile", grant.Terms.Scope);
            Assert.Single(await to.ReadAsync(sql => Sessions.ListByUserAsync(sql, person, Now)));
            Assert.Single(await to.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Subject: person), 10)));
            Assert.False(await to.WriteAsync(sql => ReplayGuard.UseAsync(sql, DeviceCodes.Hash(person), Now)));
        }

        foreach (var token in revoked) Assert.True(await to.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, token)));
        // New rows go on behind the copied ones.
        Assert.True(await to.WriteAsync(sql => Grants.InsertAsync(sql, TestDatabase.Grant("person-1", draft => draft.Terms = new("email", [], null, [])))));
    }

    private static ShardedDatabase Open(string[] urls) => new(urls, TimeSpan.FromSeconds(30));

    private static ValueTask<User?> FindAsync(Database database, string loginName) => database.ReadAsync(sql => Users.FindByLoginNameAsync(sql, loginName));

    private static async Task RefusedAsync(string[] urls, string expected)
    {
        var refused = await Assert.ThrowsAsync<DatabaseUnavailableException>(() => Using(urls, node => node.MigrateAsync()));
        Assert.Contains(expected, refused.Message, StringComparison.Ordinal);
    }

    private static async Task Using(string[] urls, Func<Database, Task> use)
    {
        await using var database = Open(urls);
        await use(database);
    }

    private async Task<string[]> CreateAsync(int count)
    {
        var urls = new string[count];
        for (var i = 0; i < count; i++) urls[i] = await server.CreateDatabaseAsync();
        return urls;
    }
}
