using System.Net;
using Latchkey.Verification.MutualTls;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.MutualTls;

/// <summary>Finds the certificate that the client showed, and names it by its SHA-256 thumbprint (RFC 8705 section 3.1).</summary>
internal static class ClientCertificate
{
    /// <summary>The thumbprint as in <c>x5t#S256</c>; null if the client showed no certificate.</summary>
    public static async ValueTask<string?> ThumbprintAsync(HttpContext context, MutualTlsOptions options)
    {
        if (options.ForwardedHeader is { } header && ComesFrom(context, options.TrustedProxies))
        {
            var values = context.Request.Headers[header];
            return values is [{ } value] && ForwardedCertificate.Decode(value) is { } der ? ForwardedCertificate.Thumbprint(der) : null;
        }

        try
        {
            var certificate = await context.Connection.GetClientCertificateAsync(context.RequestAborted).ConfigureAwait(false);
            return certificate is null ? null : ForwardedCertificate.Thumbprint(certificate.RawDataMemory.Span);
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
}
