namespace Latchkey.Storage;

/// <summary>
/// Where Latchkey keeps its state: SQLite or PostgreSQL. What a write did is durable when its task completes. A write that throws did nothing, but for
/// one whose connection broke while it was being committed: nobody can know what became of that one, and it is never reported as done.
/// </summary>
public abstract class Database : IAsyncDisposable
{
    /// <summary>The engine, as migrations are named: <c>sqlite</c> or <c>postgres</c>.</summary>
    public abstract string Engine { get; }

    /// <summary>Where the data lies, for people; never with a password.</summary>
    public abstract string Location { get; }

    /// <summary>The databases that people's rows are spread over, the first of which has all others too; this one alone where it is the only one.</summary>
    public virtual IReadOnlyList<Database> Shards => [this];

    /// <summary>The database that has the rows of a person; this one where it is the only one.</summary>
    /// <param name="subject">The person's <c>sub</c>.</param>
    public virtual Database ShardOf(string subject) => this;

    /// <summary>The buckets that each of <see cref="Shards"/> has.</summary>
    public virtual ShardMap Map => ShardMap.Whole;

    /// <summary>Runs statements that only read.</summary>
    /// <typeparam name="T">What they yield.</typeparam>
    /// <param name="read">The statements; must await nothing but the session.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached or is too busy.</exception>
    public abstract ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read);

    /// <summary>
    /// Runs statements as one transaction. It is committed durably before the task completes, together with its neighbours' if there are many.
    /// </summary>
    /// <typeparam name="T">What they yield.</typeparam>
    /// <param name="write">The statements; must await nothing but the session. They may run again after a conflict.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached, is full or is too busy; the write is not known to have been done.</exception>
    public abstract ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write);

    /// <summary>How many writes wait for the database now, for the operator's figures.</summary>
    public virtual int Waiting => 0;

    /// <summary>
    /// Uses up one generation of a refresh token, as <see cref="Grants.RotateAsync"/> does. The commonest write of all: an engine may take many together.
    /// </summary>
    /// <param name="id">The grant.</param>
    /// <param name="generation">The generation that was presented.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>
    /// True if the generation was current and the grant alive. False says that it was not used up here: judge the row in a transaction, which may also
    /// find that it can be used up after all.
    /// </returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached or is too busy; the rotation is not known to have been done.</exception>
    public virtual ValueTask<bool> RotateAsync(RowId id, int generation, long now) => WriteAsync(sql => Grants.RotateAsync(sql, id, generation, now));

    /// <summary>
    /// Finds a grant with what it stands on, as <see cref="Grants.FindWithPersonAsync"/> does. Every refresh asks for it: an engine may read many together.
    /// </summary>
    /// <param name="id">The grant.</param>
    /// <returns>The grant as it was at some time after the call; null if there is none.</returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached or is too busy.</exception>
    public virtual ValueTask<GrantWithPerson?> FindGrantAsync(RowId id) => ReadAsync(sql => Grants.FindWithPersonAsync(sql, id));

    /// <summary>
    /// Brings the schema to this version's, under a lock that other nodes wait for. What the database has beyond it is left alone: a newer version
    /// that only adds can share the database with this one.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">
    /// The database can't be opened, is of a newer version that this program can't use, or a migration failed: the schema is then as it was. Or people's
    /// rows are spread over other databases, or otherwise, than was said.
    /// </exception>
    public async Task MigrateAsync()
    {
        await MigrateAsync(Migration.All(Engine)).ConfigureAwait(false);
        await ShardPlacement.SettleAsync(this).ConfigureAwait(false);
    }

    /// <summary>Applies those of some migrations that the database lacks, all or none of them.</summary>
    /// <param name="migrations">In the order in which they are applied.</param>
    /// <exception cref="DatabaseUnavailableException">As <see cref="MigrateAsync()"/> says.</exception>
    public abstract Task MigrateAsync(IReadOnlyList<Migration> migrations);

    /// <summary>Whether the database answers now.</summary>
    public virtual async ValueTask<bool> IsAvailableAsync()
    {
        try
        {
            return await ReadAsync(sql => sql.FindAsync("SELECT version FROM configuration WHERE id = 1", row => row.Long(0))).ConfigureAwait(false) > 0;
        }
        catch (DatabaseUnavailableException)
        {
            return false;
        }
    }

    /// <summary>Why the last write could not be done, in a sentence that tells nobody where the data lies; null while writes work.</summary>
    public virtual string? Trouble => null;

    /// <summary>
    /// Completes with a sentence for the operator when nothing may be acknowledged any more and only a new start helps, as after a failed fsync.
    /// Whatever is asked of the database from then on is refused.
    /// </summary>
    public virtual Task<string> Broken { get; } = new TaskCompletionSource<string>().Task;

    /// <summary>
    /// What a server does before its first request, once: looks whether the last one was stopped in order, and if it was not, at what that left behind.
    /// </summary>
    /// <returns>What was found, a sentence for the log; null if there is nothing to tell.</returns>
    /// <exception cref="DatabaseUnavailableException">The database is damaged.</exception>
    public virtual Task<string?> EnterServiceAsync() => Task.FromResult<string?>(null);

    /// <summary>How far this machine's clock is ahead of the database's; null on an engine that has no clock of its own.</summary>
    /// <param name="clock">This machine's clock.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public virtual ValueTask<TimeSpan?> ClockOffsetAsync(TimeProvider clock) => new((TimeSpan?)null);

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();
}

/// <summary>The database can't be reached, is full, too busy or too new: callers answer 503 and try again later.</summary>
/// <param name="message">One sentence for the operator, without passwords.</param>
/// <param name="inner">What the driver said.</param>
public sealed class DatabaseUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
