using System.Security.Cryptography.X509Certificates;
using Latchkey.Verification.DPoP;

using Latchkey.Server.Fetching;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;

namespace Latchkey.Server;

/// <summary>What the operator sets. Every default is the one that production should have.</summary>
public sealed record ServerOptions
{
    /// <summary>The issuer: one byte-identical string in metadata, <c>iss</c> and tokens. Https, or http on loopback; no query, no fragment.</summary>
    public required string Issuer { get; init; }

    /// <summary>The profile that all clients keep to, whatever their own; none unless set.</summary>
    public SecurityProfile Profile { get; init; }

    /// <summary>How long access tokens live when their resource does not say; 15 minutes.</summary>
    public TimeSpan AccessTokenLifetime { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How long ID tokens live; 5 minutes, since they tell of a sign-in that just was.</summary>
    public TimeSpan IdTokenLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an authorization code lives; 60 seconds.</summary>
    public TimeSpan AuthorizationCodeLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a pushed request may wait for its browser (RFC 9126 section 2.2); 60 seconds.</summary>
    public TimeSpan PushedRequestLifetime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Whether every client must push its authorization requests (RFC 9126 section 5); a client's own metadata can only add to it.</summary>
    public bool RequirePushedAuthorizationRequests { get; init; }

    /// <summary>How long a person may take between a request at <c>/authorize</c> and the end of its pages; an hour.</summary>
    public TimeSpan InteractionLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a grant lives without its refresh token being used; 30 days.</summary>
    public TimeSpan RefreshTokenIdleLifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long a grant lives at most; a year.</summary>
    public TimeSpan RefreshTokenAbsoluteLifetime { get; init; } = TimeSpan.FromDays(365);

    /// <summary>For how long the previous refresh token may be tried again while its successor is unused; 60 seconds.</summary>
    public TimeSpan RefreshTokenLeeway { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a sign-in session lives; 14 days.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromDays(14);

    /// <summary>How long device and user codes live; 10 minutes.</summary>
    public TimeSpan DeviceCodeLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a person may take to decide what a client asks by the back channel (CIBA); 5 minutes, less if the client asks for less.</summary>
    public TimeSpan BackchannelRequestLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Seconds between polls of a device, or of a client that waits for a person's decision; 5.</summary>
    public int DevicePollingInterval { get; init; } = 5;

    /// <summary>How long a signing key is used before the next takes over; 90 days.</summary>
    public TimeSpan KeyRotationInterval { get; init; } = TimeSpan.FromDays(90);

    /// <summary>How long the audit keeps an event; a year.</summary>
    public TimeSpan AuditRetention { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How long clients may cache the JWKS; a new key is published at least this long before it signs.</summary>
    public TimeSpan JwksMaxAge { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>How old a copy of a Token Status List may be where it is relied on, and so how long a revoked token can live on at an API; 15 seconds.</summary>
    public TimeSpan StatusListTtl { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Wrong passwords in a row that lock an account; 5.</summary>
    public int LockoutThreshold { get; init; } = 5;

    /// <summary>How long a locked account stays locked; 5 minutes.</summary>
    public TimeSpan LockoutDuration { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// What nonces for DPoP proofs are for here (RFC 9449 section 8): off unless set. Where they are required, a proof without a good one is answered with
    /// one to use.
    /// </summary>
    public DPoPNonceMode DPoPNonces { get; init; } = DPoPNonceMode.Off;

    /// <summary>How long a nonce for DPoP proofs is taken at least; 5 minutes.</summary>
    public TimeSpan DPoPNonceLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How far the <c>iat</c> of a DPoP proof may lie from now, before or after; 60 seconds. With a nonce it does not matter.</summary>
    public TimeSpan DPoPClockSkew { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// The address of the listener that asks clients for their certificate, as clients know it, such as <c>https://mtls.example.com</c>: the metadata lists
    /// the endpoints below it (<c>mtls_endpoint_aliases</c>, RFC 8705 section 5). None unless set.
    /// </summary>
    public string? MtlsUrl { get; init; }

    /// <summary>
    /// The header in which trusted proxies hand on the client's certificate, such as <c>Client-Cert</c> (RFC 9440); none unless set. From anybody else it is
    /// not looked at.
    /// </summary>
    public string? ClientCertificateHeader { get; init; }

    /// <summary>
    /// The authorities that certificates of <c>tls_client_auth</c> must come from: trust anchors, and intermediates between. Empty: nobody authenticates so.
    /// </summary>
    public IReadOnlyList<X509Certificate2> ClientCertificateAuthorities { get; init; } = [];

    /// <summary>Whether certificates of clients are seen at all.</summary>
    public bool SeesClientCertificates => MtlsUrl is not null || ClientCertificateHeader is not null;

    /// <summary>Where the issuer's documentation is, for <c>service_documentation</c>; none unless set.</summary>
    public string? ServiceDocumentation { get; init; }

    /// <summary>Who may register clients at <c>/register</c> (RFC 7591); nobody unless set.</summary>
    public RegistrationMode Registration { get; init; }

    /// <summary>The initial access token of registration (RFC 7591 section 3); needed where <see cref="Registration"/> is by token.</summary>
    public string? InitialAccessToken { get; init; }

    /// <summary>Who may vouch for clients that register: issuers of software statements (RFC 7591 section 2.3), each with its <c>jwks_uri</c>.</summary>
    public IReadOnlyDictionary<string, string> SoftwareStatementIssuers { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether a client's id may be the URL of its metadata; on the public Internet unless set.</summary>
    public MetadataDocumentMode ClientIdMetadataDocuments { get; init; }

    /// <summary>Whether the issuer uses https, so that cookies can be <c>Secure</c> and have the <c>__Host-</c> prefix.</summary>
    public bool IsHttps => Issuer.StartsWith("https://", StringComparison.Ordinal);

    /// <summary>The path that precedes every endpoint, such as <c>/tenant</c>; empty for most.</summary>
    public string PathBase => new Uri(Issuer).AbsolutePath.TrimEnd('/');

    /// <summary>Names the issuer, never shows a secret.</summary>
    public override string ToString() => $"options of {Issuer}";

    /// <summary>The URL of an endpoint.</summary>
    /// <param name="path">The path with its leading slash, such as <c>/token</c>.</param>
    public string Endpoint(string path) => Issuer.TrimEnd('/') + path;

    /// <summary>Where the URLs of clients that nobody declared may send the server.</summary>
    internal Reach ReachOfAnybody => ClientIdMetadataDocuments == MetadataDocumentMode.Loopback ? Reach.PublicOrLoopback : Reach.Public;

    /// <summary>Every URL that an endpoint is reached by.</summary>
    /// <param name="path">The path with its leading slash, below the issuer's.</param>
    internal IReadOnlyList<string> Endpoints(string path) => MtlsUrl is null ? [Endpoint(path)] : [Endpoint(path), MtlsEndpoint(path)];

    /// <summary>The URL of an endpoint at <see cref="MtlsUrl"/>.</summary>
    internal string MtlsEndpoint(string path) => MtlsUrl!.TrimEnd('/') + path;
}
