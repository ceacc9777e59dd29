using System.Text.Json;
using Latchkey.Storage.PostgreSql;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Storage.Tests;

/// <summary>What runs the suite: SQLite in a file of each test, or a database of each test on one PostgreSQL, or several that people are spread over.</summary>
/// <param name="server">PostgreSQL; null for SQLite.</param>
/// <param name="isSharded">Whether people are spread over two databases.</param>
public sealed class Engine(PostgresServer? server = null, bool isSharded = false)
{
    // Alice's bucket is 701, Bob's 2075: she lives in the second database, he in the first.
    private const string Upper = "?Buckets=2048-4095", Lower = "?Buckets=0-2047";

    public static Engine Sharded(PostgresServer server) => new(server, isSharded: true);

    public static Engine Sqlite { get; } = new();

    public string Name => server is null ? "sqlite" : "postgres";

    /// <summary>Makes a database and brings it to this version.</summary>
    public async Task<TestDatabase> CreateAsync()
    {
        var test = await CreateEmptyAsync();
        await test.Database.MigrateAsync();
        return test;
    }

    /// <summary>Makes a database without tables.</summary>
    public async Task<TestDatabase> CreateEmptyAsync()
    {
        var folder = new TemporaryFolder();
        var address = server is null ? folder.File("latchkey.db") : await server.CreateDatabaseAsync();
        if (isSharded) address = $"{address}{Upper} {await server!.CreateDatabaseAsync()}{Lower}";
        return new(this, folder, address);
    }

    /// <summary>Opens a database as one more node does.</summary>
    public Database Open(string address) =>
        server is null ? new SqliteDatabase(address)
        : isSharded ? new ShardedDatabase(address.Split(' '), TimeSpan.FromSeconds(30))
        : new PostgreSqlDatabase(address, TimeSpan.FromSeconds(30));

    /// <summary>
    /// Ends the engine as a crash does, and starts it again: a server loses its processes; of a file there remains what the process had given to the
    /// system, as when it is killed, which is a copy of the file and of its log.
    /// </summary>
    /// <returns>The address from now on.</returns>
    public async Task<string> CrashAsync(string address)
    {
        if (server is not null)
        {
            await server.StopAsync("immediate");
            await server.StartAsync();
            return address;
        }

        var copy = address + "-again";
        foreach (var suffix in (string[])["", "-wal"]) File.Copy(address + suffix, copy + suffix);
        return copy;
    }
}

/// <summary>The database of one test.</summary>
public sealed class TestDatabase(Engine engine, TemporaryFolder folder, string address) : IAsyncDisposable
{
    public const long Now = 1_800_000_000_000;

    /// <summary>The file, or the address.</summary>
    public string Path { get; private set; } = address;

    public Database Database { get; private set; } = engine.Open(address);

    /// <summary>Closes the database and opens it again, as a restart does.</summary>
    public async Task ReopenAsync()
    {
        await Database.DisposeAsync();
        Database = engine.Open(Path);
    }

    /// <summary>Ends the engine as a crash does. What was written from then on is nowhere; <see cref="ReopenAsync"/> opens what is left.</summary>
    public async Task CrashAsync() => Path = await engine.CrashAsync(Path);

    /// <summary>Opens it once more beside, as another node does.</summary>
    public Database OpenOther() => engine.Open(Path);

    public Task<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write) => Database.WriteAsync(write).AsTask();

    public Task WriteAsync(Func<SqlSession, ValueTask> write) => Database.WriteAsync(async sql =>
    {
        await write(sql);
        return true;
    }).AsTask();

    public Task<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read) => Database.ReadAsync(read).AsTask();

    public Task<long> CountAsync(string table) => ReadAsync(async sql =>
    {
        var count = 0L;
        foreach (var shard in sql.Shards) count += await shard.FindAsync($"SELECT COUNT(*) FROM {table}", row => row.Long(0));
        return count;
    });

    /// <summary>Runs the same write from many callers at once.</summary>
    /// <returns>How many of them it told that they won.</returns>
    public async Task<int> RaceAsync(int callers, Func<SqlSession, ValueTask<bool>> write)
    {
        var start = new TaskCompletionSource();
        var tasks = Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            await start.Task;
            return await Database.WriteAsync(write);
        })).ToArray();
        start.SetResult();
        return (await Task.WhenAll(tasks)).Count(won => won);
    }

    public static Grant Grant(string subject = "alice", Action<GrantDraft>? change = null)
    {
        var draft = new GrantDraft();
        change?.Invoke(draft);
        return new Grant
        {
            Id = RowId.New(subject, Now),
            ClientId = draft.ClientId,
            Subject = subject,
            SessionId = draft.SessionId,
            Terms = draft.Terms,
            Generation = 1,
            RotatedAt = Now,
            IdleSeconds = draft.IdleSeconds,
            AuthTime = Now / 1000,
            CreatedAt = draft.CreatedAt,
            ExpiresAt = draft.ExpiresAt,
        };
    }

    public static User User(string subject, string? loginName = null) => new()
    {
        Subject = subject,
        Username = loginName ?? subject,
        LoginName = (loginName ?? subject).ToUpperInvariant(),
        PasswordHash = "hash",
        SecurityStamp = "stamp",
        Claims = new Dictionary<string, JsonElement> { ["name"] = JsonElement.Parse("\"Zoë\""), ["email_verified"] = JsonElement.Parse("true") },
        CreatedAt = Now,
        UpdatedAt = Now,
    };

    public static Session Session(string subject = "alice", long expiresAt = Now + 3_600_000) => new()
    {
        Id = RowId.New(subject, Now),
        SecretHash = [1, 2, 3],
        Subject = subject,
        AuthTime = Now / 1000,
        Acr = "1",
        Amr = ["pwd", "otp"],
        CreatedAt = Now,
        LastSeenAt = Now,
        ExpiresAt = expiresAt,
        Address = "192.0.2.1",
        UserAgent = "Test",
    };

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        folder.Dispose();
    }

    public sealed class GrantDraft
    {
        public string ClientId { get; set; } = "web";

        public RowId? SessionId { get; set; }

        public GrantTerms Terms { get; set; } = new("openid profile", ["https://api.example.com"], "1", ["pwd"]);

        public int IdleSeconds { get; set; } = 3600;

        public long CreatedAt { get; set; } = Now;

        public long ExpiresAt { get; set; } = Now + 86_400_000;
    }
}
