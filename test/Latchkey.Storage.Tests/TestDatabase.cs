using System.Text.Json;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Storage.Tests;

/// <summary>A migrated database in a file of one test.</summary>
internal sealed class TestDatabase : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    private TestDatabase() => Database = new SqliteDatabase(Path);

    public const long Now = 1_800_000_000_000;

    public string Path => _folder.File("latchkey.db");

    public SqliteDatabase Database { get; private set; }

    public static async Task<TestDatabase> CreateAsync()
    {
        var test = new TestDatabase();
        await test.Database.MigrateAsync();
        return test;
    }

    /// <summary>Closes the file and opens it again, as a restart does.</summary>
    public async Task ReopenAsync()
    {
        await Database.DisposeAsync();
        Database = new SqliteDatabase(Path);
    }

    public Task<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write) => Database.WriteAsync(write).AsTask();

    public Task WriteAsync(Func<SqlSession, ValueTask> write) => Database.WriteAsync(async sql =>
    {
        await write(sql);
        return true;
    }).AsTask();

    public Task<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read) => Database.ReadAsync(read).AsTask();

    public Task<long> CountAsync(string table) => ReadAsync(sql => sql.FindAsync($"SELECT COUNT(*) FROM {table}", row => row.Long(0)));

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
        _folder.Dispose();
    }

    internal sealed class GrantDraft
    {
        public string ClientId { get; set; } = "web";

        public RowId? SessionId { get; set; }

        public GrantTerms Terms { get; set; } = new("openid profile", ["https://api.example.com"], "1", ["pwd"]);

        public int IdleSeconds { get; set; } = 3600;

        public long CreatedAt { get; set; } = Now;

        public long ExpiresAt { get; set; } = Now + 86_400_000;
    }
}
