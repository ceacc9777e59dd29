using System.Security.Cryptography.X509Certificates;
using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

namespace Latchkey.Client;

/// <summary>
/// How this client proves who it is at the provider's endpoints (OAuth 2.1 section 2.4). A credential belongs to one issuer: it goes to
/// the endpoints that this issuer's metadata names, over https or on loopback, and nowhere else.
/// </summary>
public abstract class ClientCredential
{
    private protected ClientCredential(string method) => Method = method;

    /// <summary>The registered name of the method, such as <c>client_secret_basic</c> (IANA "OAuth Token Endpoint Authentication Methods").</summary>
    public string Method { get; }

    /// <summary>A public client: a native app, a terminal program. It has nothing to prove itself with but PKCE and, if used, DPoP.</summary>
    public static ClientCredential None { get; } = new NoCredential();

    /// <summary>
    /// A secret in the Authorization header, id and secret form-encoded first (RFC 6749 section 2.3.1); in the form where the provider's metadata
    /// lists <c>client_secret_post</c> and not <c>client_secret_basic</c>.
    /// </summary>
    /// <param name="secret">The secret as the provider gave it.</param>
    public static ClientCredential Secret(string secret) => new BasicCredential(Filled(secret));

    /// <summary>A secret in the form (RFC 6749 section 2.3.1), for providers without <c>client_secret_basic</c>.</summary>
    /// <param name="secret">The secret as the provider gave it.</param>
    public static ClientCredential SecretInBody(string secret) => new BodyCredential(Filled(secret));

    /// <summary>
    /// An assertion signed with a private key: <c>private_key_jwt</c> as RFC 10070 has it, with the issuer as the only audience and the type
    /// <c>client-authentication+jwt</c>. The key never leaves the program.
    /// </summary>
    /// <param name="key">The key; its <c>kid</c> is the one registered with the provider. The caller disposes of it.</param>
    public static ClientCredential PrivateKey(JwsSigner key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new KeyCredential(key);
    }

    /// <summary>The same from a key in PEM (PKCS #8, <c>BEGIN PRIVATE KEY</c>).</summary>
    /// <param name="pem">The private key.</param>
    /// <param name="keyId">Its <c>kid</c> as registered with the provider.</param>
    /// <param name="algorithm">Its algorithm: RS, PS or ES with 256, 384 or 512, or <c>Ed25519</c> (<c>EdDSA</c> by its older name).</param>
    /// <exception cref="ArgumentException">The text holds no PKCS #8 key, or no key of that algorithm.</exception>
    public static ClientCredential PrivateKey(string pem, string keyId, string algorithm = SigningAlgorithms.ES256)
    {
        ArgumentException.ThrowIfNullOrEmpty(pem);
        var (id, key) = (CheckedKeyId(keyId), Pkcs8(pem));
        return new KeyCredential(SigningAlgorithms.IsEd25519(algorithm) ? Ed25519Keys.OpenPkcs8(algorithm, id, key) : JwsSigner.Open(algorithm, id, key));
    }

    /// <summary>
    /// A TLS client certificate: <c>tls_client_auth</c> or <c>self_signed_tls_client_auth</c> (RFC 8705 section 2). The provider's
    /// <c>mtls_endpoint_aliases</c> are used where it has them.
    /// </summary>
    /// <param name="certificate">
    /// The certificate with its private key. A client that makes its own connections presents it; an <see cref="HttpClient"/> of yours must be set up to.
    /// </param>
    public static ClientCredential Certificate(X509Certificate2 certificate) => new CertificateCredential(WithKey(certificate));

    /// <summary>Names the method, never shows the secret or key.</summary>
    public sealed override string ToString() => Method;

    /// <summary>Adds the proof to a request. Called for each sending: an assertion is never used twice.</summary>
    internal abstract void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client);

    internal static X509Certificate2 WithKey(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        if (!certificate.HasPrivateKey) throw new ArgumentException("The certificate has no private key; load it together with its key.", nameof(certificate));
        return certificate;
    }

    private static string Filled(string secret) =>
        string.IsNullOrEmpty(secret) ? throw new ArgumentException("The secret is empty; a client without one uses ClientCredential.None.", nameof(secret)) : secret;

    // It goes into a JWT's header as it is.
    private static string CheckedKeyId(string keyId)
    {
        ArgumentException.ThrowIfNullOrEmpty(keyId);
        return keyId.Length <= 128 && keyId.All(character => character is >= ' ' and <= '~' and not '"' and not '\\') ? keyId
            : throw new ArgumentException("The kid has characters that can't stand in a header, or more than 128 of them.", nameof(keyId));
    }

    private static byte[] Pkcs8(string pem)
    {
        var fields = System.Security.Cryptography.PemEncoding.TryFind(pem, out var found) ? found : throw NoKey();
        if (pem[fields.Label] != "PRIVATE KEY") throw NoKey();
        return Convert.FromBase64String(pem[fields.Base64Data]);

        static ArgumentException NoKey() =>
            new("The PEM text has no unencrypted PKCS #8 key (BEGIN PRIVATE KEY); convert it with: openssl pkcs8 -topk8 -nocrypt.", nameof(pem));
    }

    private sealed class NoCredential() : ClientCredential(ClientAuthenticationMethods.None)
    {
        internal override void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client) =>
            form.Add(new(ParameterNames.ClientId, client.ClientId));
    }

    private sealed class BasicCredential(string secret) : ClientCredential(ClientAuthenticationMethods.ClientSecretBasic)
    {
        internal override void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client)
        {
            // OAuth 2.1 lets a provider take secrets in the form alone, and metadata tells which do.
            if (client.MethodsSupported is { } methods && !methods.Contains(ClientAuthenticationMethods.ClientSecretBasic) && methods.Contains(ClientAuthenticationMethods.ClientSecretPost))
            {
                form.Add(new(ParameterNames.ClientId, client.ClientId));
                form.Add(new(ParameterNames.ClientSecret, secret));
                return;
            }

            var pair = Encoding.ASCII.GetBytes($"{FormEncode(client.ClientId)}:{FormEncode(secret)}");
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(pair));
        }

        internal override string Hidden => secret;

        internal override string? SharedSecret => secret;

        // application/x-www-form-urlencoded, RFC 6749 appendix B: a colon in an id would otherwise end it.
        private static string FormEncode(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);
    }

    private sealed class BodyCredential(string secret) : ClientCredential(ClientAuthenticationMethods.ClientSecretPost)
    {
        internal override void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client)
        {
            form.Add(new(ParameterNames.ClientId, client.ClientId));
            form.Add(new(ParameterNames.ClientSecret, secret));
        }

        internal override string? SharedSecret => secret;
    }

    private sealed class KeyCredential(JwsSigner key) : ClientCredential(ClientAuthenticationMethods.PrivateKeyJwt)
    {
        internal override void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client)
        {
            form.Add(new(ParameterNames.ClientId, client.ClientId));
            form.Add(new(ParameterNames.ClientAssertionType, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            form.Add(new(ParameterNames.ClientAssertion, ClientAssertion.Create(key, client)));
        }

        internal override JwsSigner SigningKey => key;
    }

    private sealed class CertificateCredential(X509Certificate2 certificate) : ClientCredential("tls_client_auth")
    {
        internal override void Apply(HttpRequestMessage request, List<KeyValuePair<string, string>> form, ClientIdentity client) =>
            form.Add(new(ParameterNames.ClientId, client.ClientId));

        internal override X509Certificate2 TlsCertificate => certificate;
    }

    /// <summary>What must not appear in a message though it is in no form field; empty where there is nothing of the kind.</summary>
    internal virtual string Hidden => "";

    /// <summary>
    /// The secret where the method has one. The test kit reads it, and <see cref="SigningKey"/>, by name: it declares the app's client at its authority.
    /// </summary>
    internal virtual string? SharedSecret => null;

    /// <summary>The key that also signs request objects; null where the method has none.</summary>
    internal virtual JwsSigner? SigningKey => null;

    /// <summary>What the client presents in TLS; null where the method has none.</summary>
    internal virtual X509Certificate2? TlsCertificate => null;
}

/// <summary>Who is asking whom, and when: what a credential speaks of.</summary>
internal readonly record struct ClientIdentity(string ClientId, string Issuer, DateTimeOffset Now, IReadOnlyList<string>? MethodsSupported = null);
