using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Latchkey.Tests.Harness;

/// <summary>An authority that issues certificates for tests.</summary>
public sealed class Certificates : IDisposable
{
    private const string ClientUsage = "1.3.6.1.5.5.7.3.2";

    private Certificates(X509Certificate2 certificate) => Certificate = certificate;

    public X509Certificate2 Certificate { get; }

    public static Certificates Authority(string subject)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return new(request.CreateSelfSigned(Now.AddDays(-1), Now.AddDays(30)));
    }

    /// <summary>A certificate of the authority, with every alternative name that the clients here are known by.</summary>
    public X509Certificate2 Issue(string subject, string usage = ClientUsage, bool expired = false, bool named = true)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest(new X500DistinguishedName(subject.Replace("O=Example\\, Ltd.", "O=\"Example, Ltd.\"", StringComparison.Ordinal)), key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new(usage)], false));
        if (named)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("app.example.com");
            names.AddUri(new Uri("https://app.example.com/"));
            names.AddIpAddress(IPAddress.Parse("192.0.2.1"));
            names.AddIpAddress(IPAddress.Loopback);
            names.AddEmailAddress("app@example.com");
            request.CertificateExtensions.Add(names.Build());
        }

        using var issued = request.Create(Certificate, Now.AddHours(-2), expired ? Now.AddHours(-1) : Now.AddDays(1), RandomNumberGenerator.GetBytes(8));
        return Usable(issued.CopyWithPrivateKey(key));
    }

    public static X509Certificate2 SelfSigned(string subject)
    {
        using var key = RSA.Create(2048);
        return Usable(new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(30)));
    }

    /// <summary>The key of a certificate as a client registers it, with <c>x5c</c>.</summary>
    public static JsonObject Jwk(X509Certificate2 certificate)
    {
        var parameters = certificate.GetRSAPublicKey()!.ExportParameters(false);
        return new JsonObject
        {
            ["kty"] = "RSA",
            ["n"] = System.Buffers.Text.Base64Url.EncodeToString(parameters.Modulus),
            ["e"] = System.Buffers.Text.Base64Url.EncodeToString(parameters.Exponent),
            ["x5c"] = new JsonArray(Convert.ToBase64String(certificate.RawData)),
        };
    }

    public void Dispose() => Certificate.Dispose();

    /// <summary>What trusts this authority and no other, for a connection's <c>SslOptions.CertificateChainPolicy</c>.</summary>
    public X509ChainPolicy Trusted() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { Certificate }, RevocationMode = X509RevocationMode.NoCheck,
    };

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    // A key that was made in memory only is not shown in a handshake on every platform.
    private static X509Certificate2 Usable(X509Certificate2 certificate)
    {
        using (certificate) return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null, X509KeyStorageFlags.Exportable);
    }
}
