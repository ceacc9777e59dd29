namespace Latchkey.Storage;

/// <summary>A key of the server, its private part encrypted under the operator's key ring.</summary>
/// <param name="KeyId">The <c>kid</c>.</param>
/// <param name="Purpose"><c>sign</c> for JWTs, or what a symmetric key is for.</param>
/// <param name="Algorithm">The JWS algorithm, or the symmetric one.</param>
/// <param name="Wrapped">The encrypted private key.</param>
/// <param name="CreatedAt">Since when it is published, unix milliseconds.</param>
/// <param name="ActiveFrom">From when it is used to make things, unix milliseconds.</param>
/// <param name="RetiredAt">From when it only verifies, unix milliseconds.</param>
public sealed record KeyRow(string KeyId, string Purpose, string Algorithm, byte[] Wrapped, long CreatedAt, long ActiveFrom, long? RetiredAt)
{
    /// <summary>Names the key.</summary>
    public override string ToString() => $"{Purpose} key {KeyId} ({Algorithm})";
}

/// <summary>The statements on <c>signing_keys</c>.</summary>
public static class SigningKeys
{
    /// <summary>The Data Protection purpose under which <see cref="KeyRow.Wrapped"/> is encrypted.</summary>
    public const string Protection = "Latchkey.SigningKeys.v1";

    /// <summary>Every key, oldest first.</summary>
    public static ValueTask<List<KeyRow>> ListAsync(SqlSession sql) =>
        sql.ListAsync(
            "SELECT kid, purpose, algorithm, wrapped, created_at, active_from, retired_at FROM signing_keys ORDER BY active_from, kid",
            row => new KeyRow(row.Text(0), row.Text(1), row.Text(2), row.Bytes(3), row.Long(4), row.Long(5), row.LongOrNull(6)));

    /// <summary>Adds a key.</summary>
    public static async ValueTask InsertAsync(SqlSession sql, KeyRow key)
    {
        await sql.ExecuteAsync(
            "INSERT INTO signing_keys (kid, purpose, algorithm, wrapped, created_at, active_from, retired_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            key.KeyId, key.Purpose, key.Algorithm, key.Wrapped, key.CreatedAt, key.ActiveFrom, key.RetiredAt).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Sets from when a key is used.</summary>
    public static async ValueTask SetActiveFromAsync(SqlSession sql, string keyId, long activeFrom)
    {
        await sql.ExecuteAsync("UPDATE signing_keys SET active_from = $2 WHERE kid = $1", keyId, activeFrom).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Sets from when a key only verifies.</summary>
    public static async ValueTask RetireAsync(SqlSession sql, string keyId, long retiredAt)
    {
        await sql.ExecuteAsync("UPDATE signing_keys SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL", keyId, retiredAt).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Removes a key that nothing refers to any more.</summary>
    public static async ValueTask DeleteAsync(SqlSession sql, string keyId)
    {
        await sql.ExecuteAsync("DELETE FROM signing_keys WHERE kid = $1", keyId).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }
}
