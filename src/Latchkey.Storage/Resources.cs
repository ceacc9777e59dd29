using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Storage;

/// <summary>The statements on <c>resources</c>.</summary>
public static class Resources
{
    /// <summary>Every resource, by its identifier.</summary>
    public static ValueTask<List<ResourceMetadata>> ListAsync(SqlSession sql) =>
        sql.ListAsync("SELECT metadata FROM resources ORDER BY resource", row => JsonSerializer.Deserialize(row.Text(0), MessagesJson.Default.ResourceMetadata)!);

    /// <summary>Adds a resource, or writes the metadata of the one there is.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, ResourceMetadata metadata, long now)
    {
        await sql.ExecuteAsync(
            """
            INSERT INTO resources (resource, metadata, created_at, updated_at) VALUES ($1, $2, $3, $3)
            ON CONFLICT (resource) DO UPDATE SET metadata = excluded.metadata, updated_at = excluded.updated_at
            """,
            metadata.Resource, JsonSerializer.Serialize(metadata, MessagesJson.Default.ResourceMetadata), now).ConfigureAwait(false);
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
    }

    /// <summary>Removes a resource.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string resource)
    {
        var gone = await sql.ExecuteAsync("DELETE FROM resources WHERE resource = $1", resource).ConfigureAwait(false) == 1;
        await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
        return gone;
    }
}
