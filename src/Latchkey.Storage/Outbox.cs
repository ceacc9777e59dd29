namespace Latchkey.Storage;

/// <summary>Something to be sent that must not be lost, such as a logout token.</summary>
/// <param name="Id">The row's number.</param>
/// <param name="Kind"><c>backchannel_logout</c> or <c>backchannel_ping</c>.</param>
/// <param name="ClientId">To which client.</param>
/// <param name="Payload">What to send, as JSON.</param>
/// <param name="Attempts">How often it was tried in vain.</param>
/// <param name="CreatedAt">Unix milliseconds.</param>
public sealed record OutboxMessage(long Id, string Kind, string ClientId, string Payload, int Attempts, long CreatedAt);

/// <summary>The statements on <c>outbox</c>.</summary>
public static class Outbox
{
    /// <summary>The kind of a back-channel logout.</summary>
    public const string BackchannelLogout = "backchannel_logout";

    /// <summary>The kind of a ping (OpenID Connect CIBA Core section 10.2).</summary>
    public const string BackchannelPing = "backchannel_ping";

    /// <summary>Adds a message, in the transaction of what it tells of.</summary>
    public static async ValueTask AddAsync(SqlSession sql, string kind, string clientId, string payload, long now) =>
        await sql.ExecuteAsync(
            "INSERT INTO outbox (kind, client_id, payload, created_at, next_attempt_at) VALUES ($1, $2, $3, $4, $4)", kind, clientId, payload, now).ConfigureAwait(false);

    /// <summary>
    /// Takes messages that are due. Until <paramref name="leasedUntil"/> nobody else takes them; if this node dies, they come up again then.
    /// The condition stands twice: who waited for another node's lock looks again at whether the message is still due.
    /// </summary>
    public static ValueTask<List<OutboxMessage>> TakeAsync(SqlSession sql, long now, long leasedUntil, int limit) =>
        sql.ListAsync(
            """
            UPDATE outbox SET next_attempt_at = $2
            WHERE id IN (SELECT id FROM outbox WHERE next_attempt_at <= $1 ORDER BY next_attempt_at LIMIT $3) AND next_attempt_at <= $1
            RETURNING id, kind, client_id, payload, attempts, created_at
            """,
            row => new OutboxMessage(row.Long(0), row.Text(1), row.Text(2), row.Text(3), row.Int(4), row.Long(5)), now, leasedUntil, limit);

    /// <summary>When the next message is due, unix milliseconds; null if none waits.</summary>
    public static ValueTask<long?> NextAsync(SqlSession sql) => sql.FindAsync("SELECT MIN(next_attempt_at) FROM outbox", row => row.LongOrNull(0));

    /// <summary>Counts a try in vain and sets when the next is.</summary>
    public static async ValueTask PostponeAsync(SqlSession sql, long id, long until) =>
        await sql.ExecuteAsync("UPDATE outbox SET next_attempt_at = $2, attempts = attempts + 1 WHERE id = $1", id, until).ConfigureAwait(false);

    /// <summary>Sets when a message that was taken and not tried is taken again.</summary>
    public static async ValueTask DeferAsync(SqlSession sql, long id, long until) =>
        await sql.ExecuteAsync("UPDATE outbox SET next_attempt_at = $2 WHERE id = $1", id, until).ConfigureAwait(false);

    /// <summary>Lets everything that waits for a client wait until a time at least.</summary>
    public static async ValueTask DeferClientAsync(SqlSession sql, string clientId, long until) =>
        await sql.ExecuteAsync("UPDATE outbox SET next_attempt_at = $2 WHERE client_id = $1 AND next_attempt_at < $2", clientId, until).ConfigureAwait(false);

    /// <summary>Removes a message that was delivered or given up.</summary>
    public static async ValueTask DeleteAsync(SqlSession sql, long id) =>
        await sql.ExecuteAsync("DELETE FROM outbox WHERE id = $1", id).ConfigureAwait(false);

    /// <summary>How many messages wait.</summary>
    public static ValueTask<long> CountAsync(SqlSession sql) => sql.FindAsync("SELECT COUNT(*) FROM outbox", row => row.Long(0));
}
