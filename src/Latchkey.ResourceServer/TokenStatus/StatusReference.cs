using System.Text.Json;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

namespace Latchkey.ResourceServer.TokenStatus;

/// <summary>Where a token's status stands (draft-ietf-oauth-status-list section 6.1).</summary>
/// <param name="Address">The list; null where the claim is not well-formed.</param>
/// <param name="Index">Which entry of it.</param>
internal sealed record StatusReference(Uri? Address, long Index)
{
    /// <summary>Reads the claim.</summary>
    /// <returns>Null for a token that names no list.</returns>
    public static StatusReference? Of(JsonMembers claims)
    {
        if (!claims.Has(ClaimNames.Status)) return null;
        if (claims.Object(ClaimNames.Status) is not { } status) return new(null, 0);
        // Other mechanisms than a list are none of the guard's.
        if (status.Kind(ClaimNames.StatusList) == JsonValueKind.Undefined) return null;
        return status.Object(ClaimNames.StatusList) is { } list && list.Number("idx") is >= 0 and var index
            && Uri.TryCreate(list.Text("uri"), UriKind.Absolute, out var address)
            && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback))
                ? new(address, index)
                : new(null, 0);
    }
}
