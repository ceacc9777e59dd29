namespace Latchkey.Storage;

/// <summary>A person signed in with one browser.</summary>
public sealed record Session
{
    /// <summary>The session's id, <c>sid</c> in tokens.</summary>
    public required RowId Id { get; init; }

    /// <summary>SHA-256 of the secret that the cookie carries beside the id.</summary>
    public required byte[] SecretHash { get; init; }

    /// <summary>Who signed in.</summary>
    public required string Subject { get; init; }

    /// <summary>When the person last proved who they are, unix seconds.</summary>
    public required long AuthTime { get; init; }

    /// <summary>The authentication context that was reached.</summary>
    public required string Acr { get; init; }

    /// <summary>How the person proved it (RFC 8176).</summary>
    public required IReadOnlyList<string> Amr { get; init; }

    /// <summary>When it began, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When it was last used, unix milliseconds, to within five minutes.</summary>
    public required long LastSeenAt { get; init; }

    /// <summary>When it ends whatever happens, unix milliseconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>When it was ended, unix milliseconds; null if it was not.</summary>
    public long? EndedAt { get; init; }

    /// <summary>From where it began.</summary>
    public string? Address { get; init; }

    /// <summary>The browser it began in.</summary>
    public string? UserAgent { get; init; }

    /// <summary>Whether the session is good.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public bool IsAlive(long now) => EndedAt is null && now < ExpiresAt;
}

/// <summary>The statements on <c>sessions</c> and <c>session_clients</c>.</summary>
public static class Sessions
{
    private const string Columns = "id, secret_hash, sub, auth_time, acr, amr, created_at, last_seen_at, expires_at, ended_at, address, user_agent";

    /// <summary>The columns that <see cref="Read"/> reads, of a table that a longer statement names <c>s</c>, and how many they are.</summary>
    internal const string JoinedColumns =
        "s.id, s.secret_hash, s.sub, s.auth_time, s.acr, s.amr, s.created_at, s.last_seen_at, s.expires_at, s.ended_at, s.address, s.user_agent";

    internal const int ColumnCount = 12;

    /// <summary>Begins a session.</summary>
    public static async ValueTask InsertAsync(SqlSession sql, Session session) =>
        await sql.ShardOf(session.Id.Bucket).ExecuteAsync(
            $"INSERT INTO sessions (bucket, {Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            session.Id.Bucket, session.Id.ToBytes(), session.SecretHash, session.Subject, session.AuthTime, session.Acr, string.Join(' ', session.Amr),
            session.CreatedAt, session.LastSeenAt, session.ExpiresAt, session.EndedAt, session.Address, session.UserAgent).ConfigureAwait(false);

    /// <summary>Gives a session whose person has signed in again a new secret, time of sign-in and end; its id stays, since apps know it.</summary>
    public static async ValueTask RenewAsync(SqlSession sql, Session session) =>
        await sql.ShardOf(session.Id.Bucket).ExecuteAsync(
            """
            UPDATE sessions SET secret_hash = $3, auth_time = $4, acr = $5, amr = $6, last_seen_at = $7, expires_at = $8, address = $9, user_agent = $10
            WHERE bucket = $1 AND id = $2 AND ended_at IS NULL
            """,
            session.Id.Bucket, session.Id.ToBytes(), session.SecretHash, session.AuthTime, session.Acr, string.Join(' ', session.Amr),
            session.LastSeenAt, session.ExpiresAt, session.Address, session.UserAgent).ConfigureAwait(false);

    /// <summary>Finds a session, alive or not.</summary>
    public static ValueTask<Session?> FindAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).FindAsync($"SELECT {Columns} FROM sessions WHERE bucket = $1 AND id = $2", Read, id.Bucket, id.ToBytes());

    /// <summary>Finds a session, alive or not, with its user, in one statement: whoever comes with one asks for both.</summary>
    /// <returns>Null if there is no such session; a user who is gone is null.</returns>
    public static ValueTask<(Session Session, User? User)?> FindWithUserAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).FindAsync(
            $"SELECT {Users.JoinedColumns}, {JoinedColumns} FROM sessions s LEFT JOIN users u ON u.sub = s.sub WHERE s.bucket = $1 AND s.id = $2",
            ReadWithUser, id.Bucket, id.ToBytes());

    /// <summary>Finds a session on whose being alive something rests: nobody ends it meanwhile.</summary>
    public static ValueTask<Session?> FindForUpdateAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).FindAsync($"SELECT {Columns} FROM sessions WHERE bucket = $1 AND id = $2{sql.ForUpdate}", Read, id.Bucket, id.ToBytes());

    /// <summary>The sessions of a user that are alive, last used first.</summary>
    public static ValueTask<List<Session>> ListByUserAsync(SqlSession sql, string subject, long now) =>
        sql.ShardOf(subject).ListAsync(
            $"SELECT {Columns} FROM sessions WHERE bucket = $1 AND sub = $2 AND ended_at IS NULL AND expires_at > $3 ORDER BY last_seen_at DESC",
            Read, RowId.BucketOf(subject), subject, now);

    /// <summary>Sessions for the operator's list, newest first.</summary>
    public static ValueTask<List<Session>> ListAsync(SqlSession sql, long now, int limit) => sql.MergeAsync(
        shard => shard.ListAsync($"SELECT {Columns} FROM sessions WHERE ended_at IS NULL AND expires_at > $1 ORDER BY created_at DESC LIMIT $2", Read, now, limit),
        (a, b) => b.CreatedAt.CompareTo(a.CreatedAt), limit);

    /// <summary>Notes that a session was used; callers do so every few minutes at most.</summary>
    public static async ValueTask TouchAsync(SqlSession sql, RowId id, long now) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync("UPDATE sessions SET last_seen_at = $3 WHERE bucket = $1 AND id = $2", id.Bucket, id.ToBytes(), now).ConfigureAwait(false);

    /// <summary>Ends a session.</summary>
    /// <returns>False if it was over already or does not exist.</returns>
    public static async ValueTask<bool> EndAsync(SqlSession sql, RowId id, long now) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync("UPDATE sessions SET ended_at = $3 WHERE bucket = $1 AND id = $2 AND ended_at IS NULL", id.Bucket, id.ToBytes(), now)
            .ConfigureAwait(false) == 1;

    /// <summary>Ends every session there is, telling no client: for a database that was brought back.</summary>
    public static ValueTask<int> EndAllAsync(SqlSession sql, long now) =>
        sql.SumAsync(shard => shard.ExecuteAsync("UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL", now));

    /// <summary>Notes that a client has tokens of a session, so that it is told when the session ends.</summary>
    public static async ValueTask AddClientAsync(SqlSession sql, RowId id, string clientId) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync(
            "INSERT INTO session_clients (bucket, session_id, client_id) VALUES ($1, $2, $3) ON CONFLICT (bucket, session_id, client_id) DO NOTHING",
            id.Bucket, id.ToBytes(), clientId).ConfigureAwait(false);

    /// <summary>The clients that have tokens of a session.</summary>
    public static ValueTask<List<string>> ClientsAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).ListAsync("SELECT client_id FROM session_clients WHERE bucket = $1 AND session_id = $2", row => row.Text(0), id.Bucket, id.ToBytes());

    /// <summary>Removes a few sessions that are long over, with their clients.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) => sql.SumAsync(shard => PruneShardAsync(shard, before, limit));

    private static async ValueTask<int> PruneShardAsync(SqlSession sql, long before, int limit)
    {
        var gone = await sql.ListAsync("SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2", row => row.Bytes(0), before, limit).ConfigureAwait(false);
        foreach (var id in gone)
        {
            var bucket = RowId.From(id).Bucket;
            await sql.ExecuteAsync("DELETE FROM session_clients WHERE bucket = $1 AND session_id = $2", bucket, id).ConfigureAwait(false);
            await sql.ExecuteAsync("DELETE FROM sessions WHERE bucket = $1 AND id = $2", bucket, id).ConfigureAwait(false);
        }

        return gone.Count;
    }

    private static (Session Session, User? User)? ReadWithUser(SqlRow row) => (Read(row.Skip(Users.ColumnCount)), row.IsNull(0) ? null : Users.Read(row));

    internal static Session Read(SqlRow row) => new()
    {
        Id = RowId.From(row.Bytes(0)),
        SecretHash = row.Bytes(1),
        Subject = row.Text(2),
        AuthTime = row.Long(3),
        Acr = row.Text(4),
        Amr = row.Text(5).Split(' ', StringSplitOptions.RemoveEmptyEntries),
        CreatedAt = row.Long(6),
        LastSeenAt = row.Long(7),
        ExpiresAt = row.Long(8),
        EndedAt = row.LongOrNull(9),
        Address = row.TextOrNull(10),
        UserAgent = row.TextOrNull(11),
    };
}
