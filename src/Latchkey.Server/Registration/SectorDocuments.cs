using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Registration;

/// <summary>
/// The document at a client's <c>sector_identifier_uri</c> (OpenID Connect Registration section 5): a JSON array with every address of the client, by
/// which the owner of a host says who may share its sector. It is read when a client is taken in or changes, and not again.
/// </summary>
internal static class SectorDocuments
{
    /// <summary>Whether a client that is to be so has to be asked about: it names a sector, and what must stand there is not what it was.</summary>
    /// <param name="metadata">What the client is to be.</param>
    /// <param name="known">What it has been; null for a new one.</param>
    public static bool MustAsk(ClientMetadata metadata, ClientMetadata? known) =>
        metadata.SectorIdentifierUri is { } uri
        && (known is null || known.SectorIdentifierUri != uri || Client.SectorAddresses(metadata).Except(Client.SectorAddresses(known), StringComparer.Ordinal).Any());

    /// <summary>Fetches the document and compares it.</summary>
    /// <param name="fetcher">Fetches it.</param>
    /// <param name="metadata">The client, whose metadata is right otherwise.</param>
    /// <param name="reach">Where its author may send the server.</param>
    /// <returns>What is wrong; null if nothing is, or the client names no sector.</returns>
    public static async ValueTask<SectorFault?> FaultAsync(DocumentFetcher fetcher, ClientMetadata metadata, Reach reach)
    {
        if (metadata.SectorIdentifierUri is not { } uri) return null;
        var outcome = await fetcher.FetchAsync(uri, reach, FetchRules.Sector).ConfigureAwait(false);
        if (outcome is FetchOutcome.Failed failed) return new SectorFault(Metadata($"sector_identifier_uri {failed.Reason}."), failed.MayPass);
        if (Read(((FetchOutcome.Document)outcome).Body) is not { } listed)
            return new SectorFault(Metadata("sector_identifier_uri is no JSON array of strings; put every redirect URI of the client there (OpenID Connect Registration section 5)."), MayPass: false);
        foreach (var address in Client.SectorAddresses(metadata))
        {
            if (!listed.Contains(address))
            {
                return new SectorFault(new OAuthError("invalid_redirect_uri",
                    SelfRegisteredMetadata.Ascii($"sector_identifier_uri does not list {address}; add it to the array there, just as it is registered (OpenID Connect Registration section 5).")), MayPass: false);
            }
        }

        return null;
    }

    /// <summary>Fetches and compares it where no server runs, for an operator, whose documents may lie in their own network.</summary>
    public static async ValueTask<SectorFault?> FaultOfDeclaredAsync(ClientMetadata metadata, TimeProvider clock)
    {
        // No server could be made to ask itself here, so it does not matter which is one's own.
        using var fetcher = new DocumentFetcher(new ServerOptions { Issuer = "http://localhost" }, clock, GuardedConnections.ResolveBySystemAsync);
        return await FaultAsync(fetcher, metadata, Reach.Declared).ConfigureAwait(false);
    }

    private static OAuthError Metadata(string description) => new("invalid_client_metadata", description);

    private static HashSet<string>? Read(ReadOnlyMemory<byte> body)
    {
        if (!JsonMembers.IsText(body.Span)) return null;
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 2 });
            return document.RootElement.ValueKind == JsonValueKind.Array && document.RootElement.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
                ? document.RootElement.EnumerateArray().Select(item => item.GetString()!).ToHashSet(StringComparer.Ordinal)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Why a client does not belong to the sector that it names.</summary>
/// <param name="Error"><c>invalid_client_metadata</c>, or <c>invalid_redirect_uri</c> where an address of the client is not listed.</param>
/// <param name="MayPass">Whether it may be otherwise later: the host is away, busy or slow.</param>
internal sealed record SectorFault(OAuthError Error, bool MayPass);
