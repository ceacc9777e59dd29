using System.Data;
using System.Diagnostics;
using Npgsql;

namespace Latchkey.Storage.PostgreSql;

/// <summary>The sessions of several databases as one: the first, from which a statement on a person's rows goes to that of their bucket.</summary>
internal sealed class ShardedSession(IReadOnlyList<SqlSession> shards, ShardMap map) : SqlSession
{
    public override IReadOnlyList<SqlSession> Shards => shards;

    protected override string ForUpdate => PostgreSqlSession.Lock;

    public override SqlSession ShardOf(int bucket) => shards[map[bucket]];

    public override SqlSession ShardOf(string subject) => shards[map[RowId.BucketOf(subject)]];

    public override ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values) => shards[0].ExecuteAsync(sql, values);

    public override ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
        where T : default => shards[0].FindAsync(sql, read, values);

    public override ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values) => shards[0].ListAsync(sql, read, values);
}

/// <summary>One of the databases while something is read: each statement takes a connection of its own.</summary>
internal sealed class ShardReader(PostgreSqlDatabase database) : SqlSession
{
    protected override string ForUpdate => PostgreSqlSession.Lock;

    public override ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values)
    {
        var kept = values.ToArray();
        return database.ReadAsync(session => session.ExecuteAsync(sql, kept));
    }

    public override ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
        where T : default
    {
        var kept = values.ToArray();
        return database.ReadAsync(session => session.FindAsync(sql, read, kept));
    }

    public override ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
    {
        var kept = values.ToArray();
        return database.ReadAsync(session => session.ListAsync(sql, read, kept));
    }
}

/// <summary>One of the databases in a write: its transaction begins with the first statement that goes there.</summary>
internal sealed class ShardWriter(PostgreSqlDatabase database) : SqlSession, IAsyncDisposable
{
    private PostgreSqlSession? _session;
    private NpgsqlTransaction? _transaction;

    protected override string ForUpdate => PostgreSqlSession.Lock;

    public override ValueTask<int> ExecuteAsync(string sql, params ReadOnlySpan<SqlValue> values)
    {
        var kept = values.ToArray();
        return RunAsync(session => session.ExecuteAsync(sql, kept));
    }

    public override ValueTask<T?> FindAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
        where T : default
    {
        var kept = values.ToArray();
        return RunAsync(session => session.FindAsync(sql, read, kept));
    }

    public override ValueTask<List<T>> ListAsync<T>(string sql, Func<SqlRow, T> read, params ReadOnlySpan<SqlValue> values)
    {
        var kept = values.ToArray();
        return RunAsync(session => session.ListAsync(sql, read, kept));
    }

    /// <summary>Commits what was written here.</summary>
    /// <returns>False if no statement came here.</returns>
    /// <exception cref="DatabaseUnavailableException">It is not known to be done.</exception>
    public async ValueTask<bool> CommitAsync()
    {
        if (_transaction is null) return false;
        var started = Stopwatch.GetTimestamp();
        try
        {
            await _transaction.CommitAsync().ConfigureAwait(false);
            database.ThrowIfUnreplicated(_session!);
            StoreTelemetry.Committed(1, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: true);
            return true;
        }
        catch (Exception exception) when (IsOutage(exception))
        {
            StoreTelemetry.Committed(1, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: false);
            throw PostgreSqlFaults.Unavailable(database.Location, exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            // Undoes what was not committed.
            if (_transaction is not null) await _transaction.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (PostgreSqlFaults.IsTrouble(exception))
        {
            // A connection that is gone has undone it already.
        }
        finally
        {
            if (_session is not null) await database.ReturnAsync(_session).ConfigureAwait(false);
        }
    }

    private async ValueTask<T> RunAsync<T>(Func<PostgreSqlSession, ValueTask<T>> statement)
    {
        try
        {
            _session ??= await database.RentAsync().ConfigureAwait(false);
            _transaction ??= await _session.Connection.BeginTransactionAsync(IsolationLevel.ReadCommitted).ConfigureAwait(false);
            return await statement(_session).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOutage(exception))
        {
            throw PostgreSqlFaults.Unavailable(database.Location, exception);
        }
    }

    // A conflict is for the whole write to run again.
    private static bool IsOutage(Exception exception) => PostgreSqlFaults.IsTrouble(exception) && !PostgreSqlFaults.IsConflict(exception);
}
