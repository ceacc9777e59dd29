namespace Latchkey.Protocol;

/// <summary>
/// An error as the specs define it: a registered code, and a sentence that tells the developer of the caller what to mend.
/// The description never holds what was sent, nor anything that tells a stranger more than the code does.
/// </summary>
/// <param name="Code">The registered code, such as <c>invalid_grant</c>.</param>
/// <param name="Description">One sentence in the characters RFC 6749 section 5.2 allows: printable ASCII without quote and backslash.</param>
/// <param name="Status">The HTTP status at an endpoint that answers JSON.</param>
public sealed record OAuthError(string Code, string Description, int Status = 400)
{
    /// <summary>A parameter is missing, malformed, repeated or out of place (RFC 6749 sections 4.1.2.1 and 5.2).</summary>
    public static OAuthError InvalidRequest(string description) => new("invalid_request", description);

    /// <summary>The client is unknown or did not prove itself (RFC 6749 section 5.2): 401.</summary>
    public static OAuthError InvalidClient(string description) => new("invalid_client", description, 401);

    /// <summary>The code, token or assertion is wrong, expired, revoked or another client's (RFC 6749 section 5.2).</summary>
    public static OAuthError InvalidGrant(string description) => new("invalid_grant", description);

    /// <summary>The client may not use this grant or response type (RFC 6749 section 5.2).</summary>
    public static OAuthError UnauthorizedClient(string description) => new("unauthorized_client", description);

    /// <summary>The server has no such grant (RFC 6749 section 5.2).</summary>
    public static OAuthError UnsupportedGrantType(string description) => new("unsupported_grant_type", description);

    /// <summary>The server has no such response type (RFC 6749 section 4.1.2.1).</summary>
    public static OAuthError UnsupportedResponseType(string description) => new("unsupported_response_type", description);

    /// <summary>A scope is malformed, unknown or more than was granted (RFC 6749 section 5.2).</summary>
    public static OAuthError InvalidScope(string description) => new("invalid_scope", description);

    /// <summary>The resource is unknown, malformed or was not granted (RFC 8707 section 2).</summary>
    public static OAuthError InvalidTarget(string description) => new("invalid_target", description);

    /// <summary>The person or the server said no (RFC 6749 section 4.1.2.1).</summary>
    public static OAuthError AccessDenied(string description) => new("access_denied", description);

    /// <summary>Something broke on our side (RFC 6749 section 4.1.2.1).</summary>
    public static OAuthError ServerError(string description) => new("server_error", description, 500);

    /// <summary>Too busy, or the store is away: try again later (RFC 6749 section 4.1.2.1).</summary>
    public static OAuthError TemporarilyUnavailable(string description) => new("temporarily_unavailable", description, 503);

    /// <summary><c>prompt=none</c>, but the person would have to sign in (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError LoginRequired(string description) => new("login_required", description);

    /// <summary><c>prompt=none</c>, but the person would have to agree (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError ConsentRequired(string description) => new("consent_required", description);

    /// <summary><c>prompt=none</c>, but the person would have to choose an account (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError AccountSelectionRequired(string description) => new("account_selection_required", description);

    /// <summary>An essential authentication context can't be reached (OpenID Connect Unmet Authentication Requirements 1.0).</summary>
    public static OAuthError UnmetAuthenticationRequirements(string description) => new("unmet_authentication_requirements", description);

    /// <summary>Request objects are not taken (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError RequestNotSupported(string description) => new("request_not_supported", description);

    /// <summary>Request objects by reference are not taken (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError RequestUriNotSupported(string description) => new("request_uri_not_supported", description);

    /// <summary>The <c>request_uri</c> leads to no request that is good for this client (RFC 9101 section 6.1).</summary>
    public static OAuthError InvalidRequestUri(string description) => new("invalid_request_uri", description);

    /// <summary>The request object can't be opened, is not the client's, or says what it may not (RFC 9101 section 6.1).</summary>
    public static OAuthError InvalidRequestObject(string description) => new("invalid_request_object", description);

    /// <summary>The details are malformed, of an unknown type, or more than can be had (RFC 9396 section 5).</summary>
    public static OAuthError InvalidAuthorizationDetails(string description) => new("invalid_authorization_details", description);

    /// <summary>The <c>registration</c> parameter is not taken (OpenID Connect Core section 3.1.2.6).</summary>
    public static OAuthError RegistrationNotSupported(string description) => new("registration_not_supported", description);

    /// <summary>The person has not decided yet (RFC 8628 section 3.5).</summary>
    public static OAuthError AuthorizationPending(string description) => new("authorization_pending", description);

    /// <summary>The device polls too often and must wait five seconds more from now on (RFC 8628 section 3.5).</summary>
    public static OAuthError SlowDown(string description) => new("slow_down", description);

    /// <summary>The device code's time is over (RFC 8628 section 3.5).</summary>
    public static OAuthError ExpiredToken(string description) => new("expired_token", description);

    /// <summary>A hint names nobody that the server knows (OpenID Connect CIBA Core section 13).</summary>
    public static OAuthError UnknownUserId(string description) => new("unknown_user_id", description);

    /// <summary>The binding message can't be shown (OpenID Connect CIBA Core section 13).</summary>
    public static OAuthError InvalidBindingMessage(string description) => new("invalid_binding_message", description);

    /// <summary>The access token is malformed, expired, revoked or not for here (RFC 6750 section 3.1): 401.</summary>
    public static OAuthError InvalidToken(string description) => new("invalid_token", description, 401);

    /// <summary>The access token's scope does not reach (RFC 6750 section 3.1): 403.</summary>
    public static OAuthError InsufficientScope(string description) => new("insufficient_scope", description, 403);

    /// <summary>The DPoP proof is missing or wrong (RFC 9449 section 5).</summary>
    public static OAuthError InvalidDPoPProof(string description) => new("invalid_dpop_proof", description);

    /// <summary>The DPoP proof needs the nonce of the header <c>DPoP-Nonce</c> (RFC 9449 section 8).</summary>
    public static OAuthError UseDPoPNonce(string description) => new("use_dpop_nonce", description);

    /// <summary>The server can't revoke tokens of this kind (RFC 7009 section 2.2.1).</summary>
    public static OAuthError UnsupportedTokenType(string description) => new("unsupported_token_type", description);
}
