using System.Net;

namespace Latchkey.ResourceServer.MutualTls;

/// <summary>
/// Where the client's certificate comes from, that certificate-bound access tokens are held against (RFC 8705 section 3).
/// With nothing set it is that of the TLS connection.
/// </summary>
public sealed class MutualTlsOptions
{
    /// <summary>
    /// The header in which a proxy that ends TLS hands on the client's certificate; null, the default, if there is none.
    /// Understood are <c>Client-Cert</c> of RFC 9440 (<c>:base64:</c>), PEM, percent-encoded or not (nginx' <c>$ssl_client_escaped_cert</c>), and plain base64 of DER.
    /// It counts only in requests that come from <see cref="TrustedProxies"/>, and then alone: the certificate of the connection is the proxy's.
    /// The proxy must remove the header from what clients send.
    /// </summary>
    public string? ForwardedHeader { get; set; }

    /// <summary>The addresses of the proxies whose <see cref="ForwardedHeader"/> counts; none by default. They are compared with the connection's own address.</summary>
    public IList<IPNetwork> TrustedProxies { get; } = [];

    /// <summary>
    /// Whether the API's metadata says that certificate-bound tokens are taken (<c>tls_client_certificate_bound_access_tokens</c>, RFC 9728 section 2).
    /// They are wherever there is a certificate; whether connections are asked for one is the server's setting, which the guard can't see. Null, the
    /// default, says so where <see cref="ForwardedHeader"/> is set.
    /// </summary>
    public bool? Announced { get; set; }

    /// <summary>What is wrong with the options, as one sentence; null if nothing is.</summary>
    internal string? Fault => (ForwardedHeader, TrustedProxies.Count) switch
    {
        (not null, 0) => "MutualTls.ForwardedHeader needs MutualTls.TrustedProxies: a header that anybody may send proves nothing.",
        (null, > 0) => "MutualTls.TrustedProxies needs MutualTls.ForwardedHeader: say in which header they hand on the client's certificate.",
        _ => null,
    };
}
