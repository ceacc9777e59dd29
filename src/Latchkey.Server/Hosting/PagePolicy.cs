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

    /// <summary>
    /// A page whose forms may lead to a client. Chrome and Safari hold every redirect that follows a form to <c>form-action</c>, also those that the
    /// client answers with (a callback on https that opens an app by its private-use scheme, say), which nobody can list beforehand: naming the
    /// redirect URI there ends such sign-ins without a word. So these pages have no <c>form-action</c>; nothing in a page is written unencoded.
    /// </summary>
    public const string LeadingToClient = "default-src 'none'; style-src 'self'; img-src 'self' https: data:; frame-ancestors 'none'; base-uri 'none'";

    /// <summary>A page whose forms stay with this server.</summary>
    public const string Staying = LeadingToClient + "; form-action 'self'";

    /// <summary>The page that posts to the client, by its one script where scripts run.</summary>
    public static string FormPost { get; } =
        $"{LeadingToClient}; script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(FormPostScript)))}'";
}
