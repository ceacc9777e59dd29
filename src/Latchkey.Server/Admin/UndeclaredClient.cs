using Latchkey.Protocol.Messages;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>A client that no operator declared or made.</summary>
/// <param name="Metadata">What it says of itself.</param>
/// <param name="Origin"><c>registered</c> for one that registered itself (RFC 7591), <c>document</c> for one whose id is the URL of its metadata.</param>
/// <param name="NotBefore">Every grant of it that is older is dead, unix milliseconds.</param>
public sealed record UndeclaredClient(ClientMetadata Metadata, string Origin, long NotBefore)
{
    /// <summary>When it registered, unix milliseconds; null for a document.</summary>
    public long? CreatedAt { get; init; }

    /// <summary>When it last changed, or its document was last read, unix milliseconds.</summary>
    public required long UpdatedAt { get; init; }

    /// <summary>When it was first used, unix milliseconds; null if that has not happened, and for a document, which is kept only once somebody agreed to it.</summary>
    public long? UsedAt { get; init; }

    internal static UndeclaredClient Of(RegisteredClient row) =>
        new(row.Metadata, "registered", row.NotBefore) { CreatedAt = row.CreatedAt, UpdatedAt = row.UpdatedAt, UsedAt = row.UsedAt };

    internal static UndeclaredClient Of(ClientDocument row) => new(row.Metadata, "document", row.NotBefore) { UpdatedAt = row.FetchedAt };
}
