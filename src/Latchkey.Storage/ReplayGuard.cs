using System.Buffers.Text;

namespace Latchkey.Storage;

/// <summary>What may be used once only: the ids of client assertions and their like.</summary>
public static class ReplayGuard
{
    // No hash is this short.
    private static readonly byte[] TouchId = [0];

    /// <summary>Uses an id up; exactly one of many concurrent callers wins, on whichever node.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="id">A hash over who, what for and the id.</param>
    /// <param name="expiresAt">Until when it must be remembered, unix milliseconds.</param>
    /// <returns>True for the first use.</returns>
    public static async ValueTask<bool> UseAsync(SqlSession sql, byte[] id, long expiresAt) =>
        await sql.ShardOf(RowId.BucketOf(id)).ExecuteAsync("INSERT INTO replay_guard (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", id, expiresAt)
            .ConfigureAwait(false) == 1;

    /// <summary>
    /// A write that means nothing and is soon forgotten: tells whether the database can be written to. It changes something each time, since an engine
    /// need not write what is there already.
    /// </summary>
    /// <param name="sql">The session.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static async ValueTask<bool> TouchAsync(SqlSession sql, long now) =>
        await sql.ExecuteAsync("INSERT INTO replay_guard (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at", TouchId, now)
            .ConfigureAwait(false) == 1;

    /// <summary>Forgets a few ids whose time is over.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long now, int limit) =>
        sql.SumAsync(shard => shard.ExecuteAsync("DELETE FROM replay_guard WHERE id IN (SELECT id FROM replay_guard WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)", now, limit));
}

/// <summary>Access tokens that died before their time (RFC 7009): <c>/introspect</c> and <c>/userinfo</c> look here.</summary>
public static class RevokedTokens
{
    /// <summary>Kills an access token.</summary>
    /// <returns>False if it was dead already.</returns>
    public static async ValueTask<bool> AddAsync(SqlSession sql, string jwtId, long expiresAt) =>
        await sql.ShardOf(BucketOf(jwtId)).ExecuteAsync("INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING", jwtId, expiresAt)
            .ConfigureAwait(false) == 1;

    /// <summary>Whether an access token was killed.</summary>
    public static async ValueTask<bool> ContainsAsync(SqlSession sql, string jwtId) =>
        await sql.ShardOf(BucketOf(jwtId)).FindAsync("SELECT 1 FROM revoked_tokens WHERE jti = $1", row => row.Long(0), jwtId).ConfigureAwait(false) == 1;

    /// <summary>Forgets a few tokens that have expired by themselves.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long now, int limit) =>
        sql.SumAsync(shard => shard.ExecuteAsync("DELETE FROM revoked_tokens WHERE jti IN (SELECT jti FROM revoked_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)", now, limit));

    // The id of a grant's token begins with the grant's, and so with the bucket; that of a client's own is random (four characters are three bytes).
    internal static int BucketOf(string jwtId)
    {
        Span<byte> bytes = stackalloc byte[3];
        return jwtId.Length >= 4 && Base64Url.IsValid(jwtId.AsSpan(0, 4)) && Base64Url.TryDecodeFromChars(jwtId.AsSpan(0, 4), bytes, out var written) ? RowId.BucketOf(bytes[..written]) : 0;
    }
}
