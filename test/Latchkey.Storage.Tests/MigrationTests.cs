namespace Latchkey.Storage.Tests;

public abstract class MigrationTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    private IReadOnlyList<Migration> All => Migration.All(engine.Name);

    [Fact]
    public async Task Migrating_again_changes_nothing()
    {
        await using var test = await engine.CreateAsync();
        await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "kept", Now));
        await test.Database.MigrateAsync();
        await test.ReopenAsync();
        await test.Database.MigrateAsync();
        Assert.Equal(1, await test.CountAsync("revoked_tokens"));
        Assert.True(await test.Database.IsAvailableAsync());
    }

    [Fact]
    public async Task Nodes_that_start_at_once_wait_for_each_other()
    {
        await using var test = await engine.CreateEmptyAsync();
        var nodes = Enumerable.Range(0, 8).Select(_ => test.OpenOther()).ToList();
        await Task.WhenAll(nodes.Select(node => Task.Run(node.MigrateAsync)));
        Assert.Equal(All.Count, await test.CountAsync("migrations"));
        foreach (var node in nodes) await node.DisposeAsync();
    }

    [Fact]
    public async Task Migrations_of_a_lower_number_may_come_later()
    {
        await using var test = await engine.CreateEmptyAsync();
        await test.Database.MigrateAsync([All[0], New(9002, "later")]);
        await test.Database.MigrateAsync([All[0], New(9001, "earlier"), New(9002, "later")]);
        Assert.Equal(0, await test.CountAsync("later"));
        Assert.Equal(0, await test.CountAsync("earlier"));
        Assert.Equal(3, await test.CountAsync("migrations"));
    }

    [Fact]
    public async Task A_newer_database_that_only_has_more_still_works()
    {
        await using var test = await engine.CreateEmptyAsync();
        await test.Database.MigrateAsync([.. All, new(9001, "9001_more", "CREATE TABLE more (id BIGINT NOT NULL); ALTER TABLE grants ADD COLUMN more TEXT")]);
        await test.ReopenAsync();
        await test.Database.MigrateAsync();
        var grant = TestDatabase.Grant();
        Assert.True(await test.WriteAsync(sql => Grants.InsertAsync(sql, grant)));
        Assert.True(await test.WriteAsync(sql => Grants.RotateAsync(sql, grant.Id, 1, Now)));
        Assert.NotNull(await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)));
    }

    [Fact]
    public async Task A_newer_database_that_lacks_something_is_refused()
    {
        await using var test = await engine.CreateEmptyAsync();
        await test.Database.MigrateAsync([.. All, New(9001, "breaking_less")]);
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(test.Database.MigrateAsync);
        Assert.Contains("newer", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_all_as_it_was()
    {
        await using var test = await engine.CreateAsync();
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(() =>
            test.Database.MigrateAsync([.. All, New(9001, "good"), new(9002, "9002_bad", "CREATE TABLE half (id BIGINT); INSERT INTO nowhere VALUES (1)")]));
        Assert.Contains("9002_bad", exception.Message, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => test.CountAsync("good"));
        await Assert.ThrowsAnyAsync<Exception>(() => test.CountAsync("half"));
        Assert.Equal(All.Count, await test.CountAsync("migrations"));
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "works", Now)));
    }

    private static Migration New(int number, string name) => new(number, $"{number}_{name}", $"CREATE TABLE {name} (id BIGINT NOT NULL)");
}

public sealed class SqliteMigrationTests() : MigrationTests(Engine.Sqlite);

public sealed class PostgreSqlMigrationTests(PostgresServer server) : MigrationTests(new(server));

public sealed class MigrationPairTests
{
    [Fact]
    public void Every_migration_is_written_for_both_engines() =>
        Assert.Equal(Migration.All("sqlite").Select(migration => migration.Name), Migration.All("postgres").Select(migration => migration.Name));

    [Fact]
    public void No_number_is_used_twice()
    {
        var numbers = Migration.All("sqlite").Select(migration => migration.Number).ToList();
        Assert.Equal(numbers.Distinct(), numbers);
    }
}
