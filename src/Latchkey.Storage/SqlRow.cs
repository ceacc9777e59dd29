using System.Data.Common;

namespace Latchkey.Storage;

/// <summary>The current row of an answer, read by column position.</summary>
/// <param name="reader">The driver's reader.</param>
public readonly struct SqlRow(DbDataReader reader)
{
    /// <summary>Text that is never NULL.</summary>
    public string Text(int column) => reader.GetString(column);

    /// <summary>Text or null.</summary>
    public string? TextOrNull(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    /// <summary>A 64-bit integer.</summary>
    public long Long(int column) => reader.GetInt64(column);

    /// <summary>A 64-bit integer or null.</summary>
    public long? LongOrNull(int column) => reader.IsDBNull(column) ? null : reader.GetInt64(column);

    /// <summary>A 32-bit integer.</summary>
    public int Int(int column) => checked((int)reader.GetInt64(column));

    /// <summary>Bytes that are never NULL.</summary>
    public byte[] Bytes(int column) => reader.GetFieldValue<byte[]>(column);

    /// <summary>Bytes or null.</summary>
    public byte[]? BytesOrNull(int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<byte[]>(column);
}
