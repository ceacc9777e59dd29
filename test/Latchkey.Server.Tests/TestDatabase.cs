using Microsoft.Data.Sqlite;

namespace Latchkey.Server.Tests;

/// <summary>The database of a server in another process, seen beside it.</summary>
internal sealed class TestDatabase : IDisposable
{
    static TestDatabase() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());

    private readonly SqliteConnection _connection;

    public TestDatabase(LatchkeyProcess server)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = System.IO.Path.Combine(server.DataFolder, "latchkey.db"),
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
        }.ToString());
        _connection.Open();
    }

    /// <summary>Runs a statement.</summary>
    /// <returns>How many rows it changed.</returns>
    public int Run(string statement)
    {
        using var command = _connection.CreateCommand();
#pragma warning disable CA2100 // a test's own text
        command.CommandText = statement;
#pragma warning restore CA2100
        return command.ExecuteNonQuery();
    }

    /// <summary>The first column of the first row.</summary>
    public long Number(string query) => Convert.ToInt64(Rows(query).Single()[0], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Every row.</summary>
    public List<object?[]> Rows(string query)
    {
        using var command = _connection.CreateCommand();
#pragma warning disable CA2100 // a test's own text
        command.CommandText = query;
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var rows = new List<object?[]>();
        while (reader.Read())
        {
            var row = new object?[reader.FieldCount];
            reader.GetValues(row!);
            rows.Add(row);
        }

        return rows;
    }

    public void Dispose() => _connection.Dispose();
}

/// <summary>A row of the audit.</summary>
public sealed record AuditRow(long Id, long At, string Event, string Outcome, string? Actor, string? Subject, string? ClientId, string? Address, string? RequestId, string? Detail)
{
    /// <summary>Reads them, oldest first.</summary>
    /// <param name="server">Whose.</param>
    /// <param name="name">Only those of this event.</param>
    /// <param name="subject">Only those of this person.</param>
    public static List<AuditRow> Read(LatchkeyProcess server, string? name = null, string? subject = null)
    {
        using var database = new TestDatabase(server);
        return [.. database.Rows("SELECT id, at, event, outcome, actor, sub, client_id, address, request_id, detail FROM audit ORDER BY id")
            .Select(row => new AuditRow(
                (long)row[0]!, (long)row[1]!, (string)row[2]!, (string)row[3]!, row[4] as string, row[5] as string, row[6] as string, row[7] as string,
                row[8] as string, row[9] as string))
            .Where(row => (name is null || row.Event == name) && (subject is null || row.Subject == subject))];
    }
}
