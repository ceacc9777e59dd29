using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Registration;

namespace Latchkey.Server.Profiles;

/// <summary>
/// Every rule of every profile, in one list each for clients, settings and resources. What is applied, what is started and what
/// <c>latchkey doctor server</c> looks at is judged by these. Later rules may count on what earlier ones turned on.
/// </summary>
internal static class ProfileRules
{
    private const string OAuth21 = "OAuth 2.1 section ";
    private const string Fapi = "FAPI 2.0 Security Profile section ";
    private const string Signing = "FAPI 2.0 Message Signing section ";
    private const string Mcp = "MCP Authorization, ";

    /// <summary>PS256 first: what every library can verify, and what a token is signed with where nobody chose.</summary>
    private static readonly string[] FapiAlgorithms = [SigningAlgorithms.PS256, SigningAlgorithms.ES256, SigningAlgorithms.Ed25519, SigningAlgorithms.EdDSA];

    private static readonly string[] FapiMethods =
        [ClientAuthenticationMethods.PrivateKeyJwt, ClientAuthenticationMethods.TlsClientAuth, ClientAuthenticationMethods.SelfSignedTlsClientAuth];

    /// <summary>About clients.</summary>
    public static IReadOnlyList<ClientRule> Clients { get; } =
    [
        new("oauth21-pkce", SecurityProfile.OAuth21, OAuth21 + "7.5.1", "require_pkce",
            "the client may leave PKCE out", "take require_pkce out, and let the client send code_challenge")
        { Holds = terms => terms.Metadata.RequirePkce },
        new("oauth21-assertion-audience", SecurityProfile.OAuth21, "RFC 10070 section 3", "accept_endpoint_audience",
            "the client's assertions may name the token endpoint, which another server can have named too", "take accept_endpoint_audience out, and let the client put the issuer in aud")
        { Holds = terms => !terms.Metadata.AcceptEndpointAudience },

        new("fapi2-client-authentication", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "token_endpoint_auth_method",
            "the client does not prove who it is by a key or a certificate", "set private_key_jwt and give jwks or jwks_uri, or set tls_client_auth or self_signed_tls_client_auth")
        {
            Holds = terms => FapiMethods.Contains(terms.Metadata.TokenEndpointAuthMethod),
            TurnOn = terms => terms with { Requirements = terms.Requirements with { AuthenticationMethods = FapiMethods } },
        },
        new("fapi2-bound-tokens", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "dpop_bound_access_tokens",
            "access tokens are bound neither to a key nor to a certificate", "set dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens")
        {
            Holds = terms => terms.Metadata.DpopBoundAccessTokens || terms.Metadata.TlsClientCertificateBoundAccessTokens == true,
            TurnOn = Bind,
        },
        new("fapi2-no-rotation", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "refresh_token_rotation",
            "refresh tokens are rotated", "set refresh_token_rotation to keep")
        {
            Holds = terms => terms.Metadata.RefreshTokenRotation == "keep",
            TurnOn = terms => terms with { Metadata = terms.Metadata with { RefreshTokenRotation = "keep" } },
        },
        new("fapi2-assertion-audience", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "aud",
            "the audience of assertions may be written as an array", "set the profile of the client or of the server")
        {
            Holds = terms => terms.Requirements.AudienceIsString,
            TurnOn = terms => terms with { Requirements = terms.Requirements with { AudienceIsString = true } },
        },
        new("fapi2-pushed-requests", SecurityProfile.Fapi2Security, Fapi + "5.3.2.2", "require_pushed_authorization_requests",
            "authorization requests need not be pushed", "set require_pushed_authorization_requests to true")
        {
            Holds = terms => terms.Metadata.RequirePushedAuthorizationRequests,
            TurnOn = terms => terms with { Metadata = terms.Metadata with { RequirePushedAuthorizationRequests = true } },
        },
        new("fapi2-redirect-uri-sent", SecurityProfile.Fapi2Security, Fapi + "5.3.2.2", "redirect_uri",
            "requests may leave redirect_uri out", "set the profile of the client or of the server")
        {
            Holds = terms => terms.Requirements.RedirectUri,
            TurnOn = terms => terms with { Requirements = terms.Requirements with { RedirectUri = true } },
        },
        new("fapi2-https-redirects", SecurityProfile.Fapi2Security, Fapi + "5.3.2.2", "redirect_uris",
            "answers go to an http address, which only a native app on its own machine may have", "use https, or application_type native for an app on the person's device")
        { Holds = terms => terms.Metadata.IsNative || !terms.Metadata.RedirectUris.Any(IsHttp) },
        new("fapi2-algorithms", SecurityProfile.Fapi2Security, Fapi + "5.4.1", "alg",
            "JWTs may be signed with any algorithm", "set the profile of the client or of the server")
        {
            Holds = terms => terms.Requirements.Algorithms is not null,
            TurnOn = terms => terms with { Requirements = terms.Requirements with { Algorithms = FapiAlgorithms } },
        },
        Algorithm("fapi2-id-token-algorithm", "id_token_signed_response_alg", terms => terms.IdTokenSignedResponseAlg, (terms, algorithm) => terms with { IdTokenSignedResponseAlg = algorithm }),
        Algorithm("fapi2-response-algorithm", "authorization_signed_response_alg", terms => terms.AuthorizationSignedResponseAlg,
            (terms, algorithm) => terms with { AuthorizationSignedResponseAlg = algorithm }),
        Algorithm("fapi2-introspection-algorithm", "introspection_signed_response_alg", terms => terms.IntrospectionSignedResponseAlg,
            (terms, algorithm) => terms with { IntrospectionSignedResponseAlg = algorithm }),
        Algorithm("fapi2-userinfo-algorithm", "userinfo_signed_response_alg", terms => terms.UserinfoSignedResponseAlg),
        Algorithm("fapi2-assertion-algorithm", "token_endpoint_auth_signing_alg", terms => terms.TokenEndpointAuthSigningAlg),
        Algorithm("fapi2-request-algorithm", "request_object_signing_alg", terms => terms.RequestObjectSigningAlg),
        Algorithm("fapi2-backchannel-algorithm", "backchannel_authentication_request_signing_alg", terms => terms.BackchannelAuthenticationRequestSigningAlg),
        new("fapi2-analysed-grants", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1, note 2", "grant_types",
            "the client has a grant that the profile's security analysis does not cover", "keep to authorization_code, refresh_token, client_credentials and CIBA if you can")
        {
            Severity = Severity.Note,
            Holds = terms => terms.Metadata.GrantTypes.All(grant => grant is GrantTypes.AuthorizationCode or GrantTypes.RefreshToken or GrantTypes.ClientCredentials or GrantTypes.Ciba),
        },

        new("fapi2-signed-requests", SecurityProfile.Fapi2MessageSigning, Signing + "5.3.1", "require_signed_request_object",
            "authorization requests need not be signed", "set require_signed_request_object to true")
        {
            Holds = terms => terms.Metadata.RequireSignedRequestObject == true,
            TurnOn = terms => terms with { Metadata = terms.Metadata with { RequireSignedRequestObject = true } },
        },
        new("fapi2-request-keys", SecurityProfile.Fapi2MessageSigning, Signing + "5.3.1", "jwks",
            "the client has no keys that its signed requests could be verified with", "give jwks or jwks_uri")
        { Holds = terms => !terms.Metadata.Allows(GrantTypes.AuthorizationCode) || terms.Metadata.Jwks is not null || terms.Metadata.JwksUri is not null },
        new("fapi2-signed-responses", SecurityProfile.Fapi2MessageSigning, Signing + "5.4.1", "response_mode",
            "answers of the authorization endpoint need not be signed", "set the profile of the client or of the server")
        {
            Holds = terms => terms.Requirements.SignedResponses,
            TurnOn = terms => terms with { Requirements = terms.Requirements with { SignedResponses = true } },
        },

        new("mcp-resource", SecurityProfile.Mcp, Mcp + "resource parameter (RFC 8707 section 2)", "resource",
            "requests for scopes of an API need not name the API", "set the profile of the client or of the server")
        {
            Holds = terms => terms.Requirements.Resource,
            TurnOn = terms => terms with { Requirements = terms.Requirements with { Resource = true } },
        },
        new("mcp-redirects", SecurityProfile.Mcp, Mcp + "communication security", "redirect_uris",
            "an answer goes to an address of a private scheme, which any program on the device can claim", "use https or a loopback address where the app can")
        { Severity = Severity.Note, Holds = terms => terms.Metadata.RedirectUris.All(uri => IsHttp(uri) || uri.StartsWith("https:", StringComparison.Ordinal)) },
    ];

    /// <summary>About the server's settings.</summary>
    public static IReadOnlyList<SettingRule> Settings { get; } =
    [
        new("fapi2-code-lifetime", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "authorization_code_lifetime",
            "authorization codes live longer than 60 seconds", "set it to 60 or less")
        { Holds = options => options.AuthorizationCodeLifetime <= TimeSpan.FromSeconds(60) },
        new("fapi2-request-lifetime", SecurityProfile.Fapi2Security, Fapi + "5.3.2.2", "pushed_request_lifetime",
            "pushed requests live 600 seconds or longer", "set it to less than 600")
        { Holds = options => options.PushedRequestLifetime < TimeSpan.FromSeconds(600) },
        new("fapi2-clock-skew", SecurityProfile.Fapi2Security, Fapi + "5.3.2.1", "dpop_clock_skew",
            "DPoP proofs from more than 60 seconds ahead are taken", "set it to 60 or less")
        { Holds = options => options.DPoPClockSkew <= TimeSpan.FromSeconds(60) },
        new("fapi2-tls", SecurityProfile.Fapi2Security, Fapi + "5.2.1", "issuer",
            "the issuer is http, which is good for trying things on one machine only", "use an https issuer")
        { Severity = Severity.Warning, Holds = options => options.IsHttps },
        new("mcp-strangers", SecurityProfile.Mcp, Mcp + "client registration approaches", "client_id_metadata_documents",
            "programs that nobody registered have no way to introduce themselves", "leave client_id_metadata_documents on, or set registration to open or token")
        { IsOfServer = true, Holds = options => options.ClientIdMetadataDocuments != MetadataDocumentMode.Off || options.Registration != RegistrationMode.Off },
    ];

    /// <summary>About resources.</summary>
    public static IReadOnlyList<ResourceRule> Resources { get; } =
    [
        new("fapi2-access-token-algorithm", SecurityProfile.Fapi2Security, Fapi + "5.4.1", "access_token_signed_response_alg",
            "access tokens are signed with another algorithm than PS256, ES256 or Ed25519", "set PS256 or ES256, or take it out: then clients of the profile get PS256")
        { Holds = resource => resource.AccessTokenSignedResponseAlg is null || FapiAlgorithms.Contains(resource.AccessTokenSignedResponseAlg) },
        new("mcp-short-tokens", SecurityProfile.Mcp, Mcp + "token theft", "access_token_lifetime",
            "access tokens live longer than an hour", "let them live for an hour or less; clients refresh them")
        { Severity = Severity.Warning, Holds = resource => resource.AccessTokenLifetime is null or <= 3600 },
    ];

    private static ClientRule Algorithm(
        string name, string setting, Func<ClientMetadata, string?> read, Func<ClientMetadata, string, ClientMetadata>? set = null) =>
        new(name, SecurityProfile.Fapi2Security, Fapi + "5.4.1", setting,
            "the algorithm is none of PS256, ES256 and Ed25519", $"set PS256, ES256 or Ed25519, or take {setting} out")
        {
            // Where nothing is said the server's own default would be RS256.
            Holds = terms => read(terms.Metadata) is { } algorithm ? FapiAlgorithms.Contains(algorithm) : set is null,
            TurnOn = set is null ? null : terms => read(terms.Metadata) is null ? terms with { Metadata = set(terms.Metadata, FapiAlgorithms[0]) } : terms,
        };

    // By what the client proves itself with anyway, where it does not say.
    private static ClientTerms Bind(ClientTerms terms) =>
        terms.Metadata.DpopBoundAccessTokens || terms.Metadata.TlsClientCertificateBoundAccessTokens == true ? terms
        : CertificateAuthentication.IsMethod(terms.Metadata.TokenEndpointAuthMethod) ? terms with { Metadata = terms.Metadata with { TlsClientCertificateBoundAccessTokens = true } }
        : terms with { Metadata = terms.Metadata with { DpopBoundAccessTokens = true } };

    private static bool IsHttp(string uri) => uri.StartsWith("http:", StringComparison.OrdinalIgnoreCase);
}
