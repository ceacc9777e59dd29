using System.Security.Cryptography.X509Certificates;
using Latchkey.Protocol;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol.Jose;
using Latchkey.Verification.Jose;

namespace Latchkey.Client;

/// <summary>What a client is: at which provider, by which id, with which credential, for which API.</summary>
public sealed class LatchkeyClientOptions
{
    internal static readonly string[] KnownResponseModes = ["query", "form_post", "jwt", "query.jwt", "form_post.jwt"];

    /// <summary>The provider's issuer identifier, exactly as its metadata has it: https, or http on loopback. Required.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>This client's id at that provider. Required.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>How the client proves itself; <see cref="ClientCredential.None"/>, a public client, unless set.</summary>
    public ClientCredential Credential { get; set; } = ClientCredential.None;

    /// <summary>The scopes to ask for where a call names none, separated by spaces; <c>openid</c> among them makes sign-in OpenID Connect.</summary>
    public string? Scope { get; set; }

    /// <summary>The APIs that tokens are for (RFC 8707), where a call names none; sent as <c>resource</c>.</summary>
    public IList<string> Resources { get; } = [];

    /// <summary>The one API that tokens are for (RFC 8707): the first of <see cref="Resources"/>. Setting it replaces them all; null empties them.</summary>
    public string? Resource
    {
        get => Resources.Count > 0 ? Resources[0] : null;
        set
        {
            Resources.Clear();
            if (value is not null) Resources.Add(value);
        }
    }

    /// <summary>Where the provider sends people back to, as registered: https, http on loopback, or a native app's own scheme.</summary>
    public string? RedirectUri { get; set; }

    /// <summary>Where the provider sends people after logout, as registered; null shows them the provider's page.</summary>
    public string? PostLogoutRedirectUri { get; set; }

    /// <summary>
    /// How the answer of the authorization endpoint comes: <c>query</c> (the provider's default, also when null), <c>form_post</c>, or signed
    /// (JARM): <c>jwt</c>, <c>query.jwt</c>, <c>form_post.jwt</c>.
    /// </summary>
    public string? ResponseMode { get; set; }

    /// <summary>How long a sign-in may take from start to callback; one hour unless set, between one minute and one day.</summary>
    public TimeSpan TransactionLifetime { get; set; } = TimeSpan.FromHours(1);

    /// <summary>How far the provider's clock may be off; 30 seconds unless set, five minutes at most.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The algorithms that ID tokens and signed answers may be signed with; never <c>none</c>, never a shared secret.</summary>
    public IList<string> SigningAlgorithms { get; } = ["PS256", "ES256", "EdDSA", "Ed25519", "RS256"];

    /// <summary>
    /// The keys that the provider may encrypt ID tokens, userinfo and signed answers to, as registered (<c>id_token_encrypted_response_alg</c> and its kin); none
    /// unless set. What is inside is verified as if it had come alone.
    /// </summary>
    public IList<JweDecrypter> DecryptionKeys { get; } = [];

    /// <summary>Whether authorization requests are pushed (RFC 9126).</summary>
    public PushedRequests PushedRequests { get; set; } = PushedRequests.WhenAdvertised;

    /// <summary>The key that access tokens are bound to; null for bearer tokens. See <see cref="UseDPoP"/>.</summary>
    public DPoPKey? DPoPKey { get; private set; }

    /// <summary>What the client shows in TLS beside its credential; null for nothing. See <see cref="UseCertificate"/>.</summary>
    public X509Certificate2? Certificate { get; private set; }

    /// <summary>The key that signs authorization requests; null sends them plain. See <see cref="UseRequestObjects"/>.</summary>
    public JwsSigner? RequestObjectKey { get; private set; }

    /// <summary>The key that signs requests by the back channel; see <see cref="UseSignedBackchannelRequests"/>. Null for unsigned ones.</summary>
    public JwsSigner? BackchannelRequestKey { get; private set; }

    /// <summary>
    /// Binds tokens to a key (RFC 9449): a stolen token is then of no use. The answer must be a DPoP token; a provider that answers with a
    /// bearer token is refused.
    /// </summary>
    /// <param name="key">
    /// The key; a fresh one that lives as long as this process if null. Refresh tokens of public clients are bound to it too: keep the key if
    /// you keep those.
    /// </param>
    public void UseDPoP(DPoPKey? key = null) => DPoPKey = key ?? DPoPKey.Generate();

    /// <summary>
    /// Shows a TLS client certificate to the provider, which binds tokens to it (RFC 8705 section 3), while the client proves itself by another credential or,
    /// a public one, by none. <see cref="ClientCredential.Certificate"/> does both at once. The provider's <c>mtls_endpoint_aliases</c> are used where it has them.
    /// </summary>
    /// <param name="certificate">
    /// The certificate with its private key; connections to APIs need it too. A client that makes its own connections presents it; an <see cref="HttpClient"/>
    /// of yours must be set up to. Refresh tokens of public clients are bound to it: keep it if you keep those.
    /// </param>
    /// <exception cref="ArgumentException">The certificate has no private key.</exception>
    public void UseCertificate(X509Certificate2 certificate) => Certificate = ClientCredential.WithKey(certificate);

    /// <summary>What goes into TLS handshakes with the provider; null for nothing.</summary>
    internal X509Certificate2? TlsCertificate => Certificate ?? Credential?.TlsCertificate;

    /// <summary>Signs authorization requests (JAR, RFC 9101), so that nobody can change them on their way through the browser.</summary>
    /// <param name="key">The key; that of <see cref="ClientCredential.PrivateKey(JwsSigner)"/> if null.</param>
    public void UseRequestObjects(JwsSigner? key = null) => RequestObjectKey = OwnKey(key, nameof(UseRequestObjects));

    /// <summary>
    /// Signs what is asked by the back channel (OpenID Connect CIBA Core section 7.1.1), for a client that is registered with
    /// <c>backchannel_authentication_request_signing_alg</c>: a provider takes nothing else from it then, and from no other client.
    /// </summary>
    /// <param name="key">The key; that of <see cref="ClientCredential.PrivateKey(JwsSigner)"/> if null.</param>
    public void UseSignedBackchannelRequests(JwsSigner? key = null) => BackchannelRequestKey = OwnKey(key, nameof(UseSignedBackchannelRequests));

    /// <summary>What is wrong with the options, one sentence each with the mend in it; empty if nothing is.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        if (Endpoint.Fault(Issuer) is { } issuer) faults.Add($"Issuer {issuer}; set it to the provider's issuer identifier, such as https://id.example.com.");
        else if (Issuer.Contains('?', StringComparison.Ordinal)) faults.Add("Issuer has a query, which an issuer can't have (RFC 8414 section 2); take it away.");
        if (string.IsNullOrEmpty(ClientId)) faults.Add("ClientId is empty; set it to the id that the provider gave this client.");
        if (Credential is null) faults.Add("Credential is null; a client without one uses ClientCredential.None.");
        foreach (var resource in Resources)
        {
            if (!ResourceIndicator.IsWellFormed(resource))
                faults.Add($"Resource \"{resource}\" is not an absolute URI without a fragment (RFC 8707 section 2); set it to the API's identifier.");
        }

        if (Scope is not null && ScopeSet.Parse(Scope).Error is not null) faults.Add("Scope has a character that scopes can't have; separate printable ASCII words by spaces.");
        if (RedirectUri is not null && Protocol.RedirectUri.Fault(RedirectUri, native: true) is { } redirect) faults.Add($"RedirectUri {redirect}.");
        if (PostLogoutRedirectUri is not null && Protocol.RedirectUri.Fault(PostLogoutRedirectUri, native: true) is { } logout)
            faults.Add($"PostLogoutRedirectUri {logout}.");
        if (ResponseMode is not null && !KnownResponseModes.Contains(ResponseMode))
            faults.Add($"ResponseMode is none of {string.Join(", ", KnownResponseModes)}; a code must not come back in a fragment.");
        if (TransactionLifetime < TimeSpan.FromMinutes(1) || TransactionLifetime > TimeSpan.FromDays(1)) faults.Add("TransactionLifetime is not between one minute and one day.");
        if (ClockSkew < TimeSpan.Zero || ClockSkew > TimeSpan.FromMinutes(5)) faults.Add("ClockSkew is not between zero and five minutes.");
        if (SigningAlgorithms.Count == 0) faults.Add("SigningAlgorithms is empty; leave it as it is unless the provider needs another.");
        foreach (var algorithm in SigningAlgorithms)
        {
            if (algorithm.Equals("none", StringComparison.OrdinalIgnoreCase) || algorithm.StartsWith("HS", StringComparison.OrdinalIgnoreCase))
                faults.Add($"SigningAlgorithms has {algorithm}, which anyone can forge with what is public; take it away (RFC 8725 section 3.1).");
        }

        return faults;
    }

    private JwsSigner OwnKey(JwsSigner? key, string method) => key ?? Credential.SigningKey
        ?? throw new InvalidOperationException($"{method} needs a key, since the credential has none; pass one, or set Credential to ClientCredential.PrivateKey first.");

    /// <summary>Says which client at which issuer.</summary>
    public override string ToString() => $"{ClientId} at {Issuer}";
}

/// <summary>Whether authorization requests are pushed (RFC 9126).</summary>
public enum PushedRequests
{
    /// <summary>When the provider has an endpoint for it: the request then never passes through the browser.</summary>
    WhenAdvertised,

    /// <summary>Always; a provider without the endpoint is refused.</summary>
    Always,

    /// <summary>Only when the provider demands it.</summary>
    OnlyWhenRequired,
}
