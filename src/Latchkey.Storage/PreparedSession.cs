using System.Data.Common;

namespace Latchkey.Storage;

/// <summary>One connection in one transaction. Statements are prepared once a connection. On SQLite every call completes before it returns.</summary>
public abstract class PreparedSession : SqlSession
{
    /// <summary>Gets the prepared command of a statement with its values set.</summary>
    /// <param name="sql">The statement; its text is the key of the prepared command.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    protected abstract DbCommand Prepare(string sql, ReadOnlySpan<SqlValue> values);

    /// <summary>Whether the driver only works synchronously.</summary>
    protected abstract bool IsSynchronous { get; }

    /// <inheritdoc />
    public sealed override ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values)
    {
        var command = Prepare(sql, values);
        return IsSynchronous ? new(command.ExecuteNonQuery()) : new(command.ExecuteNonQueryAsync());
    }

    /// <inheritdoc />
    public sealed override ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
        where T : default
    {
        var command = Prepare(sql, values);
        if (!IsSynchronous) return FindSlowAsync(command, read);
        using var reader = command.ExecuteReader();
        return new(reader.Read() ? read(new SqlRow(reader)) : default);
    }

    /// <inheritdoc />
    public sealed override ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
    {
        var command = Prepare(sql, values);
        if (!IsSynchronous) return ListSlowAsync(command, read);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read()) rows.Add(read(new SqlRow(reader)));
        return new(rows);
    }

    private static async ValueTask<T?> FindSlowAsync<T>(DbCommand command, Func<SqlRow, T> read)
    {
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        return await reader.ReadAsync().ConfigureAwait(false) ? read(new SqlRow(reader)) : default;
    }

    private static async ValueTask<List<T>> ListSlowAsync<T>(DbCommand command, Func<SqlRow, T> read)
    {
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync().ConfigureAwait(false)) rows.Add(read(new SqlRow(reader)));
        return rows;
    }
}
