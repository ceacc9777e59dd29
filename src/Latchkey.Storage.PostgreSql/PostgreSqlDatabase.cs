using System.Collections.Concurrent;
using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Npgsql;

namespace Latchkey.Storage.PostgreSql;

/// <summary>
/// PostgreSQL, shared by any number of nodes: each has a few connections to the primary, each write is one transaction at READ COMMITTED. A caller hears
/// within its patience that a write is done, or gets <see cref="DatabaseUnavailableException"/>; a commit that no standby confirmed, or whose connection
/// broke, is never called done.
/// </summary>
public sealed class PostgreSqlDatabase : Database
{
    /// <summary>The oldest version of PostgreSQL that will do.</summary>
    public const int OldestVersion = 15;

    /// <summary>The patience of a server's callers: just below two seconds.</summary>
    public static readonly TimeSpan Serving = TimeSpan.FromMilliseconds(1800);

    internal const int QueueCapacity = 4096;
    internal const int Attempts = 10;
    private const long MigrationLock = 0x4C61_7463_686B_6579; // "Latchkey"

    private static readonly TimeSpan Distrust = TimeSpan.FromSeconds(10);

    private readonly NpgsqlDataSource _source;
    private readonly PostgreSqlAddress _address;
    private readonly SemaphoreSlim _free;
    private readonly ConcurrentBag<PostgreSqlSession> _idle = [];
    private readonly Rotations _rotations;
    private readonly GrantReads _grantReads;
    private int _waiting;
    private long _unreplicatedAt;
    private volatile bool _disposed;

    /// <summary>Names a database; it is reached when it is first used.</summary>
    /// <param name="url"><c>postgres://user:password@host:5432,host2:5432/name?…</c>, the query's keys being Npgsql's keywords.</param>
    /// <param name="patience">How long a caller waits at most; a server's is just below two seconds.</param>
    /// <param name="connections">How many connections at most.</param>
    /// <exception cref="FormatException">The address is none; the message begins with a verb and never shows a password.</exception>
    public PostgreSqlDatabase(string url, TimeSpan? patience = null, int connections = 4)
    {
        Patience = patience ?? Serving;
        _free = new SemaphoreSlim(connections);
        var seconds = (int)Math.Ceiling(Patience.TotalSeconds);
        // A node that learns late of a failover would go on asking the machine that lost the lead, so it looks again each second.
        _address = PostgreSqlAddress.Parse(url, new() { Timeout = Math.Min(seconds, 15), CommandTimeout = seconds, ApplicationName = "latchkey", HostRecheckSeconds = 1 });
        var settings = _address.Settings;
        // A statement whose time is over is left alone and its connection dropped. To cancel it would make PostgreSQL stop waiting for its standby and
        // call the commit done.
        settings.CancellationTimeout = -1;
        settings.Pooling = false;
        settings.Enlist = false;
        settings.MaxAutoPrepare = 500;
        settings.AutoPrepareMinUsages = 2;
        var builder = new NpgsqlSlimDataSourceBuilder(settings.ConnectionString);
        builder.EnableTransportSecurity();
        builder.EnableArrays();
        // A column or a constant of four bytes reads as a long too.
        builder.EnableExtraConversions();
        _rotations = new Rotations(rotations => RunNowAsync(rotations, RotateAsync));
        _grantReads = new GrantReads(ids => RunNowAsync(ids, static (session, ids) => Grants.ListWithPersonAsync(session, ids)));
        _source = builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary);
    }

    /// <summary>How long a caller waits at most for all of an operation. Each statement has the time that was given at first.</summary>
    public TimeSpan Patience { get; set; }

    /// <inheritdoc />
    public override string Engine => "postgres";

    /// <inheritdoc />
    public override string Location => _address.Shown;

    /// <summary>The buckets that the address gives it, as <see cref="ShardMap.Of"/> reads them; null if it says nothing of them.</summary>
    internal string? Buckets => _address.Buckets;

    /// <inheritdoc />
    /// <remarks>Not for a while after a commit that no standby has: until that is mended, other nodes may do better.</remarks>
    public override ValueTask<bool> IsAvailableAsync() =>
        Volatile.Read(ref _unreplicatedAt) is var at and not 0 && Stopwatch.GetElapsedTime(at) < Distrust ? new(false) : base.IsAvailableAsync();

    /// <inheritdoc />
    public override ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read) => RunAsync(read, static (session, read) => read(session));

    /// <inheritdoc />
    public override ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write) => RunAsync((Database: this, Write: write), static (session, it) => it.Database.CommitOneAsync(session, it.Write));

    /// <inheritdoc />
    public override int Waiting => Volatile.Read(ref _waiting);

    /// <inheritdoc />
    public override ValueTask<bool> RotateAsync(RowId id, int generation, long now) => GatherAsync(_rotations.RotateAsync(id, generation, now));

    /// <inheritdoc />
    public override ValueTask<GrantWithPerson?> FindGrantAsync(RowId id) => GatherAsync(_grantReads.FindAsync(id));

    /// <inheritdoc />
    public override async ValueTask<TimeSpan?> ClockOffsetAsync(TimeProvider clock)
    {
        var before = clock.GetTimestamp();
        var theirs = await ReadAsync(sql => sql.FindAsync("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)", row => row.Long(0))).ConfigureAwait(false);
        // They read theirs about half-way between the question and the answer.
        return clock.GetUtcNow() - clock.GetElapsedTime(before) / 2 - DateTimeOffset.FromUnixTimeMilliseconds(theirs);
    }

    /// <inheritdoc />
    public override async Task MigrateAsync(IReadOnlyList<Migration> migrations)
    {
        try
        {
            var session = new PostgreSqlSession(await OpenAsync().ConfigureAwait(false));
            await using var _ = session.ConfigureAwait(false);
            if (session.Connection.PostgreSqlVersion.Major < OldestVersion)
                throw new DatabaseUnavailableException($"The database {Location} is PostgreSQL {session.Connection.PostgreSqlVersion}; Latchkey needs {OldestVersion} or newer.");
            // Another node may be at it; its migration is waited for however long it takes.
            await ScriptAsync(session, "SET lock_timeout = 0; SET statement_timeout = 0").ConfigureAwait(false);
            await CommitAsync(session, async sql =>
            {
                await ScriptAsync(session, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({MigrationLock})")).ConfigureAwait(false);
                await Migration.ApplyAsync(sql, Location, migrations, async migration =>
                {
                    try
                    {
                        await ScriptAsync(session, migration.Sql).ConfigureAwait(false);
                    }
                    catch (PostgresException exception) when (!PostgreSqlFaults.IsTrouble(exception) || exception.SqlState == PostgresErrorCodes.UndefinedTable)
                    {
                        throw migration.Failed(Location, exception);
                    }
                }).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
        catch (Exception exception) when (PostgreSqlFaults.IsTrouble(exception))
        {
            throw PostgreSqlFaults.Unavailable(Location, exception);
        }
    }

    /// <inheritdoc />
    public override async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        while (_idle.TryTake(out var session)) await session.DisposeAsync().ConfigureAwait(false);
        await _source.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<T> CommitOneAsync<T>(PostgreSqlSession session, Func<SqlSession, ValueTask<T>> write)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var result = await CommitAsync(session, write).ConfigureAwait(false);
            StoreTelemetry.Committed(1, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: true);
            return result;
        }
        catch (Exception exception) when (PostgreSqlFaults.IsTrouble(exception))
        {
            StoreTelemetry.Committed(1, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: false);
            throw;
        }
    }

    private static async Task ScriptAsync(PostgreSqlSession session, string text)
    {
#pragma warning disable CA2100 // migrations are embedded in Latchkey.Storage
        await using var command = new NpgsqlCommand(text, session.Connection) { CommandTimeout = 0 };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for what is carried out together with others, while the caller's patience lasts.</summary>
    private async ValueTask<T> GatherAsync<T>(Task<T> gathered)
    {
        try
        {
            return await gathered.WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw PostgreSqlFaults.Unavailable(Location, exception);
        }
    }

    /// <summary>Runs work on a connection, while the caller's patience lasts. Work that has begun is left to end by itself: cancelling is no undoing.</summary>
    private async ValueTask<T> RunAsync<TState, T>(TState state, Func<PostgreSqlSession, TState, ValueTask<T>> work)
    {
        if (_disposed) throw new DatabaseUnavailableException("The database is closed.");
        if (Interlocked.Increment(ref _waiting) > QueueCapacity)
        {
            Interlocked.Decrement(ref _waiting);
            throw new DatabaseUnavailableException($"The database has {QueueCapacity} operations waiting; try again in a moment.");
        }

        try
        {
            return await RunNowAsync(state, work).WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            throw PostgreSqlFaults.Unavailable(Location, exception);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    private async Task<T> RunNowAsync<TState, T>(TState state, Func<PostgreSqlSession, TState, ValueTask<T>> work)
    {
        var session = await RentAsync().ConfigureAwait(false);
        try
        {
            return await work(session, state).ConfigureAwait(false);
        }
        catch (Exception exception) when (PostgreSqlFaults.IsTrouble(exception))
        {
            throw PostgreSqlFaults.Unavailable(Location, exception);
        }
        finally
        {
            await ReturnAsync(session).ConfigureAwait(false);
        }
    }

    /// <summary>Takes a connection, to be returned by <see cref="ReturnAsync"/>.</summary>
    /// <exception cref="DatabaseUnavailableException">There is none.</exception>
    internal async Task<PostgreSqlSession> RentAsync()
    {
        if (_disposed) throw new DatabaseUnavailableException("The database is closed.");
        // Nothing is begun for a caller who has gone.
        if (!await _free.WaitAsync(Patience).ConfigureAwait(false)) throw new DatabaseUnavailableException($"The database {Location} is too busy; try again in a moment.");
        try
        {
            return _idle.TryTake(out var session) ? session : new PostgreSqlSession(await OpenAsync().ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            _free.Release();
            if (PostgreSqlFaults.IsTrouble(exception)) throw PostgreSqlFaults.Unavailable(Location, exception);
            throw;
        }
    }

    /// <summary>Returns a connection, used up or not.</summary>
    internal async ValueTask ReturnAsync(PostgreSqlSession session)
    {
        try
        {
            if (session.IsUsable && !_disposed)
            {
                _idle.Add(session);
                return;
            }

            await session.DisposeAsync().ConfigureAwait(false);
            // The others' connections went the same way, most likely; nobody should have to find out for each.
            while (!_disposed && _idle.TryTake(out var other)) await other.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Throws if the session's commit was called done though no standby has it.</summary>
    internal void ThrowIfUnreplicated(PostgreSqlSession session)
    {
        if (!session.WasUnreplicated) return;
        Volatile.Write(ref _unreplicatedAt, Stopwatch.GetTimestamp());
        throw new DatabaseUnavailableException($"The database {Location} did not replicate a write as it was told to; whether it will last is not known.");
    }

    private async ValueTask<T> CommitAsync<T>(PostgreSqlSession session, Func<SqlSession, ValueTask<T>> write)
    {
        for (var attempt = 1; ; attempt++)
        {
            var transaction = await session.Connection.BeginTransactionAsync(IsolationLevel.ReadCommitted).ConfigureAwait(false);
            await using var _ = transaction.ConfigureAwait(false);
            try
            {
                var result = await write(session).ConfigureAwait(false);
                await transaction.CommitAsync().ConfigureAwait(false);
                ThrowIfUnreplicated(session);
                return result;
            }
            catch (PostgresException exception) when (PostgreSqlFaults.IsConflict(exception) && attempt < Attempts)
            {
                await transaction.RollbackAsync().ConfigureAwait(false);
            }

            await PauseAsync(attempt).ConfigureAwait(false);
        }
    }

    /// <summary>Waits a moment after a conflict, longer each time.</summary>
    internal static Task PauseAsync(int attempt) => Task.Delay(RandomNumberGenerator.GetInt32(1, 5 * attempt));

    private async ValueTask<HashSet<RowId>> RotateAsync(PostgreSqlSession session, IReadOnlyList<Rotation> rotations)
    {
        HashSet<RowId> moved;
        try
        {
            moved = await session.RotateAsync(rotations, skipLocked: false).ConfigureAwait(false);
        }
        catch (PostgresException exception) when (PostgreSqlFaults.IsConflict(exception) || exception.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            // Somebody holds one of the rows. The others go on; who wants that one waits for it in a transaction of their own.
            moved = await session.RotateAsync(rotations, skipLocked: true).ConfigureAwait(false);
        }

        ThrowIfUnreplicated(session);
        return moved;
    }

    private async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = await _source.OpenConnectionAsync().ConfigureAwait(false);
        try
        {
            // Whatever the database's defaults are, a commit waits for the disk and for the standbys that it is told to wait for. What a node leaves behind
            // when its machine goes away must not hold locks for long.
            await using var command = new NpgsqlCommand(string.Create(CultureInfo.InvariantCulture,
                $"""
                 SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
                 SET lock_timeout = {(int)Patience.TotalMilliseconds}; SET idle_in_transaction_session_timeout = {(int)Patience.TotalMilliseconds * 5}
                 """), connection);
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
