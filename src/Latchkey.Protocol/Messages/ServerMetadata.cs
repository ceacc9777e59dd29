namespace Latchkey.Protocol.Messages;

/// <summary>
/// What a server says of itself: RFC 8414 section 2 and OpenID Connect Discovery section 3, one document for both.
/// A member that is null is not written.
/// </summary>
public sealed record ServerMetadata
{
#pragma warning disable CS1591 // each member is the registered name of the IANA "OAuth Authorization Server Metadata" registry
    public required string Issuer { get; init; }
    public string? AuthorizationEndpoint { get; init; }
    public string? TokenEndpoint { get; init; }
    public string? JwksUri { get; init; }
    public string? UserinfoEndpoint { get; init; }
    public string? DeviceAuthorizationEndpoint { get; init; }
    public string? RevocationEndpoint { get; init; }
    public string? IntrospectionEndpoint { get; init; }
    public string? EndSessionEndpoint { get; init; }
    public string? PushedAuthorizationRequestEndpoint { get; init; }
    public string? RegistrationEndpoint { get; init; }
    public IReadOnlyList<string>? ScopesSupported { get; init; }
    public IReadOnlyList<string>? ResponseTypesSupported { get; init; }
    public IReadOnlyList<string>? ResponseModesSupported { get; init; }
    public IReadOnlyList<string>? GrantTypesSupported { get; init; }
    public IReadOnlyList<string>? CodeChallengeMethodsSupported { get; init; }
    public IReadOnlyList<string>? TokenEndpointAuthMethodsSupported { get; init; }
    public IReadOnlyList<string>? TokenEndpointAuthSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? RevocationEndpointAuthMethodsSupported { get; init; }
    public IReadOnlyList<string>? RevocationEndpointAuthSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? IntrospectionEndpointAuthMethodsSupported { get; init; }
    public IReadOnlyList<string>? IntrospectionEndpointAuthSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? SubjectTypesSupported { get; init; }
    public IReadOnlyList<string>? IdTokenSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? ClaimTypesSupported { get; init; }
    public IReadOnlyList<string>? ClaimsSupported { get; init; }
    public IReadOnlyList<string>? AcrValuesSupported { get; init; }
    public IReadOnlyList<string>? PromptValuesSupported { get; init; }
    public IReadOnlyList<string>? DisplayValuesSupported { get; init; }
    public IReadOnlyList<string>? UiLocalesSupported { get; init; }
    public bool? ClaimsParameterSupported { get; init; }
    public bool? RequestParameterSupported { get; init; }
    public bool? RequestUriParameterSupported { get; init; }
    public bool? AuthorizationResponseIssParameterSupported { get; init; }
    public bool? BackchannelLogoutSupported { get; init; }
    public bool? BackchannelLogoutSessionSupported { get; init; }
    public bool? FrontchannelLogoutSupported { get; init; }
    public bool? FrontchannelLogoutSessionSupported { get; init; }
    public bool? RequirePushedAuthorizationRequests { get; init; }
    public bool? RequireSignedRequestObject { get; init; }
    public bool? RequireRequestUriRegistration { get; init; }
    public IReadOnlyList<string>? RequestObjectSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? RequestObjectEncryptionAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? RequestObjectEncryptionEncValuesSupported { get; init; }
    public IReadOnlyList<string>? AuthorizationSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? IdTokenEncryptionAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? IdTokenEncryptionEncValuesSupported { get; init; }
    public IReadOnlyList<string>? AuthorizationEncryptionAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? AuthorizationEncryptionEncValuesSupported { get; init; }
    public IReadOnlyList<string>? UserinfoSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? UserinfoEncryptionAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? UserinfoEncryptionEncValuesSupported { get; init; }
    public IReadOnlyList<string>? IntrospectionSigningAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? IntrospectionEncryptionAlgValuesSupported { get; init; }
    public IReadOnlyList<string>? IntrospectionEncryptionEncValuesSupported { get; init; }
    public IReadOnlyList<string>? DpopSigningAlgValuesSupported { get; init; }
    public bool? TlsClientCertificateBoundAccessTokens { get; init; }
    public IReadOnlyDictionary<string, string>? MtlsEndpointAliases { get; init; }
    public string? BackchannelAuthenticationEndpoint { get; init; }
    public IReadOnlyList<string>? BackchannelTokenDeliveryModesSupported { get; init; }
    public IReadOnlyList<string>? BackchannelAuthenticationRequestSigningAlgValuesSupported { get; init; }
    public bool? BackchannelUserCodeParameterSupported { get; init; }
    public string? GlobalTokenRevocationEndpoint { get; init; }
    public IReadOnlyList<string>? GlobalTokenRevocationEndpointAuthMethodsSupported { get; init; }
    public IReadOnlyList<string>? AuthorizationDetailsTypesSupported { get; init; }
    public bool? ClientIdMetadataDocumentSupported { get; init; }
    public IReadOnlyList<string>? ProtectedResources { get; init; }
    public string? ServiceDocumentation { get; init; }
#pragma warning restore CS1591
}
