using System.Text;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// Id and secret of a Basic header (RFC 7617, RFC 6749 section 2.3.1). The RFC has both form-encoded before they are joined; half the clients of this
/// world do not encode. Both readings are kept, and either may turn out right.
/// </summary>
/// <param name="ClientId">The id, form-decoded.</param>
/// <param name="Secret">The secret, form-decoded.</param>
/// <param name="RawClientId">The id as it stands in the header.</param>
/// <param name="RawSecret">The secret as it stands in the header.</param>
internal sealed record BasicCredentials(string ClientId, string Secret, string RawClientId, string RawSecret)
{
    private const string Scheme = "Basic";
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the value of an Authorization header; null if it is not well-formed Basic.</summary>
    public static BasicCredentials? Read(string header)
    {
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header.Length <= Scheme.Length || header[Scheme.Length] != ' ') return null;
        var encoded = header.AsSpan(Scheme.Length + 1).Trim(' ');
        if (encoded.Length is 0 or > 8192) return null;
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64Chars(encoded, bytes, out var length)) return null;
        string text;
        try
        {
            text = StrictUtf8.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }

        // An id that is a URL and was not encoded has colons of its own; the secret of such a client is empty or has none.
        var colon = text.StartsWith("https://", StringComparison.Ordinal) || text.StartsWith("http://", StringComparison.Ordinal)
            ? text.LastIndexOf(':')
            : text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0 || text.Any(char.IsControl)) return null;
        var (id, secret) = (text[..colon], text[(colon + 1)..]);
        return new BasicCredentials(Decode(id), Decode(secret), id, secret);
    }

    /// <summary>Never the secret.</summary>
    public override string ToString() => $"Basic credentials of {ClientId}";

    private static string Decode(string text) => text.AsSpan().IndexOfAny('%', '+') < 0 ? text : Uri.UnescapeDataString(text.Replace('+', ' '));
}
