using System.Globalization;

namespace Latchkey.Storage.Tests;

/// <summary>What an acknowledged write is worth, and what becomes of one that fails.</summary>
public abstract class DurabilityTests(Engine engine)
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_write_that_throws_leaves_nothing()
    {
        await using var test = await engine.CreateAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.WriteAsync(async sql =>
        {
            await RevokedTokens.AddAsync(sql, "bad", Now);
            throw new InvalidOperationException("as the test wants");
        }));
        await Assert.ThrowsAnyAsync<Exception>(() => test.WriteAsync(async sql =>
        {
            await RevokedTokens.AddAsync(sql, "bad too", Now);
            await sql.ExecuteAsync("INSERT INTO configuration (id, version, not_before) VALUES (2, 1, 1)");
        }));
        Assert.Equal(0, await test.CountAsync("revoked_tokens"));
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "good", Now)));
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_after_a_restart()
    {
        await using var test = await engine.CreateAsync();
        await Task.WhenAll(Enumerable.Range(0, 500).Select(i => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, i.ToString(CultureInfo.InvariantCulture), Now))));
        await test.ReopenAsync();
        Assert.Equal(500, await test.CountAsync("revoked_tokens"));
    }

    [Fact]
    public async Task A_read_sees_what_was_written_before_it()
    {
        await using var test = await engine.CreateAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            var id = i.ToString(CultureInfo.InvariantCulture);
            await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, id, Now));
            Assert.True(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, id)));
        }));
    }

    [Fact]
    public async Task Two_nodes_on_one_database_agree_on_one_winner()
    {
        await using var test = await engine.CreateAsync();
        await using var other = test.OpenOther();
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        var attempts = Enumerable.Range(0, 100).Select(i => (i % 2 == 0 ? test.Database : other).WriteAsync(sql => Grants.RotateAsync(sql, grant.Id, 1, Now)).AsTask());
        Assert.Equal(1, (await Task.WhenAll(attempts)).Count(won => won));
    }

    [Fact]
    public async Task A_closed_database_takes_no_writes()
    {
        await using var test = await engine.CreateAsync();
        await test.Database.DisposeAsync();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)));
        await Assert.ThrowsAnyAsync<Exception>(() => test.CountAsync("users"));
        await test.Database.DisposeAsync();
    }

    [Fact]
    public async Task Long_text_and_every_character_come_back()
    {
        await using var test = await engine.CreateAsync();
        var claims = new string('x', 20_000) + "ẞ'\"\\ \u0001\n😀";
        var grant = TestDatabase.Grant(change: draft => draft.Terms = new GrantTerms("openid", [], "1", ["pwd"], claims));
        Assert.True(await test.WriteAsync(sql => Grants.InsertAsync(sql, grant)));
        Assert.True(await test.WriteAsync(sql => Grants.InsertAsync(sql, grant with { Id = RowId.New("alice", Now) })));
        Assert.Equal(claims, (await test.ReadAsync(sql => Grants.FindAsync(sql, grant.Id)))!.Terms.Claims);
        Assert.Equal(1, await test.CountAsync("grant_terms"));
    }
}

public sealed class SqliteDurabilityTests() : DurabilityTests(Engine.Sqlite);

public sealed class PostgreSqlDurabilityTests(PostgresServer server) : DurabilityTests(new(server));
