using System.Data.Common;

namespace Latchkey.Storage;

/// <summary>
/// One connection in one transaction, for statements with parameters <c>$1</c>, <c>$2</c>, …
/// Statements are prepared once a connection. On SQLite every call completes before it returns.
/// </summary>
public abstract class SqlSession
{
    /// <summary>Gets the prepared command of a statement with its values set.</summary>
    /// <param name="sql">The statement; its text is the key of the prepared command.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    protected abstract DbCommand Prepare(string sql, ReadOnlySpan<SqlValue> values);

    /// <summary>Whether the driver only works synchronously.</summary>
    protected abstract bool IsSynchronous { get; }

    /// <summary>
    /// What ends a SELECT whose row must stay as it was read until the transaction is over. Empty on an engine that has one writer: there it does anyway.
    /// </summary>
    protected internal virtual string ForUpdate => "";

    /// <summary>Runs a statement that returns no rows.</summary>
    /// <param name="sql">The statement.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    /// <returns>How many rows it changed.</returns>
    public ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values)
    {
        var command = Prepare(sql, values);
        return IsSynchronous ? new(command.ExecuteNonQuery()) : new(command.ExecuteNonQueryAsync());
    }

    /// <summary>Runs a statement that returns one row at most.</summary>
    /// <typeparam name="T">What the row becomes.</typeparam>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Reads the row.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    /// <returns>What was read, or the default if there is no row.</returns>
    public ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
    {
        var command = Prepare(sql, values);
        if (!IsSynchronous) return FindSlowAsync(command, read);
        using var reader = command.ExecuteReader();
        return new(reader.Read() ? read(new SqlRow(reader)) : default);
    }

    /// <summary>Runs a statement that returns rows.</summary>
    /// <typeparam name="T">What a row becomes.</typeparam>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    public ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
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
