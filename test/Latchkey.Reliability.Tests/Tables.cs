using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Latchkey.Reliability.Tests;

/// <summary>Looks into the database of a server from outside, read-only.</summary>
internal static class Tables
{
    static Tables() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());

    /// <summary>Makes sure that SQLite is there for who opens a file by hand.</summary>
    public static void UseProvider()
    {
        // The static constructor does it.
    }

    /// <summary>What SQLite finds wrong with a database that is in use; <c>ok</c> if nothing is.</summary>
    public static string Check(string file)
    {
        using var connection = Open(file);
        return string.Join('\n', Texts(connection, "PRAGMA integrity_check"));
    }

    /// <summary>The number of rows of every table, as text that tests can compare.</summary>
    /// <param name="file">The database; a server may be using it.</param>
    /// <param name="except">Tables that don't count.</param>
    public static string Counts(string file, params string[] except)
    {
        using var connection = Open(file);
        var tables = Texts(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name");
        return string.Join('\n', tables.Where(table => !except.Contains(table)).Select(table => $"{table}: {Texts(connection, $"SELECT COUNT(*) FROM {table}")[0]}"));
    }

    /// <summary>What SQLite finds wrong with a database that nobody has open, such as after a crash; <c>ok</c> if nothing is.</summary>
    /// <remarks>It looks at a copy, so that the server does its own recovery.</remarks>
    public static string IntegrityOfCopy(string file)
    {
        using var folder = new TemporaryFolder();
        Copy(file, folder.Path);
        using var connection = Open(folder.File(Path.GetFileName(file)), SqliteOpenMode.ReadWrite);
        return string.Join('\n', Texts(connection, "PRAGMA integrity_check"));
    }

    /// <summary>Copies a database that nobody has open with what SQLite keeps beside it.</summary>
    public static void Copy(string file, string folder)
    {
        foreach (var suffix in new[] { "", "-wal", "-shm" })
        {
            var target = Path.Combine(folder, Path.GetFileName(file) + suffix);
            File.Delete(target);
            if (File.Exists(file + suffix)) File.Copy(file + suffix, target);
        }
    }

    private static SqliteConnection Open(string file, SqliteOpenMode mode = SqliteOpenMode.ReadOnly)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        return connection;
    }

    private static List<string> Texts(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // the statements are of this file
        command.CommandText = sql;
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        var texts = new List<string>();
        while (reader.Read()) texts.Add(Convert.ToString(reader.GetValue(0), CultureInfo.InvariantCulture)!);
        return texts;
    }
}
