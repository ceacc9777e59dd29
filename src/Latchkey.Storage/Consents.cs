namespace Latchkey.Storage;

/// <summary>What a person agreed that a client may have, remembered until the client asks for more.</summary>
/// <param name="Subject">Who agreed.</param>
/// <param name="ClientId">To which client.</param>
/// <param name="Scope">To which scopes, separated by spaces.</param>
/// <param name="Resources">For which resources, separated by spaces.</param>
/// <param name="GrantedAt">When last, unix milliseconds.</param>
/// <param name="Fingerprint">What the client was then: a hash of its redirect URIs and keys; null for a client that an operator declared.</param>
public sealed record Consent(string Subject, string ClientId, string Scope, string Resources, long GrantedAt, string? Fingerprint = null)
{
    /// <summary>To which authorization details (RFC 9396), a JSON array; null for none.</summary>
    public string? AuthorizationDetails { get; init; }
}

/// <summary>The statements on <c>consents</c>.</summary>
public static class Consents
{
    /// <summary>What a person agreed to for a client, or null.</summary>
    public static ValueTask<Consent?> FindAsync(SqlSession sql, string subject, string clientId) =>
        sql.ShardOf(subject).FindAsync(
            "SELECT sub, client_id, scope, resources, granted_at, fingerprint, authorization_details FROM consents WHERE bucket = $1 AND sub = $2 AND client_id = $3",
            Read, RowId.BucketOf(subject), subject, clientId);

    /// <summary>All that a person agreed to.</summary>
    public static ValueTask<List<Consent>> ListByUserAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).ListAsync(
            "SELECT sub, client_id, scope, resources, granted_at, fingerprint, authorization_details FROM consents WHERE bucket = $1 AND sub = $2 ORDER BY granted_at DESC",
            Read, RowId.BucketOf(subject), subject);

    /// <summary>Remembers an agreement in place of the earlier one.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, Consent consent) =>
        await sql.ShardOf(consent.Subject).ExecuteAsync(
            """
            INSERT INTO consents (bucket, sub, client_id, scope, resources, granted_at, fingerprint, authorization_details)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (bucket, sub, client_id) DO UPDATE SET
              scope = excluded.scope, resources = excluded.resources, granted_at = excluded.granted_at, fingerprint = excluded.fingerprint,
              authorization_details = excluded.authorization_details
            """,
            RowId.BucketOf(consent.Subject), consent.Subject, consent.ClientId, consent.Scope, consent.Resources, consent.GrantedAt, consent.Fingerprint,
            consent.AuthorizationDetails).ConfigureAwait(false);

    /// <summary>Forgets an agreement.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string subject, string clientId) =>
        await sql.ShardOf(subject).ExecuteAsync(
            "DELETE FROM consents WHERE bucket = $1 AND sub = $2 AND client_id = $3", RowId.BucketOf(subject), subject, clientId).ConfigureAwait(false) == 1;

    /// <summary>Forgets all that a person agreed to.</summary>
    public static ValueTask<int> DeleteByUserAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).ExecuteAsync("DELETE FROM consents WHERE bucket = $1 AND sub = $2", RowId.BucketOf(subject), subject);

    /// <summary>Forgets everything that people agreed to for a client that is deleted.</summary>
    public static ValueTask<int> DeleteByClientAsync(SqlSession sql, string clientId) =>
        sql.SumAsync(shard => shard.ExecuteAsync("DELETE FROM consents WHERE client_id = $1", clientId));

    private static Consent Read(SqlRow row) => new(row.Text(0), row.Text(1), row.Text(2), row.Text(3), row.Long(4), row.TextOrNull(5)) { AuthorizationDetails = row.TextOrNull(6) };
}
