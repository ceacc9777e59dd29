using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Server.Hosting;

/// <summary>What a page may load, send and be framed by (Content Security Policy Level 3): next to nothing.</summary>
internal static class PagePolicy
{
    /// <summary>The one script there is: it sends the form of the form_post page.</summary>
    public const string FormPostScript = "document.forms[0].submit()";

    /// <summary>What pages ask of the browser beyond showing them: nothing.</summary>
    public const string Permissions = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

    private const string Base = "default-src 'none'; style-src 'self'; img-src 'self' https: data:; frame-ancestors 'none'; base-uri 'none'; form-action ";

    private static readonly string FormPostScriptSource =
        $"; script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(FormPostScript)))}'";

    /// <summary>
    /// The policy of a page whose forms post to this server. Browsers hold the redirects that follow a form to <c>form-action</c>, so the proven
    /// redirect URI's origin is named; a callback that itself redirects to a third origin must answer with a page that leads on.
    /// </summary>
    /// <param name="redirectUri">Where the answers may lead; null if nowhere else.</param>
    /// <param name="frames">What the page shows in frames; nothing unless given.</param>
    public static string Write(string? redirectUri, IReadOnlyList<string>? frames = null) =>
        $"{Base}'self'{(redirectUri is null ? "" : " " + Source(redirectUri))}{(frames is { Count: > 0 } ? "; frame-src " + string.Join(' ', frames.Select(Source).Distinct(StringComparer.Ordinal)) : "")}";

    /// <summary>The policy of the page that posts to the client.</summary>
    public static string WriteFormPost(string redirectUri) => Base + Source(redirectUri) + FormPostScriptSource;

    // The origin, or the scheme alone where there is no host, or one that the grammar of sources can't write (an IPv6 address).
    private static string Source(string redirectUri)
    {
        var uri = new Uri(redirectUri);
        return uri.Scheme is "http" or "https" && uri.HostNameType is UriHostNameType.Dns or UriHostNameType.IPv4
            ? uri.IsDefaultPort ? $"{uri.Scheme}://{uri.IdnHost}" : $"{uri.Scheme}://{uri.IdnHost}:{uri.Port}"
            : uri.Scheme + ":";
    }
}
