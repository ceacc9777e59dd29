using System.Data.Common;

namespace Latchkey.Storage;

/// <summary>The current row of an answer, read by column position.</summary>
/// <param name="reader">The driver's reader.</param>
/// <param name="first">Which of the answer's columns is column 0 here.</param>
public readonly struct SqlRow(DbDataReader reader, int first = 0)
{
    /// <summary>The columns behind the first few, where one statement reads rows of several tables.</summary>
    /// <param name="columns">How many belong to the table before.</param>
    public SqlRow Skip(int columns) => new(reader, first + columns);

    /// <summary>Whether a column is NULL.</summary>
    public bool IsNull(int column) => reader.IsDBNull(first + column);

    /// <summary>Text that is never NULL.</summary>
    public string Text(int column) => reader.GetString(first + column);

    /// <summary>Text or null.</summary>
    public string? TextOrNull(int column) => reader.IsDBNull(first + column) ? null : reader.GetString(first + column);

    /// <summary>A 64-bit integer.</summary>
    public long Long(int column) => reader.GetInt64(first + column);

    /// <summary>A 64-bit integer or null.</summary>
    public long? LongOrNull(int column) => reader.IsDBNull(first + column) ? null : reader.GetInt64(first + column);

    /// <summary>A 32-bit integer.</summary>
    public int Int(int column) => checked((int)reader.GetInt64(first + column));

    /// <summary>Bytes that are never NULL.</summary>
    public byte[] Bytes(int column) => reader.GetFieldValue<byte[]>(first + column);

    /// <summary>Bytes or null.</summary>
    public byte[]? BytesOrNull(int column) => reader.IsDBNull(first + column) ? null : reader.GetFieldValue<byte[]>(first + column);
}
