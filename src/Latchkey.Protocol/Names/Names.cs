namespace Latchkey.Protocol.Names;

/// <summary>The grant types of the IANA "OAuth URI" and grant registries, as they are sent in <c>grant_type</c>.</summary>
public static class GrantTypes
{
    /// <summary>RFC 6749 section 4.1.</summary>
    public const string AuthorizationCode = "authorization_code";

    /// <summary>RFC 6749 section 6.</summary>
    public const string RefreshToken = "refresh_token";

    /// <summary>RFC 6749 section 4.4.</summary>
    public const string ClientCredentials = "client_credentials";

    /// <summary>RFC 8628 section 3.4.</summary>
    public const string DeviceCode = "urn:ietf:params:oauth:grant-type:device_code";

    /// <summary>OpenID Connect CIBA Core section 10.1.</summary>
    public const string Ciba = "urn:openid:params:grant-type:ciba";

    /// <summary>RFC 7523 section 2.1.</summary>
    public const string JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    /// <summary>RFC 8693.</summary>
    public const string TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// <summary>What clients can be registered for: every grant of the server.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        AuthorizationCode,
        RefreshToken,
        ClientCredentials,
        DeviceCode,
        TokenExchange,
        JwtBearer,
        Ciba,
    ];
}

/// <summary>The token type identifiers of RFC 8693 section 3.</summary>
public static class TokenTypeIdentifiers
{
    /// <summary>An access token of the server that is asked.</summary>
    public const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";

    /// <summary>A refresh token of the server that is asked.</summary>
    public const string RefreshToken = "urn:ietf:params:oauth:token-type:refresh_token";

    /// <summary>An ID token.</summary>
    public const string IdToken = "urn:ietf:params:oauth:token-type:id_token";

    /// <summary>A JWT, whoever made it.</summary>
    public const string Jwt = "urn:ietf:params:oauth:token-type:jwt";
}

/// <summary>How a client proves who it is, IANA "OAuth Token Endpoint Authentication Methods".</summary>
public static class ClientAuthenticationMethods
{
    /// <summary>Id and secret in the Authorization header, RFC 6749 section 2.3.1.</summary>
    public const string ClientSecretBasic = "client_secret_basic";

    /// <summary>Id and secret in the form, RFC 6749 section 2.3.1.</summary>
    public const string ClientSecretPost = "client_secret_post";

    /// <summary>A signed assertion, RFC 7523 as RFC 10070 changes it.</summary>
    public const string PrivateKeyJwt = "private_key_jwt";

    /// <summary>A certificate of an authority that the server trusts, RFC 8705 section 2.1.</summary>
    public const string TlsClientAuth = "tls_client_auth";

    /// <summary>A certificate that the client registered itself, RFC 8705 section 2.2.</summary>
    public const string SelfSignedTlsClientAuth = "self_signed_tls_client_auth";

    /// <summary>A public client: nothing but its id.</summary>
    public const string None = "none";
}

/// <summary>Values of <c>token_type</c> and of <c>token_type_hint</c>.</summary>
public static class TokenTypes
{
    /// <summary>RFC 6750: whoever holds the token may use it.</summary>
    public const string Bearer = "Bearer";

    /// <summary>RFC 9449 section 5: the token needs a proof of its key's possession with every use.</summary>
    public const string DPoP = "DPoP";

    /// <summary>Token type hint of RFC 7009 section 2.1.</summary>
    public const string AccessToken = "access_token";

    /// <summary>Token type hint of RFC 7009 section 2.1.</summary>
    public const string RefreshToken = "refresh_token";
}

/// <summary>The scopes of OpenID Connect Core sections 5.4 and 11.</summary>
public static class Scopes
{
    /// <summary>Asks for OpenID Connect itself.</summary>
    public const string OpenId = "openid";

    /// <summary>The default profile claims.</summary>
    public const string Profile = "profile";

    /// <summary><c>email</c> and <c>email_verified</c>.</summary>
    public const string Email = "email";

    /// <summary>The <c>address</c> claim.</summary>
    public const string Address = "address";

    /// <summary><c>phone_number</c> and <c>phone_number_verified</c>.</summary>
    public const string Phone = "phone";

    /// <summary>The grant outlives the sign-in session, OpenID Connect Core section 11.</summary>
    public const string OfflineAccess = "offline_access";

    /// <summary>All of the above, in the order in which discovery lists them.</summary>
    public static IReadOnlyList<string> Identity { get; } = [OpenId, Profile, Email, Address, Phone, OfflineAccess];
}

/// <summary>The JWS algorithms that Latchkey signs with and accepts: RFC 7518 section 3.1, RFC 8037 and RFC 9864.</summary>
public static class SigningAlgorithms
{
    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256: the default, since OpenID Connect requires it.</summary>
    public const string RS256 = "RS256";

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-384.</summary>
    public const string RS384 = "RS384";

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-512.</summary>
    public const string RS512 = "RS512";

    /// <summary>RSASSA-PSS with SHA-256.</summary>
    public const string PS256 = "PS256";

    /// <summary>RSASSA-PSS with SHA-384.</summary>
    public const string PS384 = "PS384";

    /// <summary>RSASSA-PSS with SHA-512.</summary>
    public const string PS512 = "PS512";

    /// <summary>ECDSA on P-256 with SHA-256.</summary>
    public const string ES256 = "ES256";

    /// <summary>ECDSA on P-384 with SHA-384.</summary>
    public const string ES384 = "ES384";

    /// <summary>ECDSA on P-521 with SHA-512.</summary>
    public const string ES512 = "ES512";

    /// <summary>Ed25519 by the name that says so (RFC 9864 section 2.2).</summary>
    public const string Ed25519 = "Ed25519";

    /// <summary>Ed25519 by its older name (RFC 8037 section 3.1); the other curve of that name is not there.</summary>
    public const string EdDSA = "EdDSA";

    /// <summary>Those whose keys are there from the first start; a key for any other is made when something is first declared to need it.</summary>
    public static IReadOnlyList<string> Standing { get; } = [RS256, PS256, ES256];

    /// <summary>What the server can sign with.</summary>
    public static IReadOnlyList<string> Supported { get; } = [.. Standing, RS384, PS384, ES384, RS512, PS512, ES512, Ed25519, EdDSA];

    /// <summary>Whether an algorithm is Ed25519 by either name.</summary>
    public static bool IsEd25519(string algorithm) => algorithm is Ed25519 or EdDSA;

    /// <summary>The hash that goes with an algorithm, for <c>at_hash</c> too (OpenID Connect Core section 3.1.3.6).</summary>
    /// <exception cref="ArgumentException">There is no signing with it.</exception>
    public static System.Security.Cryptography.HashAlgorithmName HashOf(string algorithm) => algorithm switch
    {
        RS256 or PS256 or ES256 => System.Security.Cryptography.HashAlgorithmName.SHA256,
        RS384 or PS384 or ES384 => System.Security.Cryptography.HashAlgorithmName.SHA384,
        RS512 or PS512 or ES512 or Ed25519 or EdDSA => System.Security.Cryptography.HashAlgorithmName.SHA512,
        _ => throw new ArgumentException($"There is no signing with {algorithm}.", nameof(algorithm)),
    };
}

/// <summary>The JWE algorithms that Latchkey encrypts and decrypts with (RFC 7518 sections 4.1 and 5.1).</summary>
public static class EncryptionAlgorithms
{
    /// <summary>RSAES-OAEP with SHA-256.</summary>
    public const string RsaOaep256 = "RSA-OAEP-256";

    /// <summary>Agreement with a fresh elliptic key, whose result is the content's key.</summary>
    public const string EcdhEs = "ECDH-ES";

    /// <summary>AES-CBC with HMAC: what <c>enc</c> is where a client names none (OpenID Connect Registration section 2).</summary>
    public const string A128CbcHs256 = "A128CBC-HS256";

    /// <summary>AES-GCM with 128 bits.</summary>
    public const string A128Gcm = "A128GCM";

    /// <summary>AES-GCM with 256 bits.</summary>
    public const string A256Gcm = "A256GCM";

    /// <summary>Every <c>alg</c>.</summary>
    public static IReadOnlyList<string> Keys { get; } = [RsaOaep256, EcdhEs];

    /// <summary>Every <c>enc</c>.</summary>
    public static IReadOnlyList<string> Contents { get; } = [A128CbcHs256, A128Gcm, A256Gcm];
}

/// <summary>Explicit JWT types (<c>typ</c>), so that one kind is never taken for another (RFC 8725 section 3.11).</summary>
public static class JwtTypes
{
    /// <summary>RFC 9068 section 2.1.</summary>
    public const string AccessToken = "at+jwt";

    /// <summary>What ID tokens carry: OpenID Connect Core sets no type, <c>JWT</c> is what clients expect.</summary>
    public const string IdToken = "JWT";

    /// <summary>OpenID Connect Back-Channel Logout section 2.4.</summary>
    public const string LogoutToken = "logout+jwt";

    /// <summary>RFC 10070: the type of a client assertion.</summary>
    public const string ClientAuthentication = "client-authentication+jwt";

    /// <summary>RFC 9701 section 5: the type of a signed introspection answer.</summary>
    public const string TokenIntrospection = "token-introspection+jwt";

    /// <summary>The type of an Identity Assertion JWT Authorization Grant (draft-ietf-oauth-identity-assertion-authz-grant).</summary>
    public const string IdentityAssertionGrant = "oauth-id-jag+jwt";

    /// <summary>draft-ietf-oauth-status-list section 5.1: the type of a Status List Token.</summary>
    public const string StatusList = "statuslist+jwt";

    /// <summary>RFC 9101 section 10.8: the type of a request object.</summary>
    public const string AuthorizationRequest = "oauth-authz-req+jwt";

    /// <summary>What signed authorization responses carry: JARM sets no type.</summary>
    public const string AuthorizationResponse = "JWT";

    /// <summary>What signed userinfo carries: OpenID Connect Core sets no type.</summary>
    public const string UserInfo = "JWT";

    /// <summary>RFC 9449 section 4.2: the type of a DPoP proof.</summary>
    public const string DPoPProof = "dpop+jwt";
}

/// <summary>The JWT claim names that Latchkey writes or reads (IANA "JSON Web Token Claims").</summary>
public static class ClaimNames
{
#pragma warning disable CS1591 // each is the registered name, spelt as in the registry
    public const string Issuer = "iss";
    public const string Subject = "sub";
    public const string Audience = "aud";
    public const string Expiration = "exp";
    public const string NotBefore = "nbf";
    public const string IssuedAt = "iat";
    public const string JwtId = "jti";
    public const string ClientId = "client_id";
    public const string Scope = "scope";
    public const string AuthenticationTime = "auth_time";
    public const string AuthenticationContext = "acr";
    public const string AuthenticationMethods = "amr";
    public const string AuthorizedParty = "azp";
    public const string Nonce = "nonce";
    public const string AccessTokenHash = "at_hash";
    public const string SessionId = "sid";
    public const string Events = "events";
    public const string Actor = "act";
    public const string MayAct = "may_act";
    public const string Confirmation = "cnf";
    public const string KeyThumbprint = "jkt";
    public const string CertificateThumbprint = "x5t#S256";
    public const string HttpMethod = "htm";
    public const string HttpTarget = "htu";
    public const string AccessTokenDigest = "ath";
    public const string Status = "status";
    public const string StatusList = "status_list";
#pragma warning restore CS1591
}

/// <summary>Which standard claims each scope asks for, OpenID Connect Core section 5.4.</summary>
public static class ScopeClaims
{
    /// <summary>Claim names by scope.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Table { get; } = new Dictionary<string, IReadOnlyList<string>>
    {
        [Scopes.Profile] = ["name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
            "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"],
        [Scopes.Email] = ["email", "email_verified"],
        [Scopes.Address] = ["address"],
        [Scopes.Phone] = ["phone_number", "phone_number_verified"],
    };
}
