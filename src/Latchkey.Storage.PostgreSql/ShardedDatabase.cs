using Npgsql;

namespace Latchkey.Storage.PostgreSql;

/// <summary>
/// Several databases of PostgreSQL as one: people's rows lie in that of their bucket, everything else in the first. A write that stays in one database is
/// one transaction. One that goes over several is committed in their order, the first before all: what that used up or took may then be gone for nobody,
/// should another fail at that moment, but nothing is given twice. The caller is told that it failed.
/// </summary>
public sealed class ShardedDatabase : Database
{
    private readonly PostgreSqlDatabase[] _shards;
    private readonly ShardedSession _reader;
    private volatile string? _trouble;
    private int _writing;

    /// <summary>Names the databases; each is reached when it is first used.</summary>
    /// <param name="urls">
    /// Their addresses, as <see cref="PostgreSqlDatabase"/> takes them, always in the same order; with the keyword <c>Buckets</c> in each
    /// (<see cref="ShardMap.Of"/>), or in none.
    /// </param>
    /// <param name="patience">How long a caller waits at most.</param>
    /// <param name="connections">How many connections to each at most.</param>
    /// <exception cref="FormatException">An address is none, or the buckets don't add up; the message begins with a verb and never shows a password.</exception>
    public ShardedDatabase(IReadOnlyList<string> urls, TimeSpan? patience = null, int connections = 4)
    {
        _shards = [.. urls.Select(url => new PostgreSqlDatabase(url, patience, connections))];
        try
        {
            Map = ShardMap.Of([.. _shards.Select(shard => shard.Buckets)]);
        }
        catch (FormatException exception)
        {
            throw new FormatException($"can't be spread: {exception.Message}.");
        }

        _reader = new ShardedSession([.. _shards.Select(shard => new ShardReader(shard))], Map);
    }

    /// <inheritdoc />
    public override string Engine => _shards[0].Engine;

    /// <inheritdoc />
    public override string Location => string.Join(" and ", _shards.Select(shard => shard.Location));

    /// <inheritdoc />
    public override IReadOnlyList<Database> Shards => _shards;

    /// <inheritdoc />
    public override ShardMap Map { get; }

    /// <inheritdoc />
    public override Database ShardOf(string subject) => _shards[Map[RowId.BucketOf(subject)]];

    /// <inheritdoc />
    public override int Waiting => Volatile.Read(ref _writing) + _shards.Sum(shard => shard.Waiting);

    /// <inheritdoc />
    /// <remarks>Known since <see cref="IsAvailableAsync"/> was last asked.</remarks>
    public override string? Trouble => _trouble;

    /// <inheritdoc />
    /// <remarks>Each statement by itself, on a connection that it holds no longer than it runs.</remarks>
    public override ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read) => read(_reader);

    /// <inheritdoc />
    public override async ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write)
    {
        if (Interlocked.Increment(ref _writing) > PostgreSqlDatabase.QueueCapacity)
        {
            Interlocked.Decrement(ref _writing);
            throw new DatabaseUnavailableException($"The databases have {PostgreSqlDatabase.QueueCapacity} operations waiting; try again in a moment.");
        }

        try
        {
            return await WriteNowAsync(write).WaitAsync(_shards[0].Patience).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw PostgreSqlFaults.Unavailable(Location, exception);
        }
        finally
        {
            Interlocked.Decrement(ref _writing);
        }
    }

    /// <inheritdoc />
    public override ValueTask<bool> RotateAsync(RowId id, int generation, long now) => _shards[Map[id.Bucket]].RotateAsync(id, generation, now);

    /// <inheritdoc />
    public override ValueTask<GrantWithPerson?> FindGrantAsync(RowId id) => _shards[Map[id.Bucket]].FindGrantAsync(id);

    /// <inheritdoc />
    public override async Task MigrateAsync(IReadOnlyList<Migration> migrations)
    {
        foreach (var shard in _shards) await shard.MigrateAsync(migrations).ConfigureAwait(false);
    }

    /// <inheritdoc />
    /// <remarks>
    /// While the first answers. To take a node out because another does not would take out all, and with them everybody whose rows can be reached;
    /// <see cref="Trouble"/> tells of it.
    /// </remarks>
    public override async ValueTask<bool> IsAvailableAsync()
    {
        var answers = await Task.WhenAll(_shards.Select(shard => shard.IsAvailableAsync().AsTask())).ConfigureAwait(false);
        var away = Enumerable.Range(1, answers.Length).Where(number => !answers[number - 1]).ToArray();
        _trouble = away.Length == 0 ? null : $"Of {answers.Length} databases, number {string.Join(", ", away)} does not answer: whose rows are there can neither sign in nor refresh.";
        return answers[0];
    }

    /// <inheritdoc />
    public override ValueTask<TimeSpan?> ClockOffsetAsync(TimeProvider clock) => _shards[0].ClockOffsetAsync(clock);

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        foreach (var shard in _shards) await shard.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<T> WriteNowAsync<T>(Func<SqlSession, ValueTask<T>> write)
    {
        for (var attempt = 1; ; attempt++)
        {
            var writers = Array.ConvertAll(_shards, shard => new ShardWriter(shard));
            var committed = 0;
            try
            {
                var result = await write(new ShardedSession(writers, Map)).ConfigureAwait(false);
                foreach (var writer in writers) committed += await writer.CommitAsync().ConfigureAwait(false) ? 1 : 0;
                return result;
            }
            // What is committed in one can't be run again.
            catch (PostgresException exception) when (PostgreSqlFaults.IsConflict(exception))
            {
                if (attempt == PostgreSqlDatabase.Attempts || committed > 0) throw PostgreSqlFaults.Unavailable(Location, exception);
            }
            finally
            {
                foreach (var writer in writers) await writer.DisposeAsync().ConfigureAwait(false);
            }

            await PostgreSqlDatabase.PauseAsync(attempt).ConfigureAwait(false);
        }
    }
}
