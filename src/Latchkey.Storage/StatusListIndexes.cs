namespace Latchkey.Storage;

/// <summary>
/// The indexes of the Token Status List (draft-ietf-oauth-status-list). One is handed out once, so nothing has to be kept of a list whose tokens are
/// all good, and a revoked index only until its tokens have expired by themselves.
/// </summary>
public static class StatusListIndexes
{
    /// <summary>Reserves indexes for a node, which hands them out without asking again.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="count">How many.</param>
    /// <returns>The first of them.</returns>
    public static async ValueTask<long> ReserveAsync(SqlSession sql, int count) =>
        await sql.FindAsync(
            "UPDATE status_indexes SET next_index = next_index + $1 WHERE id = 1 RETURNING next_index", row => row.Long(0), count).ConfigureAwait(false) - count;

    /// <summary>The first index that no node has reserved.</summary>
    public static ValueTask<long> NextAsync(SqlSession sql) => sql.FindAsync("SELECT next_index FROM status_indexes WHERE id = 1", row => row.Long(0));

    /// <summary>Lets the access tokens of an index die.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="index">The index; null for tokens that have none.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static async ValueTask RevokeAsync(SqlSession sql, long? index, long now)
    {
        if (index is null) return;
        await sql.ExecuteAsync("INSERT INTO status_revocations (status_index, revoked_at) VALUES ($1, $2) ON CONFLICT (status_index) DO NOTHING", index, now).ConfigureAwait(false);
    }

    /// <summary>The revoked ones of a range, in order.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="first">The first index of the range.</param>
    /// <param name="end">The first behind it.</param>
    public static ValueTask<List<long>> ListRevokedAsync(SqlSession sql, long first, long end) =>
        sql.MergeAsync(
            shard => shard.ListAsync(
                "SELECT status_index FROM status_revocations WHERE status_index >= $1 AND status_index < $2 ORDER BY status_index", row => row.Long(0), first, end),
            (a, b) => a.CompareTo(b));

    /// <summary>Forgets a few that were revoked before a time, since when all of their tokens have expired.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) => sql.SumAsync(shard => shard.ExecuteAsync(
        "DELETE FROM status_revocations WHERE status_index IN (SELECT status_index FROM status_revocations WHERE revoked_at < $1 ORDER BY revoked_at LIMIT $2)", before, limit));
}
