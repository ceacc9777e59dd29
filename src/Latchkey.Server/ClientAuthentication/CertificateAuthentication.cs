using System.Security.Cryptography.X509Certificates;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// Clients that prove who they are by the certificate of their connection, RFC 8705 section 2: one from an authority that the server trusts, whose
/// subject is the client's, or one that the client registered itself. That the other end has the private key is the handshake's proof.
/// </summary>
internal sealed class CertificateAuthentication(ServerOptions options, ClientKeys keys, TimeProvider clock)
{
    private const string ClientAuthenticationUsage = "1.3.6.1.5.5.7.3.2";

    /// <summary>The methods that this server can check, as discovery lists them.</summary>
    public IReadOnlyList<string> MethodsSupported { get; } =
        !options.SeesClientCertificates ? []
        : options.ClientCertificateAuthorities.Count == 0 ? [ClientAuthenticationMethods.SelfSignedTlsClientAuth]
        : [ClientAuthenticationMethods.TlsClientAuth, ClientAuthenticationMethods.SelfSignedTlsClientAuth];

    /// <summary>Whether a method is one of these.</summary>
    public static bool IsMethod(string method) => method is ClientAuthenticationMethods.TlsClientAuth or ClientAuthenticationMethods.SelfSignedTlsClientAuth;

    /// <summary>Authenticates a client that is registered for one of these methods.</summary>
    public async ValueTask<Result<Client>> AuthenticateAsync(HttpContext context, Client client)
    {
        if (context.Connection.ClientCertificate is not { } certificate)
            return OAuthError.InvalidClient("The client authenticates with a certificate, and the connection has none; use the addresses of mtls_endpoint_aliases, and connect with the certificate.");
        var isRight = client.Metadata.TokenEndpointAuthMethod == ClientAuthenticationMethods.TlsClientAuth
            ? HasSubject(certificate, client.Metadata) && IsTrusted(certificate)
            : await keys.HasCertificateAsync(client, certificate.RawDataMemory).ConfigureAwait(false);
        return isRight ? client : OAuthError.InvalidClient("The client is unknown or its credentials are wrong: the certificate of the connection is not the client's.");
    }

    /// <summary>RFC 8705 section 2.1.2: the one member that is registered tells which certificates are the client's.</summary>
    private static bool HasSubject(X509Certificate2 certificate, ClientMetadata client) => client switch
    {
        { TlsClientAuthSubjectDn: { } name } => DistinguishedName.Of(certificate.SubjectName) is { } subject && subject == DistinguishedName.Parse(name),
        { TlsClientAuthSanDns: { } name } => SubjectAlternativeNames.Of(certificate).Dns.Contains(name, StringComparer.OrdinalIgnoreCase),
        { TlsClientAuthSanUri: { } uri } => SubjectAlternativeNames.Of(certificate).Uris.Contains(uri, StringComparer.Ordinal),
        { TlsClientAuthSanIp: { } address } => SubjectAlternativeNames.Of(certificate).HasAddress(address),
        { TlsClientAuthSanEmail: { } email } => SubjectAlternativeNames.Of(certificate).Emails.Contains(email, StringComparer.Ordinal),
        _ => false,
    };

    private bool IsTrusted(X509Certificate2 certificate)
    {
        if (options.ClientCertificateAuthorities.Count == 0) return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        foreach (var authority in options.ClientCertificateAuthorities)
        {
            // What issued itself is an anchor; the others lead to one.
            (authority.SubjectName.RawData.AsSpan().SequenceEqual(authority.IssuerName.RawData) ? chain.ChainPolicy.CustomTrustStore : chain.ChainPolicy.ExtraStore).Add(authority);
        }

        // Nothing is fetched for a stranger's certificate: no intermediates, no revocation lists.
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new(ClientAuthenticationUsage));
        chain.ChainPolicy.VerificationTime = clock.GetUtcNow().UtcDateTime;
        return chain.Build(certificate);
    }
}
