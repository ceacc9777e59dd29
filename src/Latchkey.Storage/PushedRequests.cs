using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Storage;

/// <summary>An authorization request that its client pushed (RFC 9126).</summary>
public sealed record PushedRequest
{
    /// <summary>SHA-256 of its <c>request_uri</c>.</summary>
    public required byte[] Id { get; init; }

    /// <summary>The client that pushed it.</summary>
    public required string ClientId { get; init; }

    /// <summary>The parameters as a form, without the client's credentials.</summary>
    public required string Parameters { get; init; }

    /// <summary>Whether they were the claims of a signed request object (RFC 9101).</summary>
    public required bool Signed { get; init; }

    /// <summary>Until when a browser may come with the <c>request_uri</c>, unix milliseconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>Until when a person who came in time may take for signing in, unix milliseconds.</summary>
    public required long KeptUntil { get; init; }

    /// <summary>Names the client only: a request can hold what is nobody's business.</summary>
    public override string ToString() => $"pushed request of {ClientId}";
}

/// <summary>The statements on <c>pushed_requests</c>. A row goes with the one answer that it leads to, or some time after its end.</summary>
public static class PushedRequests
{
    /// <summary>What a row is found by; the <c>request_uri</c> itself is never stored.</summary>
    public static byte[] Hash(string requestUri) => SHA256.HashData(Encoding.UTF8.GetBytes(requestUri));

    /// <summary>Keeps a request.</summary>
    public static async ValueTask InsertAsync(SqlSession sql, PushedRequest request) =>
        await sql.ShardOf(RowId.BucketOf(request.Id)).ExecuteAsync(
            "INSERT INTO pushed_requests (id, client_id, parameters, signed, expires_at, kept_until) VALUES ($1, $2, $3, $4, $5, $6)",
            request.Id, request.ClientId, request.Parameters, request.Signed ? 1 : 0, request.ExpiresAt, request.KeptUntil).ConfigureAwait(false);

    /// <summary>Finds a request that has not been used up, in time or not.</summary>
    public static ValueTask<PushedRequest?> FindAsync(SqlSession sql, byte[] id) =>
        sql.ShardOf(RowId.BucketOf(id)).FindAsync("SELECT id, client_id, parameters, signed, expires_at, kept_until FROM pushed_requests WHERE id = $1", Read, id);

    /// <summary>Uses a request up; exactly one of many concurrent callers wins, on whichever node.</summary>
    /// <returns>True for the winner.</returns>
    public static async ValueTask<bool> UseAsync(SqlSession sql, byte[] id) =>
        await sql.ShardOf(RowId.BucketOf(id)).ExecuteAsync("DELETE FROM pushed_requests WHERE id = $1", id).ConfigureAwait(false) == 1;

    /// <summary>Removes a few requests whose time is over.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) => sql.SumAsync(shard => shard.ExecuteAsync(
        "DELETE FROM pushed_requests WHERE id IN (SELECT id FROM pushed_requests WHERE kept_until < $1 ORDER BY kept_until LIMIT $2)", before, limit));

    private static PushedRequest Read(SqlRow row) => new()
    {
        Id = row.Bytes(0),
        ClientId = row.Text(1),
        Parameters = row.Text(2),
        Signed = row.Int(3) == 1,
        ExpiresAt = row.Long(4),
        KeptUntil = row.Long(5),
    };
}
