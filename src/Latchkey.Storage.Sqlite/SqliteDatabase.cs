using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Latchkey.Storage.Sqlite;

/// <summary>
/// The embedded database: WAL, <c>synchronous=FULL</c>. One thread writes; what waits when it comes round is committed together, so that one
/// fsync carries many requests and nobody waits for a timer. Reads use pooled connections beside it.
/// </summary>
public sealed class SqliteDatabase : Database
{
    private const int QueueCapacity = 4096;
    private const int BatchSize = 64;

    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);

    static SqliteDatabase() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());

    private readonly string _path;
    private readonly bool _durable;
    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private readonly Thread _writer;
    private volatile bool _disposed;

    /// <summary>Opens a database file, making it if there is none. Its folder must exist.</summary>
    /// <param name="path">The file.</param>
    /// <param name="durable">False for a database that is thrown away, such as a test's: nothing waits for the disk.</param>
    /// <exception cref="DatabaseUnavailableException">The file can't be opened or is no SQLite database.</exception>
    public SqliteDatabase(string path, bool durable = true)
    {
        (_path, _durable) = (path, durable);
        SqliteSession session;
        try
        {
            session = Open(SqliteOpenMode.ReadWriteCreate);
            session.Run("PRAGMA journal_mode = WAL");
        }
        catch (SqliteException exception)
        {
            throw Unavailable(exception);
        }

        _writer = new Thread(() => WriteLoop(session)) { IsBackground = true, Name = "latchkey-writer" };
        _writer.Start();
    }

    /// <inheritdoc />
    public override string Engine => "sqlite";

    /// <inheritdoc />
    public override string Location => $"sqlite:{_path}";

    /// <inheritdoc />
    /// <remarks>An open file that was moved or deleted still answers, and what is written to it is lost: that must be seen from outside.</remarks>
    public override ValueTask<bool> IsAvailableAsync() => File.Exists(_path) ? base.IsAvailableAsync() : new(false);

    /// <inheritdoc />
    public override ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        try
        {
            if (!_readers.TryTake(out var session)) session = Open(SqliteOpenMode.ReadOnly);
            try
            {
                return new(Complete(read(session)));
            }
            finally
            {
                if (_disposed) session.Dispose();
                else _readers.Add(session);
            }
        }
        catch (SqliteException exception)
        {
            return ValueTask.FromException<T>(Unavailable(exception));
        }
    }

    /// <inheritdoc />
    public override async ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write)
    {
        var queued = new Write<T>(write);
        if (!_queue.Writer.TryWrite(queued))
            throw new DatabaseUnavailableException(_disposed ? "The database is closed." : $"The database has {QueueCapacity} writes waiting; try again in a moment.");
        return await queued.Completion.Task.ConfigureAwait(false);
    }

    /// <inheritdoc />
    public override async Task MigrateAsync() => await WriteAsync(async sql =>
    {
        await sql.ExecuteAsync("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)").ConfigureAwait(false);
        var applied = await sql.FindAsync("SELECT COALESCE(MAX(number), 0) FROM migrations", row => row.Long(0)).ConfigureAwait(false);
        var migrations = Migrations(Engine);
        if (applied > migrations[^1].Number)
            throw new DatabaseUnavailableException($"The database {_path} is of a newer version of Latchkey; run that version, or restore a backup of this one's.");
        foreach (var (number, name, text) in migrations)
        {
            if (number <= applied) continue;
            using var script = ((SqliteSession)sql).Connection.CreateCommand();
#pragma warning disable CA2100 // migrations are embedded in Latchkey.Storage
            script.CommandText = text;
#pragma warning restore CA2100
            script.ExecuteNonQuery();
            await sql.ExecuteAsync("INSERT INTO migrations (number, name) VALUES ($1, $2)", number, name).ConfigureAwait(false);
        }

        return true;
    }).ConfigureAwait(false);

    /// <inheritdoc />
    public override ValueTask DisposeAsync()
    {
        if (_disposed) return ValueTask.CompletedTask;
        _disposed = true;
        // The writer goes last: only a connection that may write folds the log back into the file when it closes.
        while (_readers.TryTake(out var session)) session.Dispose();
        _queue.Writer.Complete();
        _writer.Join();
        return ValueTask.CompletedTask;
    }

    private static T Complete<T>(ValueTask<T> task) => task.IsCompleted
        ? task.GetAwaiter().GetResult()
        : throw new InvalidOperationException("A database operation awaited something other than its session.");

    private SqliteSession Open(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = _path,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = (int)BusyTimeout.TotalSeconds,
        }.ToString());
        connection.Open();
        using var pragmas = connection.CreateCommand();
        pragmas.CommandText = string.Create(CultureInfo.InvariantCulture,
            $"PRAGMA busy_timeout = {(int)BusyTimeout.TotalMilliseconds}; PRAGMA synchronous = {(_durable ? "FULL" : "OFF")}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;");
        pragmas.ExecuteNonQuery();
        return new SqliteSession(connection);
    }

    private void WriteLoop(SqliteSession session)
    {
        var batch = new List<Write>(BatchSize);
        var reader = _queue.Reader;
#pragma warning disable CA2012 // this thread only waits
        while (reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
#pragma warning restore CA2012
        {
            batch.Clear();
            while (batch.Count < BatchSize && reader.TryRead(out var write)) batch.Add(write);
            Commit(session, batch);
        }

        session.Dispose();
    }

    private void Commit(SqliteSession session, List<Write> batch)
    {
        try
        {
            session.Run("BEGIN IMMEDIATE");
            // An operation that throws is a rarity, so savepoints are paid for only where one did: then all of the batch runs again.
            if (!batch.TrueForAll(write => write.TryRun(session)))
            {
                session.Run("ROLLBACK");
                session.Run("BEGIN IMMEDIATE");
                foreach (var write in batch) RunApart(session, write);
            }

            session.Run("COMMIT");
        }
        catch (SqliteException exception)
        {
            Abandon(session);
            var reason = Unavailable(exception);
            foreach (var write in batch) write.Fail(reason);
            return;
        }

        foreach (var write in batch) write.Succeed();
    }

    /// <summary>Runs an operation that takes nothing of its neighbours along when it throws.</summary>
    private static void RunApart(SqliteSession session, Write write)
    {
        session.Run("SAVEPOINT operation");
        if (!write.TryRun(session)) session.Run("ROLLBACK TO operation");
        session.Run("RELEASE operation");
    }

    private static void Abandon(SqliteSession session)
    {
        try
        {
            session.Run("ROLLBACK");
        }
        catch (SqliteException)
        {
            // There is no transaction left to roll back: SQLite did it itself.
        }
    }

    private DatabaseUnavailableException Unavailable(SqliteException exception) => new(exception.SqliteErrorCode switch
    {
        5 or 6 => $"The database {_path} is locked by another process.",
        8 => $"The database {_path} is read-only; give the server the right to write to it and its folder.",
        10 => $"Reading or writing the database {_path} failed; check the disk.",
        11 or 26 => $"The file {_path} is damaged or no SQLite database; restore it from a backup.",
        13 => $"The disk that holds the database {_path} is full.",
        14 => $"The database {_path} can't be opened; check that its folder exists and may be written to.",
        _ => $"The database {_path} failed: {exception.Message}",
    }, exception);

    private abstract class Write
    {
        /// <summary>Runs the operation; false if it threw and must be undone.</summary>
        public abstract bool TryRun(SqliteSession session);

        /// <summary>Completes the caller once the batch is durable.</summary>
        public abstract void Succeed();

        /// <summary>Fails the caller: nothing was written.</summary>
        public abstract void Fail(Exception exception);
    }

    private sealed class Write<T>(Func<SqlSession, ValueTask<T>> operation) : Write
    {
        private T? _result;
        private Exception? _exception;

        public TaskCompletionSource<T> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override bool TryRun(SqliteSession session)
        {
            _exception = null;
            try
            {
                _result = Complete(operation(session));
                return true;
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode is 5 or 6 or 8 or 10 or 11 or 13 or 14)
            {
                throw; // the database itself is in trouble: the whole batch is
            }
#pragma warning disable CA1031 // whatever the operation threw belongs to its caller alone
            catch (Exception exception)
#pragma warning restore CA1031
            {
                _exception = exception;
                return false;
            }
        }

        public override void Succeed()
        {
            if (_exception is not null) Completion.SetException(_exception);
            else Completion.SetResult(_result!);
        }

        public override void Fail(Exception exception) => Completion.SetException(_exception ?? exception);
    }
}
