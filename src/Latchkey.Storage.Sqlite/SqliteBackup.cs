using Microsoft.Data.Sqlite;

namespace Latchkey.Storage.Sqlite;

/// <summary>
/// A backup: one file, itself a SQLite database. It has every table as it was at one moment, and what the folder of the key ring held then, without
/// which the signing keys in it can't be opened. Who has the file can be the server: it is made readable for its owner alone.
/// </summary>
public static class SqliteBackup
{
    private const string About = "latchkey_backup";
    private const string Files = "latchkey_backup_files";

    /// <summary>Copies a database, also while a server writes to it: what is committed until now is in the copy, and nothing half.</summary>
    /// <param name="database">The database's file.</param>
    /// <param name="keyRing">The folder of the key ring.</param>
    /// <param name="file">The file to make. It appears once it is whole and on the disk; one that is there is replaced.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be read, or the copy can't be written.</exception>
    public static void Take(string database, string keyRing, string file, long now)
    {
        var partial = $"{file}.{Environment.ProcessId}.partial";
        try
        {
            Create(partial);
            using (var copy = Open(partial, SqliteOpenMode.ReadWrite))
            {
                using (var source = Open(database, SqliteOpenMode.ReadOnly)) source.BackupDatabase(copy);
                Run(copy, "PRAGMA journal_mode = DELETE");
                Run(copy, "PRAGMA synchronous = FULL");
                if (Text(copy, "PRAGMA quick_check(1)") is not "ok" and { } damage)
                    throw new DatabaseUnavailableException($"The database {database} is damaged ({damage.ReplaceLineEndings(" ")}), so no backup was made; restore the last good one.");
                Run(copy, "BEGIN");
                Run(copy, $"CREATE TABLE {About} (taken_at BIGINT NOT NULL)");
                Run(copy, $"CREATE TABLE {Files} (name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL)");
                Run(copy, $"INSERT INTO {About} VALUES ($1)", now);
                // Read after the rows: what they are encrypted with was there before they were.
                foreach (var key in Directory.GetFiles(keyRing, "*.xml")) Run(copy, $"INSERT INTO {Files} VALUES ($1, $2)", Path.GetFileName(key), File.ReadAllBytes(key));
                Run(copy, "COMMIT");
            }

            DurableFiles.SyncFile(partial);
            File.Move(partial, file, overwrite: true);
            DurableFiles.SyncFolder(Path.GetDirectoryName(Path.GetFullPath(file))!);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new DatabaseUnavailableException($"The backup {file} could not be made: {exception.Message}", exception);
        }
        finally
        {
            File.Delete(partial);
            File.Delete(partial + "-journal");
        }
    }

    /// <summary>Puts a backup in place: the key ring first, then the database.</summary>
    /// <param name="file">The backup; it is only read.</param>
    /// <param name="database">The database's file; there is none yet, or an empty one. Its folder exists.</param>
    /// <param name="keyRing">The folder of the key ring; it exists and is empty.</param>
    /// <param name="settle">What is changed in the copy before it becomes the database.</param>
    /// <exception cref="DatabaseUnavailableException">The file is no backup, is damaged, is of a newer version, or can't be copied; there is no database then.</exception>
    public static async Task RestoreAsync(string file, string database, string keyRing, Func<Database, long, Task> settle)
    {
        var partial = database + ".restoring";
        try
        {
            Delete(partial);
            long taken;
            var keys = new List<(string Name, byte[] Content)>();
            Create(partial);
            using (var source = Open(file, SqliteOpenMode.ReadOnly))
            {
                if (Text(source, $"SELECT name FROM sqlite_master WHERE name = '{About}'") is null)
                    throw new DatabaseUnavailableException($"The file {file} is no backup that latchkey backup made.");
                taken = long.Parse(Text(source, $"SELECT taken_at FROM {About}")!, System.Globalization.CultureInfo.InvariantCulture);
                using var copy = Open(partial, SqliteOpenMode.ReadWrite);
                source.BackupDatabase(copy);
                if (Text(copy, "PRAGMA integrity_check(1)") is not "ok" and { } damage)
                    throw new DatabaseUnavailableException($"The backup {file} is damaged ({damage.ReplaceLineEndings(" ")}); take another.");
                keys.AddRange(ReadFiles(copy));
                Run(copy, $"DROP TABLE {About}");
                Run(copy, $"DROP TABLE {Files}");
            }

            var restored = new SqliteDatabase(partial);
            await using (restored.ConfigureAwait(false))
            {
                await restored.MigrateAsync().ConfigureAwait(false);
                await settle(restored, taken).ConfigureAwait(false);
            }

            foreach (var (name, content) in keys)
            {
                var key = Path.Combine(keyRing, Path.GetFileName(name));
                Create(key);
                await File.WriteAllBytesAsync(key, content).ConfigureAwait(false);
                DurableFiles.SyncFile(key);
            }

            DurableFiles.SyncFolder(keyRing);
            DurableFiles.SyncFile(partial);
            File.Move(partial, database, overwrite: true);
            DurableFiles.SyncFolder(Path.GetDirectoryName(database)!);
        }
        catch (Exception exception) when (exception is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new DatabaseUnavailableException($"The backup {file} could not be restored: {exception.Message}", exception);
        }
        finally
        {
            Delete(partial);
            // The empty file that held the place.
            if (new FileInfo(database) is { Exists: true, Length: 0 }) File.Delete(database);
        }
    }

    private static void Create(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(file, options).Dispose();
    }

    private static void Delete(string file)
    {
        foreach (var suffix in (ReadOnlySpan<string>)["", "-journal", "-wal", "-shm"]) File.Delete(file + suffix);
    }

    private static SqliteConnection Open(string file, SqliteOpenMode mode)
    {
        SqliteDatabase.UseProvider();
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static void Run(SqliteConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        using var command = Command(connection, sql, values);
        command.ExecuteNonQuery();
    }

    private static string? Text(SqliteConnection connection, string sql)
    {
        using var command = Command(connection, sql, []);
        return command.ExecuteScalar() is { } value ? Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) : null;
    }

    private static List<(string Name, byte[] Content)> ReadFiles(SqliteConnection connection)
    {
        using var command = Command(connection, $"SELECT name, content FROM {Files}", []);
        using var reader = command.ExecuteReader();
        var files = new List<(string, byte[])>();
        while (reader.Read()) files.Add((reader.GetString(0), (byte[])reader.GetValue(1)));
        return files;
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, ReadOnlySpan<object> values)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // the statements are of this file
        command.CommandText = sql;
#pragma warning restore CA2100
        for (var i = 0; i < values.Length; i++) command.Parameters.Add(new SqliteParameter("$" + (i + 1).ToString(System.Globalization.CultureInfo.InvariantCulture), values[i]));
        return command;
    }
}
