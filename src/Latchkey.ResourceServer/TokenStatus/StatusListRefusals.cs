using Latchkey.Protocol;

namespace Latchkey.ResourceServer.TokenStatus;

/// <summary>Everything that reading a token's status can come to, one code each.</summary>
internal static class StatusListRefusals
{
    private const string Draft = "draft-ietf-oauth-status-list";

    public static Refusal Reference { get; } = new("LK-RS-STATUS-REFERENCE",
        "The token's status claim names no place in a list: it needs a status_list with idx, a whole number, and uri, an https address.", $"{Draft} 6.1", "Get a new token.");

    public static Refusal Index(string address) => new("LK-RS-STATUS-INDEX",
        $"The list {address} ends before the token's idx.", $"{Draft} 8.3", "Get a new token.");

    public static Refusal Revoked { get; } = new("LK-RS-REVOKED", "The token was revoked.", $"{Draft} 8.3", "Get a new token.");

    public static Refusal Unread(string address, int status) => new("LK-RS-STATUS-UNREAD",
        $"The status list {address} answered {status}.", $"{Draft} 8.1", "See to it that the API reaches the list; the provider's log says more.");

    public static Refusal Unread(string address, Exception exception) => new("LK-RS-STATUS-UNREAD",
        $"The status list {address} could not be read: {exception.GetType().Name}.", $"{Draft} 8.1", "See to it that the API reaches the list.");

    public static Refusal Malformed(string address, string fault) => new("LK-RS-STATUS-MALFORMED",
        $"What {address} answered is no status list of the token's issuer: {fault}.", $"{Draft} 8.3", "Look at what answers there.");
}
