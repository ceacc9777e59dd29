namespace Latchkey.Storage.Tests;

public abstract class UsersTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_user_reads_back_by_sub_and_by_name()
    {
        await using var test = await engine.CreateAsync();
        var user = TestDatabase.User("s1", "Alice") with { LockoutEnd = Now, DisabledAt = Now, AccessFailedCount = 3 };
        Assert.True(await test.WriteAsync(sql => Users.InsertAsync(sql, user)));
        var found = (await test.ReadAsync(sql => Users.FindAsync(sql, "s1")))!;
        Assert.Equal(user with { Claims = found.Claims }, found);
        Assert.Equal("Zoë", found.Claim("name"));
        Assert.Null(found.Claim("email_verified"));
        Assert.Equal("Zoë", found.DisplayName);
        Assert.Equal("s1", (await test.ReadAsync(sql => Users.FindByLoginNameAsync(sql, "ALICE")))!.Subject);
        Assert.Null(await test.ReadAsync(sql => Users.FindByLoginNameAsync(sql, "alice")));
        Assert.DoesNotContain("hash", found.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Neither_sub_nor_name_is_given_twice()
    {
        await using var test = await engine.CreateAsync();
        Assert.Equal(1, await test.RaceAsync(50, sql => Users.InsertAsync(sql, TestDatabase.User("s1", "alice"))));
        Assert.False(await test.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("s1", "other"))));
        Assert.False(await test.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("s2", "Alice"))));
        Assert.Equal(1, await test.CountAsync("users"));
    }

    [Fact]
    public async Task Guesses_made_at_once_are_all_counted_and_lock_the_account()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User("s1")));
        async ValueTask<bool> GuessAsync(SqlSession sql)
        {
            await Users.CountFailureAsync(sql, "s1", 100, Now + 5);
            return true;
        }

        await test.RaceAsync(99, GuessAsync);
        var before = (await test.ReadAsync(sql => Users.FindAsync(sql, "s1")))!;
        Assert.Equal(99, before.AccessFailedCount);
        Assert.Null(before.LockoutEnd);
        await test.WriteAsync(GuessAsync);
        var after = (await test.ReadAsync(sql => Users.FindAsync(sql, "s1")))!;
        Assert.Equal(0, after.AccessFailedCount);
        Assert.Equal(Now + 5, after.LockoutEnd);
    }

    [Fact]
    public async Task Users_are_changed_listed_and_removed()
    {
        await using var test = await engine.CreateAsync();
        foreach (var name in (string[])["carol", "alice", "bob"]) await test.WriteAsync(sql => Users.InsertAsync(sql, TestDatabase.User(name)));
        Assert.True(await test.WriteAsync(sql => Users.UpdateAsync(sql, TestDatabase.User("bob") with { SecurityStamp = "new", PasswordHash = null })));
        Assert.False(await test.WriteAsync(sql => Users.UpdateAsync(sql, TestDatabase.User("nobody"))));
        var bob = (await test.ReadAsync(sql => Users.FindAsync(sql, "bob")))!;
        Assert.Equal("new", bob.SecurityStamp);
        Assert.Null(bob.PasswordHash);
        Assert.Equal(["alice", "bob"], (await test.ReadAsync(sql => Users.ListAsync(sql, 2))).Select(user => user.Subject));
        Assert.True(await test.WriteAsync(sql => Users.DeleteAsync(sql, "bob")));
        Assert.False(await test.WriteAsync(sql => Users.DeleteAsync(sql, "bob")));
    }
}

public sealed class SqliteUsersTests() : UsersTests(Engine.Sqlite);

public sealed class PostgreSqlUsersTests(PostgresServer server) : UsersTests(new(server));

public sealed class ShardedUsersTests(PostgresServer server) : UsersTests(Engine.Sharded(server));
