using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Storage;

/// <summary>The statements on <c>trusted_issuers</c>.</summary>
public static class TrustedIssuers
{
    /// <summary>Every trusted issuer, by its identifier.</summary>
    public static ValueTask<List<TrustedIssuer>> ListAsync(SqlSession sql) =>
        sql.ListAsync("SELECT metadata FROM trusted_issuers ORDER BY issuer", row => JsonSerializer.Deserialize(row.Text(0), MessagesJson.Default.TrustedIssuer)!);

    /// <summary>Adds an issuer, or writes the metadata of the one there is.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, TrustedIssuer metadata, long now)
    {
        await sql.ExecuteAsync(
            """
            INSERT INTO trusted_issuers (issuer, metadata, created_at, updated_at) VALUES ($1, $2, $3, $3)
            ON CONFLICT (issuer) DO UPDATE SET metadata = excluded.metadata, updated_at = excluded.updated_at
            """,
            metadata.Issuer, JsonSerializer.Serialize(metadata, MessagesJson.Default.TrustedIssuer), now).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Trusts an issuer no longer.</summary>
    /// <returns>False if there was none of this identifier.</returns>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string issuer)
    {
        var gone = await sql.ExecuteAsync("DELETE FROM trusted_issuers WHERE issuer = $1", issuer).ConfigureAwait(false) == 1;
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
        return gone;
    }
}
