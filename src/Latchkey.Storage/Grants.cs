using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchkey.Storage;

/// <summary>What grants have in common with many others; each distinct value is one row of <c>grant_terms</c>.</summary>
/// <param name="Scope">The granted scopes, separated by spaces.</param>
/// <param name="Resources">The granted resources (RFC 8707) as they are registered.</param>
/// <param name="Acr">The authentication context that was reached.</param>
/// <param name="Amr">How the person signed in (RFC 8176).</param>
/// <param name="Claims">The <c>claims</c> parameter of the request (OpenID Connect Core section 5.5) as JSON, if it had one.</param>
public sealed record GrantTerms(string Scope, IReadOnlyList<string> Resources, string? Acr, IReadOnlyList<string> Amr, string? Claims = null)
{
    /// <summary>What was granted in detail (RFC 9396), a JSON array; null for nothing.</summary>
    public string? AuthorizationDetails { get; init; }

    /// <summary>The terms as they are kept.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, StorageJson.Default.GrantTerms);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    public static GrantTerms FromJson(string json) => JsonSerializer.Deserialize(json, StorageJson.Default.GrantTerms)!;
}

/// <summary>What a person gave a client: one row, however often its refresh token is used.</summary>
public sealed record Grant
{
    /// <summary>The grant's id; its code, refresh tokens and access tokens carry it.</summary>
    public required RowId Id { get; init; }

    /// <summary>To whom it was given.</summary>
    public required string ClientId { get; init; }

    /// <summary>By whom, <c>sub</c>.</summary>
    public required string Subject { get; init; }

    /// <summary>The session it ends with; null if it outlives the session.</summary>
    public RowId? SessionId { get; init; }

    /// <summary>What was granted.</summary>
    public required GrantTerms Terms { get; init; }

    /// <summary>The generation of the refresh token that is good now; 0 if the grant has no refresh token.</summary>
    public int Generation { get; init; }

    /// <summary>When that generation was made, unix milliseconds.</summary>
    public required long RotatedAt { get; init; }

    /// <summary>How long the grant lives without being used.</summary>
    public required int IdleSeconds { get; init; }

    /// <summary>The thumbprint of the key that the refresh tokens are bound to, in base64url (RFC 9449 section 5); null if they are to none.</summary>
    public string? KeyThumbprint { get; init; }

    /// <summary>The SHA-256 of the certificate that the refresh tokens are bound to, in base64url (RFC 8705 section 4); null if they are to none.</summary>
    public string? CertificateThumbprint { get; init; }

    /// <summary>When the person signed in, unix seconds.</summary>
    public required long AuthTime { get; init; }

    /// <summary>When it was given, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When it ends whatever happens, unix milliseconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>When it was revoked, unix milliseconds; null if it was not.</summary>
    public long? RevokedAt { get; init; }

    /// <summary>Why it was revoked, one of <see cref="RevocationReasons"/>.</summary>
    public string? RevokedReason { get; init; }

    /// <summary>The index of its access tokens in the Token Status List; null for one that has none.</summary>
    public long? StatusIndex { get; init; }

    /// <summary>Whether the grant is good: not revoked, not past its end, not idle for too long.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public bool IsAlive(long now) => RevokedAt is null && now < ExpiresAt && now < RotatedAt + IdleSeconds * 1000L;
}

/// <summary>A grant with what it stands on.</summary>
/// <param name="Grant">The grant.</param>
/// <param name="User">Who gave it; null if there is no such user any more.</param>
/// <param name="Session">The session that it ends with; null if it has none, or there is none any more.</param>
public sealed record GrantWithPerson(Grant Grant, User? User, Session? Session);

/// <summary>Why a grant ended, as stored and audited.</summary>
public static class RevocationReasons
{
    /// <summary>An old refresh token came again.</summary>
    public const string RefreshReuse = "refresh_token_reuse";

    /// <summary>The authorization code came again.</summary>
    public const string CodeReplay = "code_replay";

    /// <summary>The client asked for it (RFC 7009).</summary>
    public const string Client = "client_request";

    /// <summary>The person asked for it on the account page.</summary>
    public const string User = "user_request";

    /// <summary>The session it belonged to ended.</summary>
    public const string SessionEnded = "session_ended";

    /// <summary>The person's password was changed.</summary>
    public const string PasswordChanged = "password_changed";

    /// <summary>The operator asked for it.</summary>
    public const string Operator = "operator";
}

/// <summary>The statements on <c>grants</c>.</summary>
public static class Grants
{
    private const string Columns =
        "g.id, g.client_id, g.sub, g.session_id, t.terms, g.generation, g.rotated_at, g.idle_seconds, g.auth_time, g.created_at, g.expires_at, g.revoked_at, g.revoked_reason, g.jkt, g.x5t, g.status_index";

    private const string From = "FROM grants g JOIN grant_terms t ON t.id = g.terms_id";

    private const string WithPerson =
        $"""
         SELECT {Users.JoinedColumns}, {Sessions.JoinedColumns}, {Columns} {From}
         LEFT JOIN users u ON u.sub = g.sub LEFT JOIN sessions s ON s.bucket = g.bucket AND s.id = g.session_id
         """;

    /// <summary>How many grants <see cref="ListWithPersonAsync"/> reads at most.</summary>
    public const int ManyWithPerson = 32;

    // For 2, 4, 8, … grants: a statement is prepared once, so there are few of them.
    private static readonly string[] ManyStatements =
        [.. Enumerable.Range(1, int.Log2(ManyWithPerson)).Select(power => $"{WithPerson} WHERE (g.bucket, g.id) IN (VALUES {Pairs(1 << power)})")];

    // Distinct terms are few; one that is parsed or numbered once is not again. Bounded, so that hostile variety can't fill memory.
    private const int CachedTerms = 4096;
    private static readonly ConcurrentDictionary<string, GrantTerms> ParsedTerms = new(StringComparer.Ordinal);

    /// <summary>Inserts a grant once. A code that is redeemed again finds its grant's id taken.</summary>
    /// <returns>False if a grant of this id exists; nothing was written then.</returns>
    public static async ValueTask<bool> InsertAsync(SqlSession sql, Grant grant)
    {
        sql = sql.ShardOf(grant.Id.Bucket);
        var terms = grant.Terms.ToJson();
        var termsId = await sql.FindAsync("SELECT id FROM grant_terms WHERE terms = $1", row => (long?)row.Long(0), terms).ConfigureAwait(false);
        termsId ??= await sql.FindAsync(
            "INSERT INTO grant_terms (terms) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id", row => (long?)row.Long(0), terms).ConfigureAwait(false);
        // Another transaction may have added them in between; it is over by now, and its row is seen.
        termsId ??= await sql.FindAsync("SELECT id FROM grant_terms WHERE terms = $1", row => (long?)row.Long(0), terms).ConfigureAwait(false);
        return await sql.ExecuteAsync(
            """
            INSERT INTO grants (bucket, id, client_id, sub, session_id, terms_id, generation, rotated_at, idle_seconds, auth_time, created_at, expires_at, jkt, x5t, status_index)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (bucket, id) DO NOTHING
            """,
            grant.Id.Bucket, grant.Id.ToBytes(), grant.ClientId, grant.Subject, grant.SessionId?.ToBytes(), termsId, grant.Generation, grant.RotatedAt,
            grant.IdleSeconds, grant.AuthTime, grant.CreatedAt, grant.ExpiresAt, Bytes(grant.KeyThumbprint), Bytes(grant.CertificateThumbprint),
            grant.StatusIndex).ConfigureAwait(false) == 1;
    }

    /// <summary>Finds a grant by id, alive or not.</summary>
    public static ValueTask<Grant?> FindAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).FindAsync($"SELECT {Columns} {From} WHERE g.bucket = $1 AND g.id = $2", Read, id.Bucket, id.ToBytes());

    /// <summary>Finds a grant with what it stands on, its user and its session, in one statement: every refresh asks for all three.</summary>
    /// <returns>Null if there is no such grant; a user or session that is gone is null.</returns>
    public static ValueTask<GrantWithPerson?> FindWithPersonAsync(SqlSession sql, RowId id) =>
        sql.ShardOf(id.Bucket).FindAsync<GrantWithPerson?>($"{WithPerson} WHERE g.bucket = $1 AND g.id = $2", ReadWithPerson, id.Bucket, id.ToBytes());

    /// <summary>Finds several grants as <see cref="FindWithPersonAsync"/> finds one, in one statement.</summary>
    /// <param name="sql">The database that has them all.</param>
    /// <param name="ids">1 to <see cref="ManyWithPerson"/>; one may come twice.</param>
    /// <returns>Those that there are, each once, in no order.</returns>
    public static async ValueTask<List<GrantWithPerson>> ListWithPersonAsync(SqlSession sql, IReadOnlyList<RowId> ids)
    {
        if (ids.Count == 1) return await FindWithPersonAsync(sql, ids[0]).ConfigureAwait(false) is { } only ? [only] : [];
        var power = int.Log2(ids.Count - 1) + 1;
        // The places that are left are filled with the last one.
        var values = new SqlValue[2 << power];
        for (var i = 0; i < values.Length / 2; i++)
        {
            var id = ids[Math.Min(i, ids.Count - 1)];
            (values[2 * i], values[2 * i + 1]) = (id.Bucket, id.ToBytes());
        }

        return await sql.ListAsync(ManyStatements[power - 1], ReadWithPerson, values).ConfigureAwait(false);
    }

    /// <summary>The grants of a user, newest first.</summary>
    public static ValueTask<List<Grant>> ListByUserAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).ListAsync($"SELECT {Columns} {From} WHERE g.bucket = $1 AND g.sub = $2 ORDER BY g.created_at DESC", Read, RowId.BucketOf(subject), subject);

    /// <summary>Grants for the operator's list, newest first.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="clientId">Only this client's, if set.</param>
    /// <param name="limit">How many at most.</param>
    public static ValueTask<List<Grant>> ListAsync(SqlSession sql, string? clientId, int limit) => sql.MergeAsync(
        shard => shard.ListAsync($"SELECT {Columns} {From} WHERE ($1 IS NULL OR g.client_id = $1) ORDER BY g.created_at DESC LIMIT $2", Read, clientId, limit),
        (a, b) => b.CreatedAt.CompareTo(a.CreatedAt), limit);

    /// <summary>
    /// Uses up one generation of the refresh token: compare and swap on one row. Exactly one of many concurrent callers wins.
    /// </summary>
    /// <param name="sql">The session.</param>
    /// <param name="id">The grant.</param>
    /// <param name="generation">The generation that was presented.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>True if the generation was current and the grant alive; the current one is then one higher.</returns>
    public static async ValueTask<bool> RotateAsync(SqlSession sql, RowId id, int generation, long now) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync(
            """
            UPDATE grants SET generation = generation + 1, rotated_at = $4
            WHERE bucket = $1 AND id = $2 AND generation = $3 AND revoked_at IS NULL AND expires_at > $4 AND rotated_at + idle_seconds * 1000 > $4
            """,
            id.Bucket, id.ToBytes(), generation, now).ConfigureAwait(false) == 1;

    /// <summary>Binds the refresh tokens of a grant that are not bound yet; what they are bound to already stays.</summary>
    public static ValueTask<int> BindAsync(SqlSession sql, RowId id, string? keyThumbprint, string? certificateThumbprint) =>
        sql.ShardOf(id.Bucket).ExecuteAsync(
            "UPDATE grants SET jkt = COALESCE(jkt, $3), x5t = COALESCE(x5t, $4) WHERE bucket = $1 AND id = $2",
            id.Bucket, id.ToBytes(), Bytes(keyThumbprint), Bytes(certificateThumbprint));

    /// <summary>Notes that a refresh token that is kept was used, so that its grant does not count as idle.</summary>
    public static async ValueTask<bool> TouchAsync(SqlSession sql, RowId id, long now) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync(
            "UPDATE grants SET rotated_at = $3 WHERE bucket = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > $3 AND rotated_at + idle_seconds * 1000 > $3",
            id.Bucket, id.ToBytes(), now).ConfigureAwait(false) == 1;

    /// <summary>
    /// Follows a refresh token whose generation is above the row's: its MAC is ours, so this database has lost a write.
    /// </summary>
    public static async ValueTask<bool> FastForwardAsync(SqlSession sql, RowId id, int generation, long now) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync(
            "UPDATE grants SET generation = $3, rotated_at = $4 WHERE bucket = $1 AND id = $2 AND generation < $3 AND revoked_at IS NULL AND expires_at > $4",
            id.Bucket, id.ToBytes(), generation, now).ConfigureAwait(false) == 1;

    /// <summary>Ends a grant, and its access tokens with it.</summary>
    /// <returns>False if it was over already or does not exist.</returns>
    public static async ValueTask<bool> RevokeAsync(SqlSession sql, RowId id, string reason, long now) =>
        await EndAsync(
            sql.ShardOf(id.Bucket), "UPDATE grants SET revoked_at = $3, revoked_reason = $4 WHERE bucket = $1 AND id = $2 AND revoked_at IS NULL RETURNING status_index",
            now, id.Bucket, id.ToBytes(), now, reason).ConfigureAwait(false) == 1;

    /// <summary>Ends every grant of a user, or those to one client, and their access tokens with them.</summary>
    /// <returns>How many were ended.</returns>
    public static ValueTask<int> RevokeByUserAsync(SqlSession sql, string subject, string? clientId, string reason, long now) =>
        EndAsync(
            sql.ShardOf(subject),
            """
            UPDATE grants SET revoked_at = $3, revoked_reason = $4 WHERE bucket = $1 AND sub = $2 AND revoked_at IS NULL AND ($5 IS NULL OR client_id = $5)
            RETURNING status_index
            """,
            now, RowId.BucketOf(subject), subject, now, reason, clientId);

    /// <summary>
    /// Ends every grant to a client, and their access tokens with them: for a client that is deleted; otherwise the client's <c>not_before</c> does it
    /// in one write.
    /// </summary>
    /// <returns>How many were ended.</returns>
    public static ValueTask<int> RevokeByClientAsync(SqlSession sql, string clientId, string reason, long now) => sql.SumAsync(shard => EndAsync(
        shard, "UPDATE grants SET revoked_at = $2, revoked_reason = $3 WHERE client_id = $1 AND revoked_at IS NULL RETURNING status_index", now, clientId, now, reason));

    /// <summary>Ends the grants that end with a session, and their access tokens with them.</summary>
    /// <returns>How many were ended.</returns>
    public static ValueTask<int> RevokeBySessionAsync(SqlSession sql, RowId sessionId, string subject, long now) =>
        EndAsync(
            sql.ShardOf(sessionId.Bucket),
            """
            UPDATE grants SET revoked_at = $4, revoked_reason = $5 WHERE bucket = $1 AND sub = $2 AND session_id = $3 AND revoked_at IS NULL
            RETURNING status_index
            """,
            now, sessionId.Bucket, subject, sessionId.ToBytes(), now, RevocationReasons.SessionEnded);

    /// <summary>
    /// Gives a grant's access tokens another index, so that those it had till now can die without the grant. Nothing happens if they have another already.
    /// </summary>
    public static async ValueTask<bool> ReplaceStatusIndexAsync(SqlSession sql, RowId id, long from, long? to) =>
        await sql.ShardOf(id.Bucket).ExecuteAsync("UPDATE grants SET status_index = $4 WHERE bucket = $1 AND id = $2 AND status_index = $3", id.Bucket, id.ToBytes(), from, to).ConfigureAwait(false) == 1;

    /// <summary>Removes a few grants that are long over.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="before">Unix milliseconds: those whose absolute end was earlier go.</param>
    /// <param name="limit">How many at most, so that the step stays small.</param>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) => sql.SumAsync(shard => shard.ExecuteAsync(
        "DELETE FROM grants WHERE (bucket, id) IN (SELECT bucket, id FROM grants WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)", before, limit));

    /// <summary>
    /// Looks at the next few grants in the order of their ids for those that ended before their absolute end: revoked, or idle for too long. No index
    /// knows of these, since one on columns that every refresh changes would make every refresh dearer.
    /// </summary>
    /// <param name="sql">The session.</param>
    /// <param name="after">Where the last look ended; null to begin at the first grant.</param>
    /// <param name="before">Unix milliseconds: those that ended earlier are meant.</param>
    /// <param name="limit">How many to look at.</param>
    /// <returns>Those that are over, and where this look ended; null after the last grant.</returns>
    public static async ValueTask<(IReadOnlyList<RowId> Over, RowId? Last)> FindOverAsync(SqlSession sql, RowId? after, long before, int limit)
    {
        const string Over = "(revoked_at IS NOT NULL AND revoked_at < $3) OR (generation > 0 AND rotated_at + idle_seconds * 1000 < $3)";
        var seen = await sql.MergeAsync(
            shard => shard.ListAsync(
                $"SELECT id, CASE WHEN {Over} THEN 1 ELSE 0 END FROM grants WHERE (bucket, id) > ($1, $2) ORDER BY bucket, id LIMIT $4",
                row => (Id: RowId.From(row.Bytes(0)), IsOver: row.Long(1) == 1), after?.Bucket ?? -1, after?.ToBytes() ?? [], before, limit),
            (a, b) => a.Id.Value.CompareTo(b.Id.Value), limit).ConfigureAwait(false);
        return ([.. seen.Where(grant => grant.IsOver).Select(grant => grant.Id)], seen.Count < limit ? null : seen[^1].Id);
    }

    /// <summary>Removes a grant that is still over.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="id">From <see cref="FindOverAsync"/>.</param>
    /// <param name="before">As there.</param>
    public static ValueTask<int> DeleteOverAsync(SqlSession sql, RowId id, long before) =>
        sql.ShardOf(id.Bucket).ExecuteAsync(
            """
            DELETE FROM grants WHERE bucket = $1 AND id = $2
            AND ((revoked_at IS NOT NULL AND revoked_at < $3) OR (generation > 0 AND rotated_at + idle_seconds * 1000 < $3))
            """,
            id.Bucket, id.ToBytes(), before);

    private static GrantWithPerson ReadWithPerson(SqlRow row)
    {
        var session = row.Skip(Users.ColumnCount);
        return new(Read(session.Skip(Sessions.ColumnCount)), row.IsNull(0) ? null : Users.Read(row), session.IsNull(0) ? null : Sessions.Read(session));
    }

    private static string Pairs(int count) => string.Join(", ", Enumerable.Range(0, count).Select(i => $"(${2 * i + 1}, ${2 * i + 2})"));

    // The statement ends grants and returns their indexes.
    private static async ValueTask<int> EndAsync(SqlSession sql, string statement, long now, params SqlValue[] values)
    {
        var ended = await sql.ListAsync(statement, row => row.LongOrNull(0), values).ConfigureAwait(false);
        foreach (var index in ended) await StatusListIndexes.RevokeAsync(sql, index, now).ConfigureAwait(false);
        return ended.Count;
    }

    private static Grant Read(SqlRow row) => new()
    {
        Id = RowId.From(row.Bytes(0)),
        ClientId = row.Text(1),
        Subject = row.Text(2),
        SessionId = row.BytesOrNull(3) is { } session ? RowId.From(session) : null,
        Terms = Terms(row.Text(4)),
        Generation = row.Int(5),
        RotatedAt = row.Long(6),
        IdleSeconds = row.Int(7),
        AuthTime = row.Long(8),
        CreatedAt = row.Long(9),
        ExpiresAt = row.Long(10),
        RevokedAt = row.LongOrNull(11),
        RevokedReason = row.TextOrNull(12),
        KeyThumbprint = Thumbprint(row.BytesOrNull(13)),
        CertificateThumbprint = Thumbprint(row.BytesOrNull(14)),
        StatusIndex = row.LongOrNull(15),
    };

    // 32 bytes in the row instead of 43 characters.
    private static byte[]? Bytes(string? thumbprint) => thumbprint is null ? null : Base64Url.DecodeFromChars(thumbprint);

    private static string? Thumbprint(byte[]? bytes) => bytes is null ? null : Base64Url.EncodeToString(bytes);

    private static GrantTerms Terms(string json)
    {
        if (ParsedTerms.TryGetValue(json, out var terms)) return terms;
        terms = GrantTerms.FromJson(json);
        if (ParsedTerms.Count >= CachedTerms) ParsedTerms.Clear();
        return ParsedTerms[json] = terms;
    }
}

/// <summary>Source-generated JSON of what rows hold as text.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(GrantTerms))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class StorageJson : JsonSerializerContext;
