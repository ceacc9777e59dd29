using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Storage;

/// <summary>What the metadata document of a client said when it was last read, for a client that somebody has agreed to.</summary>
/// <param name="Metadata">What is known of the client.</param>
/// <param name="FetchedAt">When the document was last there and right, unix milliseconds.</param>
public sealed record ClientDocument(ClientMetadata Metadata, long FetchedAt)
{
    /// <summary>Every code and grant of it that is older is dead, unix milliseconds.</summary>
    public long NotBefore { get; init; }
}

/// <summary>The statements on <c>client_documents</c>: clients whose id is the URL of their metadata.</summary>
public static class ClientDocuments
{
    /// <summary>Finds what is known of a client.</summary>
    public static ValueTask<ClientDocument?> FindAsync(SqlSession sql, string clientId) =>
        sql.FindAsync("SELECT metadata, fetched_at, not_before FROM client_documents WHERE client_id = $1 AND fetched_at > 0", Read, clientId);

    /// <summary>The clients after one, by id.</summary>
    public static ValueTask<List<ClientDocument>> ListAsync(SqlSession sql, string after, int limit) =>
        sql.ListAsync("SELECT metadata, fetched_at, not_before FROM client_documents WHERE client_id > $1 AND fetched_at > 0 ORDER BY client_id LIMIT $2", Read, after, limit);

    /// <summary>Since when codes and grants of a client count, also of one that was forgotten; unix milliseconds.</summary>
    public static ValueTask<long> FindNotBeforeAsync(SqlSession sql, string clientId) =>
        sql.FindAsync("SELECT not_before FROM client_documents WHERE client_id = $1", row => row.Long(0), clientId);

    /// <summary>Ends every code and grant of a client that is older.</summary>
    /// <returns>False if nobody agreed to such a client.</returns>
    public static async ValueTask<bool> SetNotBeforeAsync(SqlSession sql, string clientId, long notBefore) =>
        await sql.ExecuteAsync("UPDATE client_documents SET not_before = $2 WHERE client_id = $1 AND fetched_at > 0", clientId, notBefore).ConfigureAwait(false) == 1;

    /// <summary>Forgets a document, and remembers that codes and grants of its client that are older are dead: a code that was just given is kept nowhere.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string clientId, long now) =>
        await sql.ExecuteAsync(
            "UPDATE client_documents SET metadata = $2, fetched_at = 0, not_before = $3 WHERE client_id = $1 AND fetched_at > 0",
            clientId, Write(new ClientMetadata { ClientId = clientId }), now).ConfigureAwait(false) == 1;

    /// <summary>Keeps a document, in place of an older one.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, ClientDocument document) =>
        await sql.ExecuteAsync(
            """
            INSERT INTO client_documents (client_id, metadata, fetched_at) VALUES ($1, $2, $3)
            ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata, fetched_at = excluded.fetched_at
            WHERE client_documents.fetched_at <= excluded.fetched_at
            """,
            document.Metadata.ClientId, Write(document.Metadata), document.FetchedAt).ConfigureAwait(false);

    /// <summary>Keeps a document that was read again, if the client is one that somebody agreed to.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="document">The document.</param>
    /// <param name="unlessSince">A row that was written at or after this is left as it is, if it says the same; unix milliseconds.</param>
    public static async ValueTask<bool> RenewAsync(SqlSession sql, ClientDocument document, long unlessSince) =>
        await sql.ExecuteAsync(
            "UPDATE client_documents SET metadata = $2, fetched_at = $3 WHERE client_id = $1 AND fetched_at > 0 AND (fetched_at < $4 OR (metadata <> $2 AND fetched_at <= $3))",
            document.Metadata.ClientId, Write(document.Metadata), document.FetchedAt, unlessSince).ConfigureAwait(false) == 1;

    /// <summary>Removes documents that were not read since a time.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="before">Unix milliseconds.</param>
    /// <param name="limit">How many at most.</param>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) =>
        sql.ExecuteAsync(
            "DELETE FROM client_documents WHERE client_id IN (SELECT client_id FROM client_documents WHERE fetched_at < $1 AND not_before < $1 ORDER BY fetched_at LIMIT $2)", before, limit);

    private static string Write(ClientMetadata metadata) => JsonSerializer.Serialize(metadata, MessagesJson.Default.ClientMetadata);

    private static ClientDocument Read(SqlRow row) => new(JsonSerializer.Deserialize(row.Text(0), MessagesJson.Default.ClientMetadata)!, row.Long(1)) { NotBefore = row.Long(2) };
}
