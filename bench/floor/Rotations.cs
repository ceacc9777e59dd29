using System.Buffers.Text;
using System.Security.Cryptography;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Latchkey.Bench.Floor;

/// <summary>
/// One row a refresh token family in SQLite (WAL, synchronous=FULL), changed in place by one thread that commits together what waits.
/// </summary>
internal sealed class Rotations
{
    private const int IdSize = 16;
    private const int TokenSize = 48;
    private const int BatchSize = 64;

    private readonly Channel<(string? Token, TaskCompletionSource<string?> Done)> _queue =
        Channel.CreateUnbounded<(string?, TaskCompletionSource<string?>)>(new() { SingleReader = true });

    public Rotations(string file) => new Thread(() => Write(file)) { IsBackground = true }.Start();

    /// <summary>Begins a family.</summary>
    public Task<string?> NewAsync() => PutAsync(null);

    /// <summary>Uses a token and gives the next; null for a wrong one.</summary>
    public Task<string?> RotateAsync(string token) => PutAsync(token);

    private Task<string?> PutAsync(string? token)
    {
        var done = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
        _queue.Writer.TryWrite((token, done));
        return done.Task;
    }

    private void Write(string file)
    {
        SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());
        using var connection = new SqliteConnection($"Data Source={file};Pooling=false");
        connection.Open();
        using var setUp = Command(
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS families (id BLOB PRIMARY KEY, hash BLOB NOT NULL, expires INTEGER NOT NULL, data BLOB) WITHOUT ROWID;
            """);
        setUp.ExecuteNonQuery();
        using var begin = Command("BEGIN IMMEDIATE");
        using var commit = Command("COMMIT");
        using var insert = Command("INSERT INTO families VALUES ($id, $hash, $expires, zeroblob(200))", "$id", "$hash", "$expires");
        using var find = Command("SELECT hash FROM families WHERE id = $id", "$id");
        using var update = Command("UPDATE families SET hash = $hash, expires = $expires WHERE id = $id", "$id", "$hash", "$expires");

        var batch = new List<(TaskCompletionSource<string?> Done, string? Token)>();
#pragma warning disable CA2012 // this thread only waits
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
#pragma warning restore CA2012
        {
            batch.Clear();
            begin.ExecuteNonQuery();
            while (batch.Count < BatchSize && _queue.Reader.TryRead(out var item)) batch.Add((item.Done, item.Token is null ? Insert() : Rotate(item.Token)));
            commit.ExecuteNonQuery();
            foreach (var (done, token) in batch) done.SetResult(token);
        }

        SqliteCommand Command(string sql, params string[] parameters)
        {
            var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants
            command.CommandText = sql;
#pragma warning restore CA2100
            foreach (var name in parameters) command.Parameters.Add(new SqliteParameter(name, null));
            return command;
        }

        string Insert()
        {
            var token = RandomNumberGenerator.GetBytes(TokenSize);
            Store(insert, token);
            return Base64Url.EncodeToString(token);
        }

        string? Rotate(string text)
        {
            var old = Base64Url.DecodeFromChars(text);
            find.Parameters[0].Value = old[..IdSize];
            if (find.ExecuteScalar() is not byte[] hash || !CryptographicOperations.FixedTimeEquals(hash, SHA256.HashData(old.AsSpan(IdSize)))) return null;
            var token = RandomNumberGenerator.GetBytes(TokenSize);
            old.AsSpan(0, IdSize).CopyTo(token);
            Store(update, token);
            return Base64Url.EncodeToString(token);
        }

        static void Store(SqliteCommand command, byte[] token)
        {
            command.Parameters[0].Value = token[..IdSize];
            command.Parameters[1].Value = SHA256.HashData(token.AsSpan(IdSize));
            command.Parameters[2].Value = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + 14 * 24 * 3600;
            command.ExecuteNonQuery();
        }
    }
}
