namespace Latchkey.Protocol.Names;

/// <summary>Request and response parameters, spelt as in the IANA "OAuth Parameters" registry.</summary>
public static class ParameterNames
{
#pragma warning disable CS1591 // each is the registered name
    public const string AcrValues = "acr_values";
    public const string ActorToken = "actor_token";
    public const string ActorTokenType = "actor_token_type";
    public const string Assertion = "assertion";
    public const string AuthReqId = "auth_req_id";
    public const string Audience = "audience";
    public const string AuthorizationDetails = "authorization_details";
    public const string BindingMessage = "binding_message";
    public const string Claims = "claims";
    public const string ClientAssertion = "client_assertion";
    public const string ClientAssertionType = "client_assertion_type";
    public const string ClientId = "client_id";
    public const string ClientNotificationToken = "client_notification_token";
    public const string ClientSecret = "client_secret";
    public const string Code = "code";
    public const string CodeChallenge = "code_challenge";
    public const string CodeChallengeMethod = "code_challenge_method";
    public const string CodeVerifier = "code_verifier";
    public const string DeviceCode = "device_code";
    public const string Display = "display";
    public const string DPoPKeyThumbprint = "dpop_jkt";
    public const string Error = "error";
    public const string ErrorDescription = "error_description";
    public const string GrantType = "grant_type";
    public const string IdTokenHint = "id_token_hint";
    public const string Issuer = "iss";
    public const string LoginHint = "login_hint";
    public const string LoginHintToken = "login_hint_token";
    public const string LogoutHint = "logout_hint";
    public const string MaxAge = "max_age";
    public const string Nonce = "nonce";
    public const string PostLogoutRedirectUri = "post_logout_redirect_uri";
    public const string Prompt = "prompt";
    public const string RedirectUri = "redirect_uri";
    public const string RefreshToken = "refresh_token";
    public const string Registration = "registration";
    public const string Request = "request";
    public const string RequestUri = "request_uri";
    public const string RequestedExpiry = "requested_expiry";
    public const string RequestedTokenType = "requested_token_type";
    public const string Resource = "resource";
    public const string Response = "response";
    public const string ResponseMode = "response_mode";
    public const string ResponseType = "response_type";
    public const string Scope = "scope";
    public const string State = "state";
    public const string SubjectToken = "subject_token";
    public const string SubjectTokenType = "subject_token_type";
    public const string Token = "token";
    public const string TokenTypeHint = "token_type_hint";
    public const string UiLocales = "ui_locales";
    public const string UserCode = "user_code";
#pragma warning restore CS1591
}
