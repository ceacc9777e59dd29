using Latchkey.Server.Admin;

namespace Latchkey.Server.Tests.Admin;

/// <summary>
/// Every member of the registry "OAuth Dynamic Client Registration Metadata" is taken, or refused with a sentence that names it: a client's developer
/// is never left to believe in something that does not happen.
/// </summary>
[Spec("RFC 7591", "2")]
public sealed class ClientMetadataRulesTests
{
    public static TheoryData<string, string> Taken => new()
    {
        // RFC 7591 section 2
        { "redirect_uris", "[\"https://app.example.com/cb\"]" }, { "token_endpoint_auth_method", "\"client_secret_post\"" }, { "token_endpoint_auth_method", "\"none\"" },
        { "grant_types", "[\"authorization_code\", \"refresh_token\"]" }, { "response_types", "[\"code\"]" }, { "client_name", "\"App\"" }, { "client_uri", "\"https://app.example.com\"" },
        { "logo_uri", "\"https://app.example.com/logo.png\"" }, { "scope", "\"openid email\"" }, { "contacts", "[\"ops@example.com\"]" }, { "tos_uri", "\"https://app.example.com/tos\"" },
        { "policy_uri", "\"https://app.example.com/privacy\"" }, { "jwks_uri", "\"https://app.example.com/jwks\"" }, { "jwks", "{ \"keys\": [] }" }, { "software_id", "\"4NRB1\"" },
        { "software_version", "\"2.0\"" },
        // OpenID Connect Registration section 2
        { "application_type", "\"native\"" }, { "subject_type", "\"public\"" }, { "id_token_signed_response_alg", "\"ES256\"" }, { "default_max_age", "3600" }, { "require_auth_time", "true" },
        { "default_acr_values", "[\"1\"]" }, { "initiate_login_uri", "\"https://app.example.com/start\"" }, { "sector_identifier_uri", "\"https://app.example.com/sector\"" },
        { "request_uris", "[\"https://app.example.com/request\"]" }, { "request_object_signing_alg", "\"ES256\"" }, { "request_object_encryption_alg", "\"RSA-OAEP-256\"" },
        { "userinfo_signed_response_alg", "\"Ed25519\"" }, { "require_pushed_authorization_requests", "true" },
        { "token_endpoint_auth_signing_alg", "\"ES256\"" },
        // RP-Initiated, back-channel and front-channel logout
        { "post_logout_redirect_uris", "[\"https://app.example.com/bye\"]" }, { "backchannel_logout_uri", "\"https://app.example.com/logout\"" },
        { "backchannel_logout_session_required", "true" }, { "frontchannel_logout_session_required", "false" },
        // CIBA Core section 4
        { "backchannel_token_delivery_mode", "\"poll\"" }, { "backchannel_client_notification_endpoint", "\"https://app.example.com/ciba\"" },
        { "backchannel_authentication_request_signing_alg", "\"ES256\"" }, { "backchannel_user_code_parameter", "false" },
        // JAR, PAR, RAR, JARM, introspection, DPoP, client certificates: what asks for nothing
        { "require_signed_request_object", "false" }, { "require_pushed_authorization_requests", "false" }, { "authorization_details_types", "[\"payment\"]" },
        { "authorization_signed_response_alg", "\"ES256\"" }, { "introspection_signed_response_alg", "\"ES256\"" }, { "dpop_bound_access_tokens", "false" },
        { "tls_client_certificate_bound_access_tokens", "false" }, { "dpop_bound_access_tokens", "true" },
        { "tls_client_certificate_bound_access_tokens", "true" }, { "use_mtls_endpoint_aliases", "true" }, { "tls_client_auth_subject_dn", "\"CN=app\"" }, { "tls_client_auth_san_dns", "\"app.example.com\"" },
        { "tls_client_auth_san_uri", "\"https://app.example.com\"" }, { "tls_client_auth_san_ip", "\"192.0.2.1\"" }, { "tls_client_auth_san_email", "\"a@example.com\"" },
        { "use_mtls_endpoint_aliases", "false" },
        // Latchkey's own
        { "skip_consent", "true" }, { "require_pkce", "false" }, { "refresh_token_rotation", "\"keep\"" }, { "id_token_on_refresh", "false" }, { "accept_endpoint_audience", "true" },
        { "access_token_lifetime", "300" }, { "default_scope", "\"openid\"" },
    };

    public static TheoryData<string, string, string> Refused => new()
    {
        { "require_signed_request_object", "true", "public keys" }, { "tls_client_auth_subject_dn", "\"app\"", "RFC 4514" }, { "tls_client_auth_san_ip", "\"app\"", "no IP address" },
        { "userinfo_signed_response_alg", "\"none\"", "RS256" },
        { "userinfo_encrypted_response_alg", "\"RSA1_5\"", "RSA-OAEP-256" }, { "id_token_encrypted_response_alg", "\"RSA-OAEP-256\"", "jwks" },
        { "id_token_encrypted_response_enc", "\"A256GCM\"", "id_token_encrypted_response_alg" }, { "request_object_encryption_enc", "\"A256CBC-HS512\"", "A256GCM" },
        { "authorization_signed_response_alg", "\"none\"", "RS256" }, { "request_object_signing_alg", "\"none\"", "RS256" },
        { "introspection_encrypted_response_alg", "\"RSA-OAEP\"", "RSA-OAEP-256, ECDH-ES" }, { "introspection_encrypted_response_alg", "\"ECDH-ES\"", "give jwks or jwks_uri" },
        { "introspection_encrypted_response_enc", "\"A256GCM\"", "introspection_encrypted_response_alg" }, { "subject_type", "\"ephemeral\"", "pairwise" },
        { "token_endpoint_auth_method", "\"tls_client_auth\"", "tls_client_auth_subject_dn" }, { "token_endpoint_auth_method", "\"self_signed_tls_client_auth\"", "x5c" },
        { "token_endpoint_auth_method", "\"client_secret_jwt\"", "private_key_jwt" }, { "token_endpoint_auth_method", "\"private_key_jwt\"", "give jwks or jwks_uri" },
        { "token_endpoint_auth_method", "\"magic\"", "client_secret_basic" }, { "token_endpoint_auth_signing_alg", "\"HS256\"", "RS256" },
        { "id_token_signed_response_alg", "\"none\"", "RS256" }, { "id_token_signed_response_alg", "\"HS256\"", "RS256" }, { "grant_types", "[\"password\"]", "authorization_code" },
        { "grant_types", "[\"implicit\"]", "implicit" }, { "grant_types", "[\"urn:openid:params:grant-type:ciba\"]", "backchannel_token_delivery_mode is missing" },
        { "backchannel_token_delivery_mode", "\"push\"", "use poll or ping" }, { "backchannel_token_delivery_mode", "\"ping\"", "backchannel_client_notification_endpoint is missing" },
        { "backchannel_client_notification_endpoint", "\"http://app.example.com/ciba\"", "not an https URL" }, { "backchannel_user_code_parameter", "true", "take it out" },
        { "backchannel_authentication_request_signing_alg", "\"none\"", "ES256" },
        { "token_exchange", "{ \"targets\": [ { \"resource\": \"api\" } ] }", "absolute URI" },
        { "token_exchange", "{ \"targets\": [ { \"resource\": \"https://api.example.com\", \"scope\": \"offline_access\" } ] }", "no refresh token" },
        { "token_exchange", "{ \"targets\": [ { \"resource\": \"https://api.example.com\", \"subject_scope\": \"a\" } ] }", "no scope" },
        { "token_exchange", "{ \"subject_token_types\": [ \"urn:ietf:params:oauth:token-type:saml2\" ] }", "can't be exchanged" },
        { "token_exchange", "{ \"everything\": true }", "everything" }, { "response_types", "[\"token\"]", "code" },
        { "response_types", "[\"code id_token\"]", "code" }, { "application_type", "\"desktop\"", "native" }, { "redirect_uris", "[]", "redirect_uris is missing" },
        { "redirect_uris", "[\"https://app.example.com/cb#f\"]", "fragment" }, { "redirect_uris", "[\"/cb\"]", "redirect URI /cb" }, { "redirect_uris", "[\"javascript:alert(1)\"]", "javascript" },
        { "redirect_uris", "[\"https://*.example.com/cb\"]", "*" }, { "redirect_uris", "\"https://app.example.com/cb\"", "redirect_uris" },
        { "post_logout_redirect_uris", "[\"data:text/html,x\"]", "data:" }, { "logo_uri", "\"javascript:alert(1)\"", "http" }, { "client_uri", "\"/home\"", "http" }, { "jwks_uri", "\"file:///etc/passwd\"", "http" },
        { "backchannel_logout_uri", "\"https://app.example.com/logout#f\"", "fragment" }, { "initiate_login_uri", "\"x\"", "http" },
        { "frontchannel_logout_uri", "\"https://elsewhere.example.com/logout\"", "redirect_uris" }, { "sector_identifier_uri", "\"x\"", "http" },
        { "sector_identifier_uri", "\"http://app.example.com/sector\"", "neither an https URL" },
        { "jwks", "{}", "JWK set" }, { "jwks", "[]", "JWK set" }, { "jwks", "{ \"keys\": [{ \"kty\": \"oct\", \"k\": \"c2VjcmV0\" }] }", "private or symmetric" },
        { "jwks", "{ \"keys\": [{ \"kty\": \"EC\", \"d\": \"x\" }] }", "private or symmetric" }, { "jwks", "{ \"keys\": [{}] }", "kty" },
        { "scope", "\"a\\\"b\"", "scope" }, { "default_scope", "\"more\"", "default_scope has more" }, { "refresh_token_rotation", "\"never\"", "rotate" }, { "default_max_age", "-1", "default_max_age" },
        { "access_token_lifetime", "3601", "3600" }, { "access_token_lifetime", "9", "10" }, { "client_id", "\"a b\"", "client_id" }, { "client_id", "\"\"", "client_id" },
        { "client_secret", "\"short\"", "16" }, { "client_name", "7", "client_name" }, { "skip_consent", "\"yes\"", "skip_consent" }, { "require_pkce", "\"false\"", "require_pkce" },
        { "software_statement", "\"eyJ\"", "\"software_statement\"" }, { "redirect_uri", "\"https://a.example\"", "did you mean \"redirect_uris\"?" }, { "is_public", "true", "\"is_public\"" },
    };

    public static TheoryData<string, string> RefusedTogether => new()
    {
        { "\"token_endpoint_auth_method\": \"none\", \"client_secret\": \"0123456789abcdef\"", "none has no secret" },
        { "\"token_endpoint_auth_method\": \"none\", \"require_pkce\": false", "confidential" },
        { "\"token_endpoint_auth_method\": \"none\", \"refresh_token_rotation\": \"keep\"", "confidential" },
        { "\"token_endpoint_auth_method\": \"none\", \"grant_types\": [\"client_credentials\"], \"redirect_uris\": []", "proves who it is" },
        { "\"token_endpoint_auth_method\": \"private_key_jwt\", \"jwks_uri\": \"https://a.example/jwks\", \"client_secret\": \"0123456789abcdef\"", "no secret" },
        { "\"jwks\": { \"keys\": [] }, \"jwks_uri\": \"https://a.example/jwks\"", "both there" },
        { "\"application_type\": \"web\", \"redirect_uris\": [\"com.example.app:/cb\"]", "com.example.app:/cb" },
        { "\"subject_type\": \"pairwise\", \"redirect_uris\": [\"https://a.example/cb\", \"https://b.example/cb\"]", "sector_identifier_uri, since redirect_uris have" },
        {
            "\"subject_type\": \"pairwise\", \"redirect_uris\": [\"https://a.example/cb\"], \"jwks_uri\": \"https://b.example/jwks\", "
                + "\"grant_types\": [\"authorization_code\", \"urn:openid:params:grant-type:ciba\"], \"backchannel_token_delivery_mode\": \"poll\"",
            "redirect_uris and jwks_uri have"
        },
    };

    [Theory, MemberData(nameof(Taken))]
    public void A_registered_member_is_taken(string name, string value) => Read($"\"{name}\": {value}");

    [Theory, MemberData(nameof(Refused))]
    public void What_can_not_be_is_refused_by_name(string name, string value, string said)
    {
        var message = Assert.Throws<AdministrationException>(() => Read($"\"{name}\": {value}")).Message;
        Assert.Contains(said, message, StringComparison.Ordinal);
        AssertHelps(message);
    }

    [Theory, MemberData(nameof(RefusedTogether))]
    public void What_contradicts_itself_is_refused(string members, string said)
    {
        var message = Assert.Throws<AdministrationException>(() => Read(members)).Message;
        Assert.Contains(said, message, StringComparison.Ordinal);
        AssertHelps(message);
    }

    [Theory]
    [InlineData("refresh_token_rotation", "token_endpoint_auth_method", "\"none\"", "\"rotate\"")]
    [InlineData("scope", "default_scope", "\"openid\"", "\"openid email\"")]
    public void A_member_that_asks_for_nothing_contradicts_nothing(string name, string beside, string besideValue, string value) =>
        Read($"\"{name}\": {value}, \"{beside}\": {besideValue}");

    private static void Read(string members)
    {
        using var folder = new TemporaryFolder();
        var defaults = new[] { ("client_id", "\"app\""), ("redirect_uris", "[\"https://app.example.com/cb\"]"), ("scope", "\"openid\"") }
            .Where(member => !members.Contains($"\"{member.Item1}\":", StringComparison.Ordinal)).Select(member => $"\"{member.Item1}\": {member.Item2}");
        File.WriteAllText(folder.File("latchkey.json"), $"{{ \"clients\": [{{ {string.Join(", ", [.. defaults, members])} }}] }}");
        DeclaredStateReader.ReadFiles([folder.File("latchkey.json")], [], _ => null);
    }

    // A sentence: the place, what is wrong, a full stop or a question.
    private static void AssertHelps(string message)
    {
        Assert.Contains("latchkey.json: ", message, StringComparison.Ordinal);
        Assert.Contains("clients[0]", message, StringComparison.Ordinal);
        Assert.Matches("[.?]$", message);
        Assert.DoesNotContain("System.", message, StringComparison.Ordinal);
    }
}
