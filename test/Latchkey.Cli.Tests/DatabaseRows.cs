using System.Globalization;
using System.Runtime.CompilerServices;
using Latchkey.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Latchkey.Cli.Tests;

/// <summary>Looks into a server's database behind its back.</summary>
internal static class DatabaseRows
{
    // The engine's library is chosen by the storage.
    static DatabaseRows() => RuntimeHelpers.RunClassConstructor(typeof(SqliteDatabase).TypeHandle);

    /// <summary>Runs a statement on the database of a data folder.</summary>
    /// <returns>Its rows, each as one text.</returns>
    public static List<string> Query(string dataFolder, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(dataFolder, "latchkey.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        using var reader = command.ExecuteReader();
        var rows = new List<string>();
        while (reader.Read())
            rows.Add(string.Join(" | ", Enumerable.Range(0, reader.FieldCount).Select(i => reader.GetValue(i) is byte[] bytes ? Convert.ToHexString(bytes) : Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
        return rows;
    }
}
