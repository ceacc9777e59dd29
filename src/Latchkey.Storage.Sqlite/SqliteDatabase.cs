using System.Collections.Concurrent;
using System.Diagnostics;
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

    // As many pages as SQLite's own checkpoints wait for. It ignores it when one of those fails, so the writer does them.
    private const int CheckpointPages = 1000;

    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan CheckTime = TimeSpan.FromSeconds(10);

    static SqliteDatabase() => SQLitePCL.raw.SetProvider(new SQLitePCL.SQLite3Provider_e_sqlite3());

    /// <summary>Makes sure that SQLite is there for whoever uses it without opening a database here.</summary>
    internal static void UseProvider()
    {
        // The static constructor does it.
    }

    private readonly string _path;
    private readonly bool _durable;
    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(QueueCapacity) { SingleReader = true });
    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private readonly Thread _writer;
    private readonly TaskCompletionSource<string> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _trouble;
    private volatile bool _disposed;
    private int _pages;
    private ServiceMark? _mark;

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
            session.Run("PRAGMA wal_autocheckpoint = 0");
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
    public override string? Trouble => _trouble;

    /// <inheritdoc />
    public override Task<string> Broken => _broken.Task;

    /// <inheritdoc />
    /// <remarks>
    /// After a crash the log is folded into the file and made durable before anything new is acknowledged: what was in it may have been in memory alone.
    /// </remarks>
    public override Task<string?> EnterServiceAsync()
    {
        _mark ??= ServiceMark.Take(_path);
        if (!_mark.FollowsCrash) return Task.FromResult<string?>(null);
        try
        {
            using var session = Open(SqliteOpenMode.ReadWrite);
            var check = IntegrityCheck.Run(session, CheckTime);
            if (check.Damage is { } damage) throw new DatabaseUnavailableException($"The file {_path} is damaged ({damage}); restore it from a backup: latchkey restore --help.");
            session.Run("PRAGMA wal_checkpoint(TRUNCATE)");
            return Task.FromResult<string?>($"The server was not stopped in order the last time, so the database {_path} was looked through: {check.Found}");
        }
        catch (SqliteException exception)
        {
            throw Unavailable(exception);
        }
    }

    /// <inheritdoc />
    public override int Waiting => _queue.Reader.Count;

    /// <inheritdoc />
    /// <remarks>An open file that was moved or deleted still answers, and what is written to it is lost: that must be seen from outside.</remarks>
    public override ValueTask<bool> IsAvailableAsync() => File.Exists(_path) ? base.IsAvailableAsync() : new(false);

    /// <inheritdoc />
    public override ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_broken.Task.IsCompleted) return ValueTask.FromException<T>(new DatabaseUnavailableException(_broken.Task.Result));
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
    public override async Task MigrateAsync(IReadOnlyList<Migration> migrations) => await WriteAsync(async sql =>
    {
        await Migration.ApplyAsync(sql, _path, migrations, migration =>
        {
            using var script = ((SqliteSession)sql).Connection.CreateCommand();
#pragma warning disable CA2100 // migrations are embedded in Latchkey.Storage
            script.CommandText = migration.Sql;
#pragma warning restore CA2100
            try
            {
                script.ExecuteNonQuery();
            }
            catch (SqliteException exception) when (!IsTrouble(exception))
            {
                throw migration.Failed(_path, exception);
            }

            return ValueTask.CompletedTask;
        }).ConfigureAwait(false);
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
            var started = Stopwatch.GetTimestamp();
            var committed = Commit(session, batch);
            StoreTelemetry.Committed(batch.Count, Stopwatch.GetElapsedTime(started).TotalSeconds, committed);
        }

        Close(session);
    }

    private void Close(SqliteSession session)
    {
        // Closing would write and fsync once more, and believe an answer that means nothing any more.
        if (_broken.Task.IsCompleted) return;
        try
        {
            session.Run("PRAGMA wal_checkpoint(TRUNCATE)");
            _mark?.Leave();
        }
        catch (SqliteException)
        {
            // The mark stays: the next start looks through the file.
        }

        session.Dispose();
    }

    private bool Commit(SqliteSession session, List<Write> batch)
    {
        try
        {
            if (_broken.Task.IsCompleted) throw new DatabaseUnavailableException(_broken.Task.Result);
            session.Run("BEGIN IMMEDIATE");
            // An operation that throws is a rarity, so savepoints are paid for only where one did: then all of the batch runs again.
            if (!batch.TrueForAll(write => write.TryRun(session)))
            {
                session.Run("ROLLBACK");
                session.Run("BEGIN IMMEDIATE");
                foreach (var write in batch) RunApart(session, write);
            }

            session.Run("COMMIT");
            _trouble = null;
        }
        catch (Exception exception) when (exception is SqliteException or DatabaseUnavailableException)
        {
            var reason = exception as DatabaseUnavailableException ?? Fail(session, (SqliteException)exception);
            foreach (var write in batch) write.Fail(reason);
            return false;
        }

        foreach (var write in batch) write.Succeed();
        Checkpoint(session);
        return true;
    }

    /// <summary>Folds the log into the file once it is long enough; nobody waits for that.</summary>
    private void Checkpoint(SqliteSession session)
    {
        _pages += session.TakePagesWritten();
        if (_pages < CheckpointPages) return;
        _pages = 0;
        try
        {
            session.Run("PRAGMA wal_checkpoint(PASSIVE)");
        }
        catch (SqliteException exception)
        {
            Fail(session, exception);
        }
    }

    private DatabaseUnavailableException Fail(SqliteSession session, SqliteException exception)
    {
        var reason = Unavailable(exception);
        if (session.LostTheDisk(exception))
        {
            // What an fsync that failed left in memory looks written and is not: no second try can be believed (fsyncgate).
            _trouble = "Writing to the disk failed.";
            _broken.TrySetResult($"Writing the database {_path} to its disk failed ({exception.Message}), so nothing can be acknowledged any more; check the disk and start again.");
            return new DatabaseUnavailableException(_broken.Task.Result, exception);
        }

        Abandon(session);
        _trouble = exception.SqliteErrorCode switch
        {
            5 or 6 => "The database is locked by another process.",
            8 => "The database is read-only.",
            13 => "The disk that holds the database is full.",
            _ => "The database can't be written to.",
        };
        return reason;
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

    // The database itself is in trouble, not the one statement.
    private static bool IsTrouble(SqliteException exception) => exception.SqliteErrorCode is 5 or 6 or 8 or 10 or 11 or 13 or 14;

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
            catch (SqliteException exception) when (IsTrouble(exception))
            {
                throw; // the whole batch is undone
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
