using System.Data.Common;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchkey.Storage.Sqlite;

/// <summary>One SQLite connection with its prepared statements. Used by one thread at a time.</summary>
internal sealed class SqliteSession(SqliteConnection connection) : PreparedSession, IDisposable
{
    private readonly Dictionary<string, SqliteCommand> _prepared = new(StringComparer.Ordinal);

    public SqliteConnection Connection => connection;

    protected override bool IsSynchronous => true;

    /// <summary>Runs text that needs no values, such as BEGIN; prepared like the rest.</summary>
    public void Run(string sql) => Prepare(sql, []).ExecuteNonQuery();

    /// <summary>The pages that were written to the log since the last call.</summary>
    public int TakePagesWritten()
    {
        const int CacheWrite = 9;
        raw.sqlite3_db_status(connection.Handle!, CacheWrite, out var pages, out _, 1);
        return pages;
    }

    /// <summary>
    /// Whether an error means that the disk failed to write or to make durable, rather than that it is full or read-only, which time can mend.
    /// </summary>
    public bool LostTheDisk(SqliteException exception)
    {
        const int Write = 778, Fsync = 1034, FolderFsync = 1290, Truncate = 1546;
        const int NoSpace = 28, ReadOnly = 30, Quota = 122;
        return exception.SqliteExtendedErrorCode is Fsync or FolderFsync
            || (exception.SqliteExtendedErrorCode is Write or Truncate && SystemError(connection.Handle!.DangerousGetHandle()) is not (NoSpace or ReadOnly or Quota));
    }

    public void Dispose()
    {
        foreach (var command in _prepared.Values) command.Dispose();
        connection.Dispose();
    }

    protected override DbCommand Prepare(string sql, ReadOnlySpan<SqlValue> values)
    {
        if (!_prepared.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
#pragma warning disable CA2100 // the statements are constants of Latchkey.Storage; values go in as parameters
            command.CommandText = sql;
#pragma warning restore CA2100
            for (var i = 1; i <= values.Length; i++)
                command.Parameters.Add(new SqliteParameter("$" + i.ToString(CultureInfo.InvariantCulture), null));
            _prepared.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i].Boxed ?? DBNull.Value;
        return command;
    }

    // What the operating system said; the binding leaves this one out.
    [DllImport("e_sqlite3", EntryPoint = "sqlite3_system_errno")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories)]
    private static extern int SystemError(nint handle);
}
