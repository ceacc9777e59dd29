using System.Data.Common;
using Npgsql;
using NpgsqlTypes;

namespace Latchkey.Storage.PostgreSql;

/// <summary>One connection with its statements, which the driver prepares when they come a second time. Used by one caller at a time.</summary>
internal sealed class PostgreSqlSession : PreparedSession, IAsyncDisposable
{
    private const string Current =
        """
        g.bucket = r.bucket AND g.id = r.id AND g.generation = r.generation AND g.revoked_at IS NULL AND g.expires_at > r.now
        AND g.rotated_at + g.idle_seconds * 1000 > r.now
        """;

    // The same as Grants.RotateAsync, for many at a time.
    private const string Rotate =
        $"""
         UPDATE grants g SET generation = g.generation + 1, rotated_at = r.now
         FROM unnest($1, $2, $3, $4) AS r(bucket, id, generation, now) WHERE {Current} RETURNING g.id
         """;

    private const string RotateUnlocked =
        $"""
         UPDATE grants g SET generation = g.generation + 1, rotated_at = f.now
         FROM (SELECT g.bucket, g.id, r.now FROM unnest($1, $2, $3, $4) AS r(bucket, id, generation, now) JOIN grants g ON {Current} FOR UPDATE OF g SKIP LOCKED) f
         WHERE g.bucket = f.bucket AND g.id = f.id RETURNING g.id
         """;

    /// <summary><see cref="SqlSession.ForUpdate"/>.</summary>
    public const string Lock = " FOR UPDATE";

    private readonly Dictionary<string, NpgsqlCommand> _commands = new(StringComparer.Ordinal);

    public PostgreSqlSession(NpgsqlConnection connection)
    {
        Connection = connection;
        connection.Notice += (_, notice) => WasUnreplicated |= IsUnreplicated(notice.Notice);
    }

    public NpgsqlConnection Connection { get; }

    /// <summary>
    /// Whether the database said of a commit that no standby has it: the wait for one was cancelled, and it is called done all the same. Nobody who was
    /// promised durability may hear that it is.
    /// </summary>
    public bool WasUnreplicated { get; private set; }

    /// <summary>Whether the connection can be used again.</summary>
    public bool IsUsable => !WasUnreplicated && Connection.FullState == System.Data.ConnectionState.Open;

    protected override bool IsSynchronous => false;

    protected override string ForUpdate => Lock;

    /// <summary>Uses up generations of several grants in one statement that is its own transaction.</summary>
    /// <param name="rotations">Each grant once.</param>
    /// <param name="skipLocked">Whether rows that somebody holds are left out rather than waited for.</param>
    /// <returns>The grants that moved.</returns>
    public async Task<HashSet<RowId>> RotateAsync(IReadOnlyList<Rotation> rotations, bool skipLocked)
    {
        var sql = skipLocked ? RotateUnlocked : Rotate;
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = new NpgsqlCommand(sql, Connection);
            command.Parameters.Add(new NpgsqlParameter<short[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Smallint });
            command.Parameters.Add(new NpgsqlParameter<byte[][]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
            command.Parameters.Add(new NpgsqlParameter<int[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
            command.Parameters.Add(new NpgsqlParameter<long[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
            _commands.Add(sql, command);
        }

        var (buckets, ids, generations, times) = (new short[rotations.Count], new byte[rotations.Count][], new int[rotations.Count], new long[rotations.Count]);
        for (var i = 0; i < rotations.Count; i++)
            (buckets[i], ids[i], generations[i], times[i]) = ((short)rotations[i].Id.Bucket, rotations[i].Id.ToBytes(), rotations[i].Generation, rotations[i].Now);
        ((NpgsqlParameter<short[]>)command.Parameters[0]).TypedValue = buckets;
        ((NpgsqlParameter<byte[][]>)command.Parameters[1]).TypedValue = ids;
        ((NpgsqlParameter<int[]>)command.Parameters[2]).TypedValue = generations;
        ((NpgsqlParameter<long[]>)command.Parameters[3]).TypedValue = times;
        var moved = new HashSet<RowId>();
        await using var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
        while (await reader.ReadAsync().ConfigureAwait(false)) moved.Add(RowId.From(reader.GetFieldValue<byte[]>(0)));
        return moved;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var command in _commands.Values) await command.DisposeAsync().ConfigureAwait(false);
        await Connection.DisposeAsync().ConfigureAwait(false);
    }

    protected override DbCommand Prepare(string sql, ReadOnlySpan<SqlValue> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
#pragma warning disable CA2100 // the statements are constants of Latchkey.Storage; values go in as parameters
            command = new NpgsqlCommand(sql, Connection);
#pragma warning restore CA2100
            foreach (var value in values) command.Parameters.Add(Parameter(value.Type));
            _commands.Add(sql, command);
        }

        for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i].Boxed ?? DBNull.Value;
        return command;
    }

    private static NpgsqlParameter Parameter(SqlType type) => type switch
    {
        SqlType.Text => new() { NpgsqlDbType = NpgsqlDbType.Text },
        SqlType.Integer => new() { NpgsqlDbType = NpgsqlDbType.Bigint },
        SqlType.Bytes => new() { NpgsqlDbType = NpgsqlDbType.Bytea },
        _ => new(),
    };

    // "canceling wait for synchronous replication …": the routine's name is the same in every language of the server.
    private static bool IsUnreplicated(PostgresNotice notice) =>
        notice.SqlState == "01000" && (notice.Routine?.StartsWith("SyncRep", StringComparison.Ordinal) == true
            || notice.MessageText.Contains("synchronous replication", StringComparison.Ordinal));
}
