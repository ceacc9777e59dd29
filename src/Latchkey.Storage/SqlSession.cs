namespace Latchkey.Storage;

/// <summary>
/// A transaction, for statements with parameters <c>$1</c>, <c>$2</c>, … Where people's rows lie in several databases, a statement on them goes through
/// <see cref="ShardOf(string)"/>; all others go to the first database.
/// </summary>
public abstract class SqlSession
{
    /// <summary>
    /// What ends a SELECT whose row must stay as it was read until the transaction is over. Empty on an engine that has one writer: there it does anyway.
    /// </summary>
    protected internal virtual string ForUpdate => "";

    /// <summary>The database that has the rows of a bucket (<see cref="RowId.Bucket"/>); this one where there is one.</summary>
    /// <param name="bucket">0 to 4095.</param>
    public virtual SqlSession ShardOf(int bucket) => this;

    /// <summary>The database that has the rows of a person; this one where there is one.</summary>
    /// <param name="subject">The person's <c>sub</c>.</param>
    public virtual SqlSession ShardOf(string subject) => this;

    /// <summary>Each database, for what goes over the rows of all people; this one alone where there is one.</summary>
    public virtual IReadOnlyList<SqlSession> Shards => [this];

    /// <summary>Runs a statement that returns no rows.</summary>
    /// <param name="sql">The statement.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    /// <returns>How many rows it changed.</returns>
    public abstract ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values);

    /// <summary>Runs a statement that returns one row at most.</summary>
    /// <typeparam name="T">What the row becomes.</typeparam>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Reads the row.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    /// <returns>What was read, or the default if there is no row.</returns>
    public abstract ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values);

    /// <summary>Runs a statement that returns rows.</summary>
    /// <typeparam name="T">What a row becomes.</typeparam>
    /// <param name="sql">The statement.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="values">The values of <c>$1</c>, <c>$2</c>, …</param>
    public abstract ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values);

    /// <summary>Runs a change in each database.</summary>
    /// <returns>How many rows it changed in all.</returns>
    internal async ValueTask<int> SumAsync(Func<SqlSession, ValueTask<int>> change)
    {
        var sum = 0;
        foreach (var shard in Shards) sum += await change(shard).ConfigureAwait(false);
        return sum;
    }

    /// <summary>Lists rows of each database as if they were of one.</summary>
    /// <param name="list">Lists those of one, in order.</param>
    /// <param name="order">The order.</param>
    /// <param name="limit">How many at most.</param>
    internal async ValueTask<List<T>> MergeAsync<T>(Func<SqlSession, ValueTask<List<T>>> list, Comparison<T> order, int limit = int.MaxValue)
    {
        if (Shards is [var only]) return await list(only).ConfigureAwait(false);
        var all = new List<T>();
        foreach (var shard in Shards) all.AddRange(await list(shard).ConfigureAwait(false));
        all.Sort(order);
        if (all.Count > limit) all.RemoveRange(limit, all.Count - limit);
        return all;
    }
}
