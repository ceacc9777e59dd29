namespace Latchkey.Protocol.Messages;

/// <summary>
/// The rest of the IANA registry "OAuth Dynamic Client Registration Metadata". Latchkey does not act on these: they are kept for the client's
/// developer, and those that a client would rely on are refused where clients are judged.
/// </summary>
public sealed partial record ClientMetadata
{
#pragma warning disable CS1591 // each member is the registered name
    // Pairwise subjects (OpenID Connect Core section 8).
    public string? SectorIdentifierUri { get; set; }

    // Encrypted and signed answers (OpenID Connect Registration section 2, RFC 9701 section 6).
    public string? IdTokenEncryptedResponseAlg { get; set; }
    public string? IdTokenEncryptedResponseEnc { get; set; }
    public string? UserinfoSignedResponseAlg { get; set; }
    public string? UserinfoEncryptedResponseAlg { get; set; }
    public string? UserinfoEncryptedResponseEnc { get; set; }
    public string? IntrospectionSignedResponseAlg { get; set; }
    public string? IntrospectionEncryptedResponseAlg { get; set; }
    public string? IntrospectionEncryptedResponseEnc { get; set; }

    // Request objects (OpenID Connect Registration section 2, RFC 9101 section 10.5).
    public string? RequestObjectSigningAlg { get; set; }
    public string? RequestObjectEncryptionAlg { get; set; }
    public string? RequestObjectEncryptionEnc { get; set; }
    public IReadOnlyList<string>? RequestUris { get; set; }
    public bool? RequireSignedRequestObject { get; set; }

    // Signed authorization responses (JARM section 3).
    public string? AuthorizationSignedResponseAlg { get; set; }
    public string? AuthorizationEncryptedResponseAlg { get; set; }
    public string? AuthorizationEncryptedResponseEnc { get; set; }

    // Rich authorization requests (RFC 9396 section 10).
    public IReadOnlyList<string>? AuthorizationDetailsTypes { get; set; }

    // Client certificates (RFC 8705 sections 2.1.2 and 3.4, FAPI 2.0 section 5.3.1.1).
    public string? TlsClientAuthSubjectDn { get; set; }
    public string? TlsClientAuthSanDns { get; set; }
    public string? TlsClientAuthSanUri { get; set; }
    public string? TlsClientAuthSanIp { get; set; }
    public string? TlsClientAuthSanEmail { get; set; }
    public bool? TlsClientCertificateBoundAccessTokens { get; set; }
    public bool? UseMtlsEndpointAliases { get; set; }

    // OpenID Connect Front-Channel Logout section 2.
    public string? FrontchannelLogoutUri { get; set; }
    public bool? FrontchannelLogoutSessionRequired { get; set; }

    // Backchannel authentication (CIBA Core section 4).
    public string? BackchannelTokenDeliveryMode { get; set; }
    public string? BackchannelClientNotificationEndpoint { get; set; }
    public string? BackchannelAuthenticationRequestSigningAlg { get; set; }
    public bool? BackchannelUserCodeParameter { get; set; }
#pragma warning restore CS1591
}
