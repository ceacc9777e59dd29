using System.Text.Json;
using Latchkey.Protocol.Messages;

namespace Latchkey.Verification.Providers;

/// <summary>
/// Reads a provider's metadata by the registered names. A member of the wrong type counts as absent: what nobody needs must not keep a provider out,
/// and what is needed is missed by name.
/// </summary>
internal static class MetadataReader
{
    public static string? Issuer(JsonElement json) => Text(json, "issuer");

    public static ServerMetadata Read(JsonElement json) => new()
    {
        Issuer = Text(json, "issuer") ?? "",
        AuthorizationEndpoint = Text(json, "authorization_endpoint"),
        TokenEndpoint = Text(json, "token_endpoint"),
        JwksUri = Text(json, "jwks_uri"),
        UserinfoEndpoint = Text(json, "userinfo_endpoint"),
        DeviceAuthorizationEndpoint = Text(json, "device_authorization_endpoint"),
        RevocationEndpoint = Text(json, "revocation_endpoint"),
        IntrospectionEndpoint = Text(json, "introspection_endpoint"),
        EndSessionEndpoint = Text(json, "end_session_endpoint"),
        PushedAuthorizationRequestEndpoint = Text(json, "pushed_authorization_request_endpoint"),
        RegistrationEndpoint = Text(json, "registration_endpoint"),
        BackchannelAuthenticationEndpoint = Text(json, "backchannel_authentication_endpoint"),
        ScopesSupported = List(json, "scopes_supported"),
        ResponseTypesSupported = List(json, "response_types_supported"),
        ResponseModesSupported = List(json, "response_modes_supported"),
        GrantTypesSupported = List(json, "grant_types_supported"),
        CodeChallengeMethodsSupported = List(json, "code_challenge_methods_supported"),
        TokenEndpointAuthMethodsSupported = List(json, "token_endpoint_auth_methods_supported"),
        TokenEndpointAuthSigningAlgValuesSupported = List(json, "token_endpoint_auth_signing_alg_values_supported"),
        RevocationEndpointAuthMethodsSupported = List(json, "revocation_endpoint_auth_methods_supported"),
        RevocationEndpointAuthSigningAlgValuesSupported = List(json, "revocation_endpoint_auth_signing_alg_values_supported"),
        IntrospectionEndpointAuthMethodsSupported = List(json, "introspection_endpoint_auth_methods_supported"),
        IntrospectionEndpointAuthSigningAlgValuesSupported = List(json, "introspection_endpoint_auth_signing_alg_values_supported"),
        SubjectTypesSupported = List(json, "subject_types_supported"),
        IdTokenSigningAlgValuesSupported = List(json, "id_token_signing_alg_values_supported"),
        UserinfoSigningAlgValuesSupported = List(json, "userinfo_signing_alg_values_supported"),
        IntrospectionSigningAlgValuesSupported = List(json, "introspection_signing_alg_values_supported"),
        AuthorizationSigningAlgValuesSupported = List(json, "authorization_signing_alg_values_supported"),
        RequestObjectSigningAlgValuesSupported = List(json, "request_object_signing_alg_values_supported"),
        DpopSigningAlgValuesSupported = List(json, "dpop_signing_alg_values_supported"),
        ClaimTypesSupported = List(json, "claim_types_supported"),
        ClaimsSupported = List(json, "claims_supported"),
        AcrValuesSupported = List(json, "acr_values_supported"),
        PromptValuesSupported = List(json, "prompt_values_supported"),
        DisplayValuesSupported = List(json, "display_values_supported"),
        UiLocalesSupported = List(json, "ui_locales_supported"),
        AuthorizationDetailsTypesSupported = List(json, "authorization_details_types_supported"),
        BackchannelTokenDeliveryModesSupported = List(json, "backchannel_token_delivery_modes_supported"),
        BackchannelAuthenticationRequestSigningAlgValuesSupported = List(json, "backchannel_authentication_request_signing_alg_values_supported"),
        ProtectedResources = List(json, "protected_resources"),
        ClaimsParameterSupported = Flag(json, "claims_parameter_supported"),
        RequestParameterSupported = Flag(json, "request_parameter_supported"),
        RequestUriParameterSupported = Flag(json, "request_uri_parameter_supported"),
        RequireRequestUriRegistration = Flag(json, "require_request_uri_registration"),
        RequirePushedAuthorizationRequests = Flag(json, "require_pushed_authorization_requests"),
        RequireSignedRequestObject = Flag(json, "require_signed_request_object"),
        AuthorizationResponseIssParameterSupported = Flag(json, "authorization_response_iss_parameter_supported"),
        TlsClientCertificateBoundAccessTokens = Flag(json, "tls_client_certificate_bound_access_tokens"),
        BackchannelLogoutSupported = Flag(json, "backchannel_logout_supported"),
        BackchannelLogoutSessionSupported = Flag(json, "backchannel_logout_session_supported"),
        FrontchannelLogoutSupported = Flag(json, "frontchannel_logout_supported"),
        FrontchannelLogoutSessionSupported = Flag(json, "frontchannel_logout_session_supported"),
        BackchannelUserCodeParameterSupported = Flag(json, "backchannel_user_code_parameter_supported"),
        ClientIdMetadataDocumentSupported = Flag(json, "client_id_metadata_document_supported"),
        MtlsEndpointAliases = Texts(json, "mtls_endpoint_aliases"),
        ServiceDocumentation = Text(json, "service_documentation"),
    };

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool? Flag(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    private static List<string>? List(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Where(entry => entry.ValueKind == JsonValueKind.String).Select(entry => entry.GetString()!)]
            : null;

    private static Dictionary<string, string>? Texts(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? value.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String)
                .ToDictionary(member => member.Name, member => member.Value.GetString()!)
            : null;
}
