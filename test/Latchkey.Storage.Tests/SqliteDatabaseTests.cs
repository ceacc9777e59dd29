using System.Globalization;
using System.Security.Cryptography;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Storage.Tests;

public sealed class SqliteDatabaseTests
{
    private const long Now = TestDatabase.Now;

    [Fact]
    public async Task A_write_that_throws_leaves_nothing_while_its_neighbours_are_committed()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        using var gate = new ManualResetEventSlim();
        // The writer is held, so that all that follows waits in the queue and is committed as one batch.
        var holder = test.WriteAsync(sql =>
        {
            gate.Wait(TestContext.Current.CancellationToken);
            return ValueTask.FromResult(true);
        });
        var good = Enumerable.Range(0, 20).Select(i => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, $"good-{i}", Now))).ToList();
        var bad = test.WriteAsync(async sql =>
        {
            await RevokedTokens.AddAsync(sql, "bad", Now);
            throw new InvalidOperationException("as the test wants");
        });
        var violation = test.WriteAsync(async sql =>
        {
            await RevokedTokens.AddAsync(sql, "bad too", Now);
            await sql.ExecuteAsync("INSERT INTO configuration (id, version, not_before) VALUES (2, 1, 1)");
        });
        good.AddRange(Enumerable.Range(20, 20).Select(i => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, $"good-{i}", Now))));
        gate.Set();

        await holder;
        Assert.All(await Task.WhenAll(good), Assert.True);
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad);
        await Assert.ThrowsAnyAsync<Exception>(() => violation);
        Assert.Equal(40, await test.CountAsync("revoked_tokens"));
        Assert.False(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "bad")));
        Assert.False(await test.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "bad too")));
    }

    [Fact]
    public async Task Reads_can_write_nothing()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => test.ReadAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)));
        Assert.Equal(0, await test.CountAsync("revoked_tokens"));
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once_and_recovers()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        using var gate = new ManualResetEventSlim();
        var started = new TaskCompletionSource();
        var holder = test.WriteAsync(sql =>
        {
            started.TrySetResult();
            gate.Wait(TestContext.Current.CancellationToken);
            return ValueTask.FromResult(true);
        });
        await started.Task;
        var waiting = Enumerable.Range(0, 5000).Select(i => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, i.ToString(CultureInfo.InvariantCulture), Now))).ToArray();
        var refused = waiting.Where(task => task.IsFaulted).ToArray();
        Assert.NotEmpty(refused);
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => refused[0]);
        gate.Set();
        await holder;
        var written = (await Task.WhenAll(waiting.Except(refused))).Length;
        Assert.Equal(written, await test.CountAsync("revoked_tokens"));
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "afterwards", Now)));
    }

    [Fact]
    public async Task Closing_finishes_what_was_queued()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        var writes = Enumerable.Range(0, 200).Select(i => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, i.ToString(CultureInfo.InvariantCulture), Now))).ToArray();
        await test.ReopenAsync();
        await Task.WhenAll(writes);
        Assert.Equal(200, await test.CountAsync("revoked_tokens"));
    }

    [Fact]
    public void A_file_that_is_no_database_is_named()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("latchkey.db");
        File.WriteAllBytes(path, RandomNumberGenerator.GetBytes(8192));
        var exception = Assert.Throws<DatabaseUnavailableException>(() => new SqliteDatabase(path));
        Assert.Contains(path, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_folder_is_named()
    {
        var path = Path.Combine(Path.GetTempPath(), "latchkey-no-such-folder", "latchkey.db");
        var exception = Assert.Throws<DatabaseUnavailableException>(() => new SqliteDatabase(path));
        Assert.Contains(path, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_locked_database_refuses_writes_and_tells_so()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        await using var other = new SqliteDatabase(test.Path);
        using var gate = new ManualResetEventSlim();
        var started = new TaskCompletionSource();
        var holder = other.WriteAsync(sql =>
        {
            started.TrySetResult();
            gate.Wait(TestContext.Current.CancellationToken);
            return ValueTask.FromResult(true);
        }).AsTask();
        await started.Task;
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(() => test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)));
        Assert.Contains("locked", exception.Message, StringComparison.Ordinal);
        gate.Set();
        await holder;
        Assert.True(await test.WriteAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)));
    }

    [Fact]
    public async Task Two_processes_on_one_file_wait_for_each_other()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        await using var other = new SqliteDatabase(test.Path);
        var grant = TestDatabase.Grant();
        await test.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        var attempts = Enumerable.Range(0, 100).Select(i => (i % 2 == 0 ? test.Database : other).WriteAsync(sql => Grants.RotateAsync(sql, grant.Id, 1, Now)).AsTask());
        Assert.Equal(1, (await Task.WhenAll(attempts)).Count(won => won));
    }

    [Fact]
    public async Task An_operation_that_awaits_something_else_is_a_bug_and_says_so()
    {
        await using var test = await Engine.Sqlite.CreateAsync();
        var never = new TaskCompletionSource<bool>();
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.ReadAsync(_ => new ValueTask<bool>(never.Task)));
        await Assert.ThrowsAsync<InvalidOperationException>(() => test.WriteAsync(_ => new ValueTask<bool>(never.Task)));
        Assert.True(await test.Database.IsAvailableAsync());
    }
}
