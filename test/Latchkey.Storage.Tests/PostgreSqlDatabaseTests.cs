using System.Diagnostics;
using System.Globalization;
using Latchkey.Storage.PostgreSql;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Storage.Tests;

/// <summary>What only a database server can do to a node.</summary>
public sealed class PostgreSqlDatabaseTests(PostgresServer shared)
{
    private const long Now = TestDatabase.Now;

    [Theory]
    [InlineData("postgres://u:p@h/db", "postgres://u@h:5432/db")]
    [InlineData("postgresql://h:6543/db", "postgres://h:6543/db")]
    [InlineData("postgres://u:p%40ss%2F@a,b:5433/db?SSL+Mode=Require&Search%20Path=x", "postgres://u@a:5432,b:5433/db")]
    [InlineData("postgres://u:se@cret@[::1]:5432/db", "postgres://u@[::1]:5432/db")]
    [InlineData("postgres:///db?Host=/var/run/postgresql", "postgres:///var/run/postgresql/db")]
    public async Task An_address_is_shown_without_its_password(string url, string shown)
    {
        await using var database = new PostgreSqlDatabase(url);
        Assert.Equal(shown, database.Location);
    }

    [Theory]
    [InlineData("mysql://h/db", "postgres://")]
    [InlineData("postgres://u:secret@h", "no database")]
    [InlineData("postgres://u:secret@/db", "no host")]
    [InlineData("postgres://u:secret@h:x/db", "host:port")]
    [InlineData("postgres://u:secret@h:0/db", "host:port")]
    [InlineData("postgres://u:secret@h,/db", "host:port")]
    [InlineData("postgres://u:secret@h/db?Nonsense=1", "Nonsense")]
    [InlineData("postgres://u:secret@h/db?Timeout=soon", "Timeout")]
    [InlineData("postgres://u:secret@h/db?Timeout", "keyword=value")]
    [InlineData("postgres://u:secret@h/db?Cancellation+Timeout=5000", "Cancellation Timeout can't be set")]
    [InlineData("postgres://u:secret@h/db?Target%20Session%20Attributes=any", "Target Session Attributes can't be set")]
    [InlineData("postgres://u:secret@h/db?Pooling=false", "Pooling can't be set")]
    [InlineData("postgres://u:secret#x@h/db", "%23")]
    public void A_wrong_address_is_told_without_its_password(string url, string expected)
    {
        var exception = Assert.Throws<FormatException>(() => new PostgreSqlDatabase(url));
        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_login_and_a_missing_database_are_told_without_the_password()
    {
        var url = await shared.CreateDatabaseAsync();
        await using var refused = new PostgreSqlDatabase($"postgres://{PostgresServer.User}:hunter2@127.0.0.1:{shared.Port}/postgres");
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(refused.MigrateAsync);
        Assert.Contains("refused the login", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", exception.ToString(), StringComparison.Ordinal);

        await using var missing = new PostgreSqlDatabase(url + "_missing");
        Assert.Contains("does not exist", (await Assert.ThrowsAsync<DatabaseUnavailableException>(missing.MigrateAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whatever_the_databases_defaults_are_a_commit_waits_for_the_disk()
    {
        var url = await shared.CreateDatabaseAsync();
        await shared.ExecuteAsync("postgres", $"ALTER DATABASE {url[(url.LastIndexOf('/') + 1)..]} SET synchronous_commit = off");
        await using var database = new PostgreSqlDatabase(url);
        Assert.Equal("on", await database.ReadAsync(sql => sql.FindAsync("SELECT current_setting('synchronous_commit')", row => row.Text(0))));
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(7)]
    public async Task A_clock_that_differs_from_the_databases_is_measured(int seconds)
    {
        await using var database = new PostgreSqlDatabase(await shared.CreateDatabaseAsync(), TimeSpan.FromSeconds(30));
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(seconds));
        var offset = await database.ClockOffsetAsync(clock);
        // The fake clock stands still while the question is on its way.
        Assert.InRange(offset!.Value.TotalSeconds, seconds - 20, seconds + 0.5);
    }

    [Fact]
    public async Task A_row_that_somebody_holds_keeps_back_only_those_who_want_it()
    {
        var url = await shared.CreateDatabaseAsync();
        await using var database = new PostgreSqlDatabase(url);
        await database.MigrateAsync();
        var (held, free) = (TestDatabase.Grant(), TestDatabase.Grant("bob"));
        foreach (var grant in (Grant[])[held, free]) await database.WriteAsync(sql => Grants.InsertAsync(sql, grant));
        await using var holder = new PostgreSqlDatabase(url, TimeSpan.FromSeconds(60));
        var (started, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var holding = holder.WriteAsync(async sql =>
        {
            await Grants.RotateAsync(sql, held.Id, 1, Now);
            started.SetResult();
            await release.Task;
            return true;
        }).AsTask();
        await started.Task;
        var wanting = database.WriteAsync(sql => Grants.RotateAsync(sql, held.Id, 1, Now)).AsTask();
        for (var generation = 1; generation <= 20; generation++)
        {
            var presented = generation;
            Assert.True(await database.WriteAsync(sql => Grants.RotateAsync(sql, free.Id, presented, Now)));
        }

        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => wanting);
        release.SetResult();
        Assert.True(await holding);
        await Eventually.HoldsAsync("the row is free again", async () => !await database.WriteAsync(sql => Grants.RotateAsync(sql, held.Id, 1, Now)));
    }

    [Fact]
    public async Task A_server_that_crashes_is_told_of_at_once_and_found_again()
    {
        await using var server = new PostgresServer();
        await using var database = new PostgreSqlDatabase(await server.CreateDatabaseAsync());
        await database.MigrateAsync();
        Assert.True(await database.WriteAsync(sql => RevokedTokens.AddAsync(sql, "before", Now)));
        await server.StopAsync("immediate");

        var began = Stopwatch.GetTimestamp();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => database.WriteAsync(sql => RevokedTokens.AddAsync(sql, "meanwhile", Now)).AsTask());
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => database.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "before")).AsTask());
        // What goes together with others hears of it too, each of them.
        var id = RowId.New("alice", Now);
        foreach (var find in Enumerable.Range(0, 50).Select(_ => database.FindGrantAsync(id).AsTask()).ToArray())
            await Assert.ThrowsAsync<DatabaseUnavailableException>(() => find);
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => database.RotateAsync(id, 1, Now).AsTask());
        Assert.False(await database.IsAvailableAsync());
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(6));

        await server.StartAsync();
        await Eventually.HoldsAsync("the database is back", async () => await database.IsAvailableAsync());
        Assert.True(await database.ReadAsync(sql => RevokedTokens.ContainsAsync(sql, "before")));
        Assert.True(await database.WriteAsync(sql => RevokedTokens.AddAsync(sql, "after", Now)));
    }

    [Fact]
    public async Task A_server_that_hangs_keeps_nobody_for_longer_than_two_seconds()
    {
        // Takes connections and says nothing.
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        await using var database = new PostgreSqlDatabase(string.Create(CultureInfo.InvariantCulture, $"postgres://u:p@127.0.0.1:{port}/db"));
        var began = Stopwatch.GetTimestamp();
        var calls = Enumerable.Range(0, 50).Select(i => database.WriteAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)).AsTask()).ToList();
        foreach (var call in calls) await Assert.ThrowsAsync<DatabaseUnavailableException>(() => call);
        // Two seconds, and leave for a machine that has other things to do.
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_commit_that_no_standby_has_is_not_called_done(bool isSharded)
    {
        await using var server = new PostgresServer();
        var engine = new Engine(server, isSharded);
        await using var test = await engine.CreateAsync();
        var database = test.Database;
        await server.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
        await server.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        await Eventually.HoldsAsync("the server waits for its standby", async () => (string)(await server.ExecuteAsync("postgres", "SHOW synchronous_standby_names"))! == "nobody");

        var write = database.WriteAsync(sql => RevokedTokens.AddAsync(sql, "x", Now)).AsTask();
        // An operator, or a driver whose patience is over, cancels the wait: PostgreSQL then says COMMIT and a warning.
        await Eventually.HoldsAsync("the commit waits and is cancelled", async () =>
            await server.ExecuteAsync("postgres", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") is true || write.IsCompleted);
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(() => write);
        Assert.Contains("did not replicate", exception.Message, StringComparison.Ordinal);
        // Of several it is the second that failed: the node goes on for all others, and says so.
        Assert.Equal(isSharded, await database.IsAvailableAsync());
        Assert.Equal(isSharded, database.Trouble?.Contains("number 2", StringComparison.Ordinal) == true);
    }
}
