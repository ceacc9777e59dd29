namespace Latchkey.Storage;

/// <summary>A value of a statement's parameter: text, a 64-bit integer, bytes, or null.</summary>
public readonly struct SqlValue
{
    private SqlValue(object? boxed) => Boxed = boxed;

    /// <summary>What the database driver is given; null stands for SQL's NULL.</summary>
    public object? Boxed { get; }

    /// <summary>SQL's NULL.</summary>
    public static SqlValue Null => default;

    /// <summary>Text or NULL.</summary>
    public static implicit operator SqlValue(string? value) => new(value);

    /// <summary>An integer.</summary>
    public static implicit operator SqlValue(long value) => new(value);

    /// <summary>An integer or NULL.</summary>
    public static implicit operator SqlValue(long? value) => new(value);

    /// <summary>An integer.</summary>
    public static implicit operator SqlValue(int value) => new((long)value);

    /// <summary>Bytes or NULL.</summary>
    public static implicit operator SqlValue(byte[]? value) => new(value);
}
