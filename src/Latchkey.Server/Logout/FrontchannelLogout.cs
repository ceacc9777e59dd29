using Latchkey.Server.Configuration;
using Microsoft.AspNetCore.WebUtilities;

namespace Latchkey.Server.Logout;

/// <summary>
/// OpenID Connect Front-Channel Logout: the page at the end of a session holds a frame of each app that asked for one, in which the app forgets its
/// own session. Best effort by nature: browsers that keep third parties' cookies back let the app see nothing.
/// </summary>
internal static class FrontchannelLogout
{
    /// <summary>For how many seconds the page stays before the browser goes back to the app that asked.</summary>
    public const int Stay = 3;

    /// <summary>The address of an app's frame, with the issuer and the session (section 2); null if it has none.</summary>
    public static string? AddressOf(Client? client, string issuer, string sessionId) =>
        client?.Metadata.FrontchannelLogoutUri is { } uri
            ? QueryHelpers.AddQueryString(QueryHelpers.AddQueryString(uri, "iss", issuer), "sid", sessionId)
            : null;
}
