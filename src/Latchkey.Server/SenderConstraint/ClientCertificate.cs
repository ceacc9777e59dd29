using Latchkey.Verification.MutualTls;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.SenderConstraint;

/// <summary>The certificate of a request's connection: that of the TLS handshake, or the one that a trusted proxy saw.</summary>
internal static class ClientCertificate
{
    /// <summary>Its SHA-256 as in <c>x5t#S256</c> (RFC 8705 section 3.1); null if there is none.</summary>
    public static string? Thumbprint(HttpContext context) =>
        context.Connection.ClientCertificate is { } certificate ? ForwardedCertificate.Thumbprint(certificate.RawDataMemory.Span) : null;
}
