using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Storage;

/// <summary>A registered client.</summary>
/// <param name="Metadata">What is known of it.</param>
/// <param name="NotBefore">Every grant of it that is older is dead, unix milliseconds.</param>
/// <param name="CreatedAt">When it was made, unix milliseconds.</param>
/// <param name="UpdatedAt">When it last changed, unix milliseconds.</param>
public sealed record ClientRow(ClientMetadata Metadata, long NotBefore, long CreatedAt, long UpdatedAt);

/// <summary>One of a client's secrets; two can live side by side while one replaces the other.</summary>
/// <param name="ClientId">Whose secret.</param>
/// <param name="Id">Its id, for people to tell them apart.</param>
/// <param name="Hash"><c>sha256:</c> or <c>password:</c> and the hash.</param>
/// <param name="CreatedAt">Unix milliseconds.</param>
/// <param name="ExpiresAt">Unix milliseconds; null if it does not end.</param>
public sealed record ClientSecret(string ClientId, string Id, string Hash, long CreatedAt, long? ExpiresAt)
{
    /// <summary>Names the secret, never shows the hash.</summary>
    public override string ToString() => $"secret {Id} of {ClientId}";
}

/// <summary>The statements on <c>clients</c> and <c>client_secrets</c>.</summary>
public static class Clients
{
    /// <summary>Every client, by id.</summary>
    public static ValueTask<List<ClientRow>> ListAsync(SqlSession sql) =>
        sql.ListAsync("SELECT metadata, not_before, created_at, updated_at FROM clients ORDER BY client_id", Read);

    /// <summary>Finds a client.</summary>
    public static ValueTask<ClientRow?> FindAsync(SqlSession sql, string clientId) =>
        sql.FindAsync("SELECT metadata, not_before, created_at, updated_at FROM clients WHERE client_id = $1", Read, clientId);

    /// <summary>Adds a client, or writes the metadata of the one there is.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, ClientMetadata metadata, long now)
    {
        await sql.ExecuteAsync(
            """
            INSERT INTO clients (client_id, metadata, created_at, updated_at) VALUES ($1, $2, $3, $3)
            ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata, updated_at = excluded.updated_at
            """,
            metadata.ClientId, JsonSerializer.Serialize(metadata, MessagesJson.Default.ClientMetadata), now).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Ends every grant that the client has now, in one write.</summary>
    public static async ValueTask SetNotBeforeAsync(SqlSession sql, string clientId, long notBefore)
    {
        await sql.ExecuteAsync("UPDATE clients SET not_before = $2 WHERE client_id = $1", clientId, notBefore).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Removes a client and its secrets.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string clientId)
    {
        await sql.ExecuteAsync("DELETE FROM client_secrets WHERE client_id = $1", clientId).ConfigureAwait(false);
        var gone = await sql.ExecuteAsync("DELETE FROM clients WHERE client_id = $1", clientId).ConfigureAwait(false) == 1;
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
        return gone;
    }

    /// <summary>Every secret of every client, oldest first.</summary>
    public static ValueTask<List<ClientSecret>> ListSecretsAsync(SqlSession sql) =>
        sql.ListAsync("SELECT client_id, id, hash, created_at, expires_at FROM client_secrets ORDER BY client_id, created_at", ReadSecret);

    /// <summary>Adds a secret.</summary>
    public static async ValueTask AddSecretAsync(SqlSession sql, ClientSecret secret)
    {
        await sql.ExecuteAsync(
            "INSERT INTO client_secrets (client_id, id, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
            secret.ClientId, secret.Id, secret.Hash, secret.CreatedAt, secret.ExpiresAt).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Sets when the client's secrets that are good now will end.</summary>
    public static async ValueTask ExpireSecretsAsync(SqlSession sql, string clientId, long expiresAt)
    {
        await sql.ExecuteAsync(
            "UPDATE client_secrets SET expires_at = $2 WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > $2)", clientId, expiresAt).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Removes the client's secrets that have ended.</summary>
    public static ValueTask<int> DeleteExpiredSecretsAsync(SqlSession sql, string clientId, long now) =>
        sql.ExecuteAsync("DELETE FROM client_secrets WHERE client_id = $1 AND expires_at <= $2", clientId, now);

    /// <summary>Removes one secret.</summary>
    public static ValueTask<int> DeleteSecretAsync(SqlSession sql, string clientId, string id) =>
        sql.ExecuteAsync("DELETE FROM client_secrets WHERE client_id = $1 AND id = $2", clientId, id);

    /// <summary>Removes every secret of a client that has no use for one any more.</summary>
    public static ValueTask<int> DeleteSecretsAsync(SqlSession sql, string clientId) =>
        sql.ExecuteAsync("DELETE FROM client_secrets WHERE client_id = $1", clientId);

    private static ClientRow Read(SqlRow row) =>
        new(JsonSerializer.Deserialize(row.Text(0), MessagesJson.Default.ClientMetadata)!, row.Long(1), row.Long(2), row.Long(3));

    private static ClientSecret ReadSecret(SqlRow row) => new(row.Text(0), row.Text(1), row.Text(2), row.Long(3), row.LongOrNull(4));
}
