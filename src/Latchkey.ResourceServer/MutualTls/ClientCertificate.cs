using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.MutualTls;

/// <summary>Finds the certificate that the client showed, and names it by its SHA-256 thumbprint (RFC 8705 section 3.1).</summary>
internal static class ClientCertificate
{
    private const string PemBegin = "-----BEGIN CERTIFICATE-----";
    private const string PemEnd = "-----END CERTIFICATE-----";
    private const int LongestHeader = 16 * 1024;

    /// <summary>The thumbprint as in <c>x5t#S256</c>; null if the client showed no certificate.</summary>
    public static async ValueTask<string?> ThumbprintAsync(HttpContext context, MutualTlsOptions options)
    {
        if (options.ForwardedHeader is { } header && ComesFrom(context, options.TrustedProxies))
        {
            var values = context.Request.Headers[header];
            return values is [{ Length: > 0 and <= LongestHeader } value] && Decode(value) is { } der ? Thumbprint(der) : null;
        }

        try
        {
            var certificate = await context.Connection.GetClientCertificateAsync(context.RequestAborted).ConfigureAwait(false);
            return certificate is null ? null : Thumbprint(certificate.RawDataMemory.Span);
        }
        catch (InvalidOperationException)
        {
            // It was to be asked for late, and the request's body is in the way: then there is none.
            return null;
        }
    }

    /// <summary>
    /// Whether the connection itself comes from one of the networks. The address of the request won't do: X-Forwarded-For may have changed it.
    /// </summary>
    private static bool ComesFrom(HttpContext context, IList<IPNetwork> networks)
    {
        var address = (context.Features.Get<IConnectionEndPointFeature>()?.RemoteEndPoint as IPEndPoint)?.Address ?? context.Connection.RemoteIpAddress;
        if (address is null) return false;
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        foreach (var network in networks)
        {
            if (network.Contains(address)) return true;
        }

        return false;
    }

    private static byte[]? Decode(string value)
    {
        var text = value.Trim();
        // RFC 9440 section 2.1: a byte sequence of RFC 8941.
        if (text is [':', .., ':']) return FromBase64(text[1..^1]);
        if (text.Contains('%', StringComparison.Ordinal)) text = Uri.UnescapeDataString(text);
        if (!text.StartsWith(PemBegin, StringComparison.Ordinal)) return FromBase64(text);
        var end = text.IndexOf(PemEnd, StringComparison.Ordinal);
        // One certificate, the client's own; what issued it comes elsewhere.
        return end < 0 ? null : FromBase64(text[PemBegin.Length..end]);
    }

    private static byte[]? FromBase64(string text)
    {
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(Encoding.UTF8.GetByteCount(text))];
        return Convert.TryFromBase64String(text, bytes, out var length) && length > 0 ? bytes[..length] : null;
    }

    private static string Thumbprint(ReadOnlySpan<byte> der) => Base64Url.EncodeToString(SHA256.HashData(der));
}
