using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Verification.MutualTls;

/// <summary>The client's certificate as a proxy that ends TLS hands it on in a header, and the name that tokens know a certificate by.</summary>
public static class ForwardedCertificate
{
    private const string PemBegin = "-----BEGIN CERTIFICATE-----";
    private const string PemEnd = "-----END CERTIFICATE-----";
    private const int LongestHeader = 16 * 1024;

    /// <summary>
    /// Reads a header's value: <c>Client-Cert</c> of RFC 9440 (<c>:base64:</c>), PEM, percent-encoded or not (nginx' <c>$ssl_client_escaped_cert</c>),
    /// or plain base64 of DER.
    /// </summary>
    /// <param name="value">The value. That the request comes from the proxy is for the caller to make sure of.</param>
    /// <returns>The bytes that were encoded, which need not be a certificate; null if the value is none of these.</returns>
    public static byte[]? Decode(string value)
    {
        if (value.Length is 0 or > LongestHeader) return null;
        var text = value.Trim();
        // RFC 9440 section 2.1: a byte sequence of RFC 8941.
        if (text is [':', .., ':']) return FromBase64(text[1..^1]);
        if (text.Contains('%', StringComparison.Ordinal)) text = Uri.UnescapeDataString(text);
        if (!text.StartsWith(PemBegin, StringComparison.Ordinal)) return FromBase64(text);
        var end = text.IndexOf(PemEnd, StringComparison.Ordinal);
        // One certificate, the client's own; what issued it comes elsewhere.
        return end < 0 ? null : FromBase64(text[PemBegin.Length..end]);
    }

    /// <summary>The thumbprint of a certificate as in <c>x5t#S256</c> (RFC 8705 section 3.1).</summary>
    /// <param name="der">The certificate in DER.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string Thumbprint(ReadOnlySpan<byte> der) => Base64Url.EncodeToString(SHA256.HashData(der));

    private static byte[]? FromBase64(string text)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(Encoding.UTF8.GetByteCount(text))];
        return Convert.TryFromBase64String(text, bytes, out var length) && length > 0 ? bytes[..length] : null;
    }
}
