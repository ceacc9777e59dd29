using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Storage;

/// <summary>A client that registered itself (RFC 7591).</summary>
public sealed record RegisteredClient
{
    /// <summary>What is known of it.</summary>
    public required ClientMetadata Metadata { get; init; }

    /// <summary>Its secret's hash, <c>sha256:</c> first; null for a client without one.</summary>
    public string? SecretHash { get; init; }

    /// <summary>SHA-256 of its registration access token (RFC 7592).</summary>
    public required byte[] TokenHash { get; init; }

    /// <summary>Every grant of it that is older is dead, unix milliseconds.</summary>
    public long NotBefore { get; init; }

    /// <summary>When it registered, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When it last changed, unix milliseconds.</summary>
    public required long UpdatedAt { get; init; }

    /// <summary>When somebody first agreed to it or it first got a token, unix milliseconds; null if that has not happened.</summary>
    public long? UsedAt { get; init; }

    /// <summary>Names the client, never shows a hash.</summary>
    public override string ToString() => $"registered client {Metadata.ClientId}";
}

/// <summary>The statements on <c>registered_clients</c>.</summary>
public static class RegisteredClients
{
    private const string Columns = "metadata, secret_hash, token_hash, not_before, created_at, updated_at, used_at";

    /// <summary>Finds a client.</summary>
    public static ValueTask<RegisteredClient?> FindAsync(SqlSession sql, string clientId) =>
        sql.FindAsync($"SELECT {Columns} FROM registered_clients WHERE client_id = $1", Read, clientId);

    /// <summary>The clients after one, by id.</summary>
    public static ValueTask<List<RegisteredClient>> ListAsync(SqlSession sql, string after, int limit) =>
        sql.ListAsync($"SELECT {Columns} FROM registered_clients WHERE client_id > $1 ORDER BY client_id LIMIT $2", Read, after, limit);

    /// <summary>How many nobody has used, counted up to a limit.</summary>
    public static ValueTask<int> CountUnusedAsync(SqlSession sql, int limit) =>
        sql.FindAsync("SELECT COUNT(*) FROM (SELECT 1 AS one FROM registered_clients WHERE used_at IS NULL LIMIT $1) AS unused", row => row.Int(0), limit);

    /// <summary>Adds a client.</summary>
    public static async ValueTask InsertAsync(SqlSession sql, RegisteredClient client) =>
        await sql.ExecuteAsync(
            "INSERT INTO registered_clients (client_id, metadata, secret_hash, token_hash, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
            client.Metadata.ClientId, Write(client.Metadata), client.SecretHash, client.TokenHash, client.CreatedAt, client.UpdatedAt).ConfigureAwait(false);

    /// <summary>Writes a client's metadata and secret anew.</summary>
    /// <returns>False if it is gone.</returns>
    public static async ValueTask<bool> UpdateAsync(SqlSession sql, string clientId, ClientMetadata metadata, string? secretHash, long now) =>
        await sql.ExecuteAsync(
            "UPDATE registered_clients SET metadata = $2, secret_hash = $3, updated_at = $4 WHERE client_id = $1",
            clientId, Write(metadata), secretHash, now).ConfigureAwait(false) == 1;

    /// <summary>Notes that a client is used: it no longer expires.</summary>
    public static async ValueTask<bool> NoteUsedAsync(SqlSession sql, string clientId, long now) =>
        await sql.ExecuteAsync("UPDATE registered_clients SET used_at = $2 WHERE client_id = $1 AND used_at IS NULL", clientId, now).ConfigureAwait(false) == 1;

    /// <summary>Ends every grant that a client has now.</summary>
    public static async ValueTask<bool> SetNotBeforeAsync(SqlSession sql, string clientId, long notBefore) =>
        await sql.ExecuteAsync("UPDATE registered_clients SET not_before = $2 WHERE client_id = $1", clientId, notBefore).ConfigureAwait(false) == 1;

    /// <summary>Removes a client.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string clientId) =>
        await sql.ExecuteAsync("DELETE FROM registered_clients WHERE client_id = $1", clientId).ConfigureAwait(false) == 1;

    /// <summary>Removes clients that registered before a time and that nobody has used since.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="before">Unix milliseconds.</param>
    /// <param name="limit">How many at most.</param>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) =>
        sql.ExecuteAsync(
            """
            DELETE FROM registered_clients WHERE used_at IS NULL AND client_id IN
              (SELECT client_id FROM registered_clients WHERE used_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2)
            """,
            before, limit);

    private static string Write(ClientMetadata metadata) => JsonSerializer.Serialize(metadata, MessagesJson.Default.ClientMetadata);

    private static RegisteredClient Read(SqlRow row) => new()
    {
        Metadata = JsonSerializer.Deserialize(row.Text(0), MessagesJson.Default.ClientMetadata)!,
        SecretHash = row.TextOrNull(1),
        TokenHash = row.Bytes(2),
        NotBefore = row.Long(3),
        CreatedAt = row.Long(4),
        UpdatedAt = row.Long(5),
        UsedAt = row.LongOrNull(6),
    };
}
