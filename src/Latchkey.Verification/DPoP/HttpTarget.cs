using System.Globalization;
using System.Text;

namespace Latchkey.Verification.DPoP;

/// <summary>
/// The address of a request as a proof names it, in <c>htu</c>: compared after RFC 3986's normalisations by syntax and by scheme
/// (RFC 9449 section 4.3), without query and fragment.
/// </summary>
internal static class HttpTarget
{
    /// <summary>Whether a proof's <c>htu</c> is the address.</summary>
    /// <param name="claimed">What the proof says.</param>
    /// <param name="expected">The address of the request, known to be well-formed.</param>
    public static bool Same(string claimed, string expected) =>
        string.Equals(claimed, expected, StringComparison.Ordinal)
        || (Normalise(claimed) is { } left && Normalise(expected) is { } right && string.Equals(left, right, StringComparison.Ordinal));

    /// <summary>The address in its one form, or null if it is none of the web's.</summary>
    internal static string? Normalise(string address)
    {
        if (address.Length > 8192 || address.Any(character => character is <= ' ' or '\\' or >= (char)0x7f)) return null;
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.UserInfo.Length > 0) return null;
        if (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp) return null;
        // Small letters in scheme and host, no default port, no dot segments, "/" for no path.
        var text = uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        return text.Contains('%', StringComparison.Ordinal) ? Unescape(text) : text;
    }

    /// <summary>
    /// Writes escapes one way. Servers hand on paths decoded but for the slash, so what could also have been written plainly is the same to them,
    /// <c>%3D</c> like <c>%7E</c>; what would end the path, or can't be shown, stays escaped.
    /// </summary>
    private static string Unescape(string text)
    {
        var plain = new StringBuilder(text.Length);
        for (var index = 0; index < text.Length; index++)
        {
            if (text[index] != '%' || index + 2 >= text.Length || !byte.TryParse(text.AsSpan(index + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var octet))
            {
                plain.Append(text[index]);
                continue;
            }

            if (octet is > (byte)' ' and < 0x7f and not ((byte)'/' or (byte)'\\' or (byte)'?' or (byte)'#' or (byte)'%')) plain.Append((char)octet);
            else plain.Append('%').Append(octet.ToString("X2", CultureInfo.InvariantCulture));
            index += 2;
        }

        return plain.ToString();
    }
}
