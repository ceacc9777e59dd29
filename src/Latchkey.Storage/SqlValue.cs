namespace Latchkey.Storage;

/// <summary>A value of a statement's parameter: text, a 64-bit integer, bytes, or null.</summary>
public readonly struct SqlValue
{
    private SqlValue(object? boxed, SqlType type) => (Boxed, Type) = (boxed, type);

    /// <summary>What the database driver is given; null stands for SQL's NULL.</summary>
    public object? Boxed { get; }

    /// <summary>What the parameter is, also where it is NULL.</summary>
    public SqlType Type { get; }

    /// <summary>SQL's NULL.</summary>
    public static SqlValue Null => default;

    /// <summary>Text or NULL.</summary>
    public static implicit operator SqlValue(string? value) => new(value, SqlType.Text);

    /// <summary>An integer.</summary>
    public static implicit operator SqlValue(long value) => new(value, SqlType.Integer);

    /// <summary>An integer or NULL.</summary>
    public static implicit operator SqlValue(long? value) => new(value, SqlType.Integer);

    /// <summary>An integer.</summary>
    public static implicit operator SqlValue(int value) => new((long)value, SqlType.Integer);

    /// <summary>Bytes or NULL.</summary>
    public static implicit operator SqlValue(byte[]? value) => new(value, SqlType.Bytes);
}

/// <summary>What a parameter is.</summary>
public enum SqlType
{
    /// <summary>NULL of no type: the statement tells.</summary>
    None,

    /// <summary>TEXT.</summary>
    Text,

    /// <summary>BIGINT.</summary>
    Integer,

    /// <summary>BLOB or BYTEA.</summary>
    Bytes,
}
