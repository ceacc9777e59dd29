using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// How cookies of a scheme are named and set. On https they have the prefix <c>__Host-</c>, so that the browser takes them from this host alone, over
/// TLS and for every path (RFC 10017 section 6.1.3.2); on http, which is for loopback only, the prefix is not possible.
/// </summary>
internal static class BrowserCookie
{
    /// <summary>Whether cookies may be used at all: not in the clear across a network.</summary>
    /// <param name="request">The request that it is of.</param>
    public static bool IsSafe(HttpRequest request) => request.IsHttps || IsLoopback(request.Host.Host);

    /// <summary>The name of a cookie of this app.</summary>
    /// <param name="request">The request that it is of.</param>
    /// <param name="scheme">The authentication scheme.</param>
    /// <param name="suffix">What tells it from other cookies of the scheme.</param>
    public static string Name(HttpRequest request, string scheme, string suffix = "")
    {
        // Cookies know no ports: two apps on one machine would sign each other out.
        var port = request.Host.Port is { } number && number != (request.IsHttps ? 443 : 80) ? "-" + number.ToString(CultureInfo.InvariantCulture) : "";
        return $"{(request.IsHttps ? "__Host-" : "")}latchkey-{Uri.EscapeDataString(scheme)}{port}{suffix}";
    }

    /// <summary>Its attributes: for the server's eyes only, and never sent along with another site's POST.</summary>
    /// <param name="request">The request that it is of.</param>
    public static CookieOptions Options(HttpRequest request) => new()
    {
        HttpOnly = true,
        Secure = request.IsHttps,
        SameSite = SameSiteMode.Lax,
        Path = "/",
        // Without it nobody can sign in, so it does not wait for a consent to cookies.
        IsEssential = true,
    };

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (System.Net.IPAddress.TryParse(host.Trim('[', ']'), out var address) && System.Net.IPAddress.IsLoopback(address));
}
