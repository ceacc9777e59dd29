using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Storage;

/// <summary>What a client asks of a person who is elsewhere (OpenID Connect CIBA).</summary>
public sealed record BackchannelRequest
{
    /// <summary>SHA-256 of the <c>auth_req_id</c>; it also names the request on the account page.</summary>
    public required byte[] IdHash { get; init; }

    /// <summary>Who is asked.</summary>
    public required string Subject { get; init; }

    /// <summary>The client that asks.</summary>
    public required string ClientId { get; init; }

    /// <summary>What it asks for, separated by spaces.</summary>
    public required string Scope { get; init; }

    /// <summary>For which resources, separated by spaces.</summary>
    public required string Resources { get; init; }

    /// <summary>One of <see cref="BackchannelRequestStatus"/>.</summary>
    public string Status { get; init; } = BackchannelRequestStatus.Pending;

    /// <summary>What the person compares with what the client's device shows.</summary>
    public string? BindingMessage { get; init; }

    /// <summary>What a ping needs, encrypted; null where the client polls.</summary>
    public string? Notification { get; init; }

    /// <summary>The grant that redeeming makes, set when it is approved.</summary>
    public RowId? GrantId { get; init; }

    /// <summary>When the person who approved had signed in, unix seconds.</summary>
    public long? AuthTime { get; init; }

    /// <summary>The authentication context of that sign-in.</summary>
    public string? Acr { get; init; }

    /// <summary>The methods of that sign-in, separated by spaces.</summary>
    public string? Amr { get; init; }

    /// <summary>Seconds that the client must leave between polls.</summary>
    public required int IntervalSeconds { get; init; }

    /// <summary>When it last polled, unix milliseconds.</summary>
    public long? PolledAt { get; init; }

    /// <summary>When it asked, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When the request ends, unix milliseconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>From where it asked.</summary>
    public string? Address { get; init; }
}

/// <summary>Where a backchannel request stands.</summary>
public static class BackchannelRequestStatus
{
    /// <summary>The person has not decided.</summary>
    public const string Pending = "pending";

    /// <summary>The person said yes; the client has not come for it.</summary>
    public const string Approved = "approved";

    /// <summary>The person said no.</summary>
    public const string Denied = "denied";

    /// <summary>The client has its tokens.</summary>
    public const string Used = "used";
}

/// <summary>The statements on <c>backchannel_requests</c>.</summary>
public static class BackchannelRequests
{
    private const string Columns =
        "id_hash, sub, client_id, scope, resources, status, binding_message, notification, grant_id, auth_time, acr, amr, interval_seconds, polled_at, created_at, expires_at, address";

    /// <summary>What a row keeps of <c>auth_req_id</c>; the id itself is never stored in clear.</summary>
    public static byte[] Hash(string requestId) => SHA256.HashData(Encoding.UTF8.GetBytes(requestId));

    /// <summary>How many requests wait for a person.</summary>
    public static ValueTask<long> CountWaitingAsync(SqlSession sql, string subject, long now) => sql.FindAsync(
        "SELECT COUNT(*) FROM backchannel_requests WHERE sub = $1 AND status = 'pending' AND expires_at > $2", row => row.Long(0), subject, now);

    /// <summary>Adds a request.</summary>
    public static async ValueTask InsertAsync(SqlSession sql, BackchannelRequest request) =>
        await sql.ExecuteAsync(
            $"INSERT INTO backchannel_requests ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            request.IdHash, request.Subject, request.ClientId, request.Scope, request.Resources, request.Status, request.BindingMessage, request.Notification,
            request.GrantId?.ToBytes(), request.AuthTime, request.Acr, request.Amr, request.IntervalSeconds, request.PolledAt, request.CreatedAt, request.ExpiresAt,
            request.Address).ConfigureAwait(false);

    /// <summary>Finds a request by the hash of its id.</summary>
    public static ValueTask<BackchannelRequest?> FindAsync(SqlSession sql, byte[] idHash) =>
        sql.FindAsync($"SELECT {Columns} FROM backchannel_requests WHERE id_hash = $1", Read, idHash);

    /// <summary>What waits for a person, newest first.</summary>
    public static ValueTask<List<BackchannelRequest>> ListWaitingAsync(SqlSession sql, string subject, long now) =>
        sql.ListAsync(
            $"SELECT {Columns} FROM backchannel_requests WHERE sub = $1 AND status = 'pending' AND expires_at > $2 ORDER BY created_at DESC", Read, subject, now);

    /// <summary>Notes a poll.</summary>
    public static async ValueTask NotePollAsync(SqlSession sql, byte[] idHash, int intervalSeconds, long now) =>
        await sql.ExecuteAsync("UPDATE backchannel_requests SET polled_at = $2, interval_seconds = $3 WHERE id_hash = $1", idHash, now, intervalSeconds).ConfigureAwait(false);

    /// <summary>Writes the person's yes.</summary>
    /// <returns>False if it was decided already, its time is over, or it is somebody else's to decide.</returns>
    public static async ValueTask<bool> ApproveAsync(SqlSession sql, byte[] idHash, string subject, RowId grantId, long authTime, string acr, string amr, long now) =>
        await sql.ExecuteAsync(
            """
            UPDATE backchannel_requests SET status = 'approved', grant_id = $3, auth_time = $4, acr = $5, amr = $6
            WHERE id_hash = $1 AND sub = $2 AND status = 'pending' AND expires_at > $7
            """,
            idHash, subject, grantId.ToBytes(), authTime, acr, amr, now).ConfigureAwait(false) == 1;

    /// <summary>Writes the person's no.</summary>
    /// <returns>False as in <see cref="ApproveAsync"/>.</returns>
    public static async ValueTask<bool> DenyAsync(SqlSession sql, byte[] idHash, string subject, long now) =>
        await sql.ExecuteAsync(
            "UPDATE backchannel_requests SET status = 'denied' WHERE id_hash = $1 AND sub = $2 AND status = 'pending' AND expires_at > $3", idHash, subject, now)
            .ConfigureAwait(false) == 1;

    /// <summary>Uses up an approved request; exactly one of many concurrent callers wins.</summary>
    public static async ValueTask<bool> UseAsync(SqlSession sql, byte[] idHash, long now) =>
        await sql.ExecuteAsync(
            "UPDATE backchannel_requests SET status = 'used' WHERE id_hash = $1 AND status = 'approved' AND expires_at > $2", idHash, now).ConfigureAwait(false) == 1;

    /// <summary>Denies all that a person approved or could approve: for when their access is ended.</summary>
    public static ValueTask<int> DenyAllAsync(SqlSession sql, string subject) =>
        sql.ExecuteAsync("UPDATE backchannel_requests SET status = 'denied' WHERE sub = $1 AND status IN ('pending', 'approved')", subject);

    /// <summary>Removes all requests: for a database that was brought back, in which used ones may be unused again.</summary>
    public static ValueTask<int> DeleteAllAsync(SqlSession sql) => sql.ExecuteAsync("DELETE FROM backchannel_requests");

    /// <summary>Removes a few requests that are long over.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) =>
        sql.ExecuteAsync(
            "DELETE FROM backchannel_requests WHERE id_hash IN (SELECT id_hash FROM backchannel_requests WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)", before, limit);

    private static BackchannelRequest Read(SqlRow row) => new()
    {
        IdHash = row.Bytes(0),
        Subject = row.Text(1),
        ClientId = row.Text(2),
        Scope = row.Text(3),
        Resources = row.Text(4),
        Status = row.Text(5),
        BindingMessage = row.TextOrNull(6),
        Notification = row.TextOrNull(7),
        GrantId = row.BytesOrNull(8) is { } grant ? RowId.From(grant) : null,
        AuthTime = row.LongOrNull(9),
        Acr = row.TextOrNull(10),
        Amr = row.TextOrNull(11),
        IntervalSeconds = row.Int(12),
        PolledAt = row.LongOrNull(13),
        CreatedAt = row.Long(14),
        ExpiresAt = row.Long(15),
        Address = row.TextOrNull(16),
    };
}
