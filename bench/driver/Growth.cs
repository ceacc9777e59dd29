using System.Buffers.Text;
using System.Security.Cryptography;
using Latchkey.Storage;
using Microsoft.Data.Sqlite;

namespace Latchkey.Bench;

/// <summary>
/// Fills a Latchkey database with grants of other people, as if they had signed in one after the other: the rows are those that sign-ins make,
/// inserted in the order of time, so that pages fill and split as they do in life.
/// </summary>
internal static class Growth
{
    private const int PerTransaction = 50_000;

    static Growth() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());

    /// <summary>Adds grants to a database whose server is not running. It must hold one to copy from.</summary>
    /// <param name="data">The server's folder.</param>
    /// <param name="count">How many.</param>
    public static void Fill(string data, long count)
    {
        using var connection = Open(data);
        Run(connection, "PRAGMA synchronous = OFF; PRAGMA cache_size = -6000000; PRAGMA wal_autocheckpoint = 100000");
        var model = Model(connection);
        using var insert = connection.CreateCommand();
#pragma warning disable CA2100 // the columns are the schema's
        insert.CommandText = $"INSERT INTO grants ({string.Join(", ", model.Keys)}) VALUES ({string.Join(", ", model.Keys.Select(name => "$" + name))})";
#pragma warning restore CA2100
        foreach (var (name, value) in model) insert.Parameters.AddWithValue("$" + name, value);

        var created = (long)model["created_at"];
        var start = created - 30L * 24 * 3600 * 1000;
        for (var done = 0L; done < count;)
        {
            using var transaction = connection.BeginTransaction();
            insert.Transaction = transaction;
            for (var end = Math.Min(count, done + PerTransaction); done < end; done++)
            {
                // A person signed in to one app, spread evenly over a month.
                var subject = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
                var at = start + (created - start) * done / count;
                var id = RowId.New(subject, at);
                insert.Parameters["$bucket"].Value = id.Bucket;
                insert.Parameters["$id"].Value = id.ToBytes();
                insert.Parameters["$sub"].Value = subject;
                if (model["session_id"] is byte[]) insert.Parameters["$session_id"].Value = RowId.New(subject, at).ToBytes();
                insert.Parameters["$rotated_at"].Value = at;
                insert.Parameters["$auth_time"].Value = at / 1000;
                insert.Parameters["$created_at"].Value = at;
                insert.Parameters["$expires_at"].Value = at + ((long)model["expires_at"] - created);
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }

        Run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// <summary>How many grants there are, and the size of the database's file with its log.</summary>
    public static (long Grants, long Bytes) Size(string data)
    {
        using var connection = Open(data);
        using var count = connection.CreateCommand();
        count.CommandText = "SELECT count(*) FROM grants";
        var grants = (long)count.ExecuteScalar()!;
        Run(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        return (grants, Directory.GetFiles(data, "latchkey.db*").Sum(file => new FileInfo(file).Length));
    }

    private static SqliteConnection Open(string data)
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(data, "latchkey.db")};Pooling=false;Default Timeout=60");
        connection.Open();
        return connection;
    }

    /// <summary>The columns of a grant that a sign-in made.</summary>
    private static Dictionary<string, object> Model(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT * FROM grants WHERE generation > 0 LIMIT 1";
        using var reader = select.ExecuteReader();
        if (!reader.Read()) throw new InvalidOperationException("There is no grant to copy from.");
        return Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, reader.GetValue);
    }

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // constants
        command.CommandText = sql;
#pragma warning restore CA2100
        command.ExecuteNonQuery();
    }
}
