namespace Latchkey.Storage;

/// <summary>Something that happened, for the operator: who, what, on whom, from where, with what outcome.</summary>
public sealed record AuditEvent
{
    /// <summary>The row's number; 0 before it is written.</summary>
    public long Id { get; init; }

    /// <summary>When, unix milliseconds.</summary>
    public required long At { get; init; }

    /// <summary>What, one of <see cref="AuditEvents"/>.</summary>
    public required string Event { get; init; }

    /// <summary>One of <see cref="AuditOutcomes"/>.</summary>
    public string Outcome { get; init; } = AuditOutcomes.Success;

    /// <summary>Who did it: a <c>sub</c>, a <c>client_id</c>, <c>cli</c>, <c>config</c> or <c>server</c>.</summary>
    public string? Actor { get; init; }

    /// <summary>On whose account.</summary>
    public string? Subject { get; init; }

    /// <summary>With which client.</summary>
    public string? ClientId { get; init; }

    /// <summary>From which address.</summary>
    public string? Address { get; init; }

    /// <summary>The request's id, as in the logs and on error pages.</summary>
    public string? RequestId { get; init; }

    /// <summary>More, as a JSON object; never a secret.</summary>
    public string? Detail { get; init; }
}

/// <summary>How an event came out.</summary>
public static class AuditOutcomes
{
    /// <summary>It was done.</summary>
    public const string Success = "success";

    /// <summary>It was asked for and refused.</summary>
    public const string Refused = "refused";

    /// <summary>It was tried and broke.</summary>
    public const string Failed = "failed";
}

/// <summary>The names of events.</summary>
public static class AuditEvents
{
#pragma warning disable CS1591 // each name says it
    public const string SignIn = "sign_in";
    public const string SignOut = "sign_out";
    public const string AccountLocked = "account.locked";
    public const string PasswordChanged = "password.changed";
    public const string ConsentGiven = "consent.given";
    public const string ConsentDenied = "consent.denied";
    public const string ConsentRevoked = "consent.revoked";
    public const string AuthorizationRefused = "authorization.refused";
    public const string GrantCreated = "grant.created";
    public const string GrantRevoked = "grant.revoked";
    public const string RefreshReuse = "refresh_token.reuse";
    public const string RefreshFromFuture = "refresh_token.from_future";
    public const string CodeReplay = "code.replay";
    public const string TokenIssued = "token.issued";
    public const string TokenRefused = "token.refused";
    public const string TokenRevoked = "token.revoked";
    public const string ClientAuthenticationFailed = "client_authentication.failed";
    public const string DeviceApproved = "device.approved";
    public const string DeviceDenied = "device.denied";
    public const string BackchannelRequested = "backchannel_request.made";
    public const string BackchannelApproved = "backchannel_request.approved";
    public const string BackchannelDenied = "backchannel_request.denied";
    public const string PingDelivered = "backchannel_ping.delivered";
    public const string PingFailed = "backchannel_ping.failed";
    public const string AccessEnded = "user.access_ended";
    public const string SessionEnded = "session.ended";
    public const string LogoutDelivered = "backchannel_logout.delivered";
    public const string LogoutFailed = "backchannel_logout.failed";
    public const string ClientChanged = "client.changed";
    public const string ClientDeleted = "client.deleted";
    public const string ClientSecretRotated = "client.secret_rotated";
    public const string ResourceChanged = "resource.changed";
    public const string ResourceDeleted = "resource.deleted";
    public const string TrustedIssuerChanged = "trusted_issuer.changed";
    public const string TrustedIssuerDeleted = "trusted_issuer.deleted";
    public const string UserChanged = "user.changed";
    public const string UserDeleted = "user.deleted";
    public const string KeyRotated = "key.rotated";
    public const string KeyCreated = "key.created";
    public const string ServerStarted = "server.started";
    public const string DatabaseRestored = "database.restored";
    public const string GrantsRevoked = "grants.revoked";
#pragma warning restore CS1591
}

/// <summary>The statements on <c>audit</c>: rows are added and read, never changed.</summary>
public static class AuditLog
{
    private const string Columns = "id, at, event, outcome, actor, sub, client_id, address, request_id, detail";

    /// <summary>Adds an event, in the transaction of what it tells of: where people's rows lie in several databases, in that of the person.</summary>
    public static async ValueTask AppendAsync(SqlSession sql, AuditEvent entry) =>
        await (entry.Subject is { } subject ? sql.ShardOf(subject) : sql).ExecuteAsync(
            "INSERT INTO audit (at, event, outcome, actor, sub, client_id, address, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            entry.At, entry.Event, entry.Outcome, entry.Actor, entry.Subject, entry.ClientId, entry.Address, entry.RequestId, entry.Detail).ConfigureAwait(false);

    /// <summary>The newest events, in the order they were written.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="filter">Only those that match.</param>
    /// <param name="limit">How many at most.</param>
    public static async ValueTask<List<AuditEvent>> ListAsync(SqlSession sql, AuditFilter filter, int limit)
    {
        var number = 0;
        var newest = await sql.MergeAsync(
            async shard => Numbered(
                await shard.ListAsync(
                    $"""
                     SELECT {Columns} FROM audit WHERE ($1 IS NULL OR event = $1) AND ($2 IS NULL OR sub = $2) AND ($3 IS NULL OR client_id = $3) AND at >= $4
                     ORDER BY id DESC LIMIT $5
                     """,
                    Read, filter.Event, filter.Subject, filter.ClientId, filter.Since, limit).ConfigureAwait(false),
                sql.Shards.Count, number++),
            (a, b) => b.At != a.At ? b.At.CompareTo(a.At) : b.Id.CompareTo(a.Id), limit).ConfigureAwait(false);
        newest.Reverse();
        return newest;
    }

    /// <summary>Finds an event by its number.</summary>
    public static async ValueTask<AuditEvent?> FindAsync(SqlSession sql, long id)
    {
        var shards = sql.Shards;
        var (shard, row) = shards.Count == 1 ? (sql, id) : (shards[(int)(id % shards.Count)], id / shards.Count);
        return await shard.FindAsync($"SELECT {Columns} FROM audit WHERE id = $1", Read, row).ConfigureAwait(false) is { } entry ? entry with { Id = id } : null;
    }

    /// <summary>The next events of one database after one, in order.</summary>
    internal static ValueTask<List<AuditEvent>> ListAfterAsync(SqlSession sql, long after, int limit) =>
        sql.ListAsync($"SELECT {Columns} FROM audit WHERE id > $1 ORDER BY id LIMIT $2", Read, after, limit);

    /// <summary>The events of one database after one and up to another, in order.</summary>
    internal static ValueTask<List<AuditEvent>> ListBetweenAsync(SqlSession sql, long after, long last) =>
        sql.ListAsync($"SELECT {Columns} FROM audit WHERE id > $1 AND id <= $2 ORDER BY id", Read, after, last);

    /// <summary>Gives events of one of several databases numbers that no other database gives.</summary>
    internal static List<AuditEvent> Numbered(List<AuditEvent> events, int databases, int database) =>
        databases == 1 ? events : events.ConvertAll(entry => entry with { Id = entry.Id * databases + database });

    /// <summary>Removes a few events from the beginning that are older than they need be kept.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="before">Unix milliseconds.</param>
    /// <param name="limit">How many to look at, and remove, at most.</param>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) =>
        sql.SumAsync(shard => shard.ExecuteAsync(
            "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT $2) AS oldest WHERE at < $1)", before, limit));

    private static AuditEvent Read(SqlRow row) => new()
    {
        Id = row.Long(0),
        At = row.Long(1),
        Event = row.Text(2),
        Outcome = row.Text(3),
        Actor = row.TextOrNull(4),
        Subject = row.TextOrNull(5),
        ClientId = row.TextOrNull(6),
        Address = row.TextOrNull(7),
        RequestId = row.TextOrNull(8),
        Detail = row.TextOrNull(9),
    };
}

/// <summary>Which events to list; what is null does not matter.</summary>
/// <param name="Event">The name of the event.</param>
/// <param name="Subject">The account.</param>
/// <param name="ClientId">The client.</param>
/// <param name="Since">Unix milliseconds.</param>
public sealed record AuditFilter(string? Event = null, string? Subject = null, string? ClientId = null, long Since = 0)
{
    /// <summary>Whether an event is meant.</summary>
    public bool Matches(AuditEvent entry) =>
        (Event is null || entry.Event == Event) && (Subject is null || entry.Subject == Subject) && (ClientId is null || entry.ClientId == ClientId) && entry.At >= Since;
}
