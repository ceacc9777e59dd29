using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Profiles;
using Latchkey.Server.Token;

namespace Latchkey.Server.Admin;

/// <summary>What a client may be registered with: shared by the declared state, the command line and (later) registration.</summary>
internal static class ClientRules
{
    /// <summary>The shortest secret that may be declared, in characters.</summary>
    public const int MinimumSecretLength = 16;

    private static readonly string[] Methods =
    [
        ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost, ClientAuthenticationMethods.PrivateKeyJwt,
        ClientAuthenticationMethods.TlsClientAuth, ClientAuthenticationMethods.SelfSignedTlsClientAuth, ClientAuthenticationMethods.None,
    ];

    /// <summary>What is wrong with a client, as a sentence; null if nothing is.</summary>
    /// <param name="client">Its metadata.</param>
    /// <param name="secret">The secret that is declared with it, if any.</param>
    public static string? Fault(ClientMetadata client, string? secret) => FaultApart(client, secret) ?? ProfileCheck.OwnFault(client);

    /// <summary>The same without the rules of its profile.</summary>
    public static string? FaultApart(ClientMetadata client, string? secret) =>
        IdFault(client.ClientId)
        ?? AuthenticationFault(client, secret)
        ?? GrantFault(client)
        ?? UriFault(client)
        ?? ScopeFault("scope", client.Scope)
        ?? ScopeFault("default_scope", client.DefaultScope)
        ?? DefaultScopeFault(client)
        ?? ValueFault(client)
        ?? TokenExchangeFault(client.TokenExchange)
        ?? BackchannelFault(client)
        ?? UnknownProfile(client);

    private static string? IdFault(string id) =>
        id.Length == 0 ? "client_id is missing; give the client an id."
        : id.Length > 255 ? "client_id is longer than 255 characters; choose a shorter one."
        : id.Any(character => character is <= ' ' or > '~' or '"' or '\\') ? "client_id has a character other than printable ASCII without space, quote and backslash; choose another id."
        : null;

    private static string? AuthenticationFault(ClientMetadata client, string? secret)
    {
        var method = client.TokenEndpointAuthMethod;
        if (method == "client_secret_jwt")
            return "token_endpoint_auth_method client_secret_jwt would need the secret in clear in the database; use private_key_jwt.";
        if (!Methods.Contains(method))
            return $"token_endpoint_auth_method {method} is unknown; use one of {string.Join(", ", Methods)}.";
        if (method == ClientAuthenticationMethods.None)
        {
            if (secret is not null) return "a client with token_endpoint_auth_method none has no secret; take client_secret out, or choose client_secret_basic.";
            if (client.Allows(GrantTypes.ClientCredentials))
                return "client_credentials needs a client that proves who it is; choose a token_endpoint_auth_method other than none, or take the grant out.";
            if (client.Allows(GrantTypes.TokenExchange))
                return "the grant token-exchange needs a client that proves who it is; choose a token_endpoint_auth_method other than none, or take the grant out.";
            if (!client.RequirePkce) return "require_pkce can be false only for a confidential client; take it out.";
            if (client.RefreshTokenRotation == "keep") return "refresh_token_rotation keep is for confidential clients only (RFC 9700 section 2.2.2); take it out.";
        }

        if (secret is not null && (method == ClientAuthenticationMethods.PrivateKeyJwt || CertificateAuthentication.IsMethod(method)))
            return $"a client with token_endpoint_auth_method {method} has no secret; take client_secret out.";
        if (secret is not null && secret.Length < MinimumSecretLength)
            return $"client_secret is shorter than {MinimumSecretLength} characters; take a longer, random one.";
        if (secret is not null && secret.Any(char.IsControl)) return "client_secret has a control character; take another.";
        if (client.Jwks is not null && client.JwksUri is not null) return "jwks and jwks_uri are both there; keep one of them (RFC 7591 section 2).";
        if (client.Jwks is { } jwks && JwksFault(jwks) is { } fault) return fault;
        if (method == ClientAuthenticationMethods.PrivateKeyJwt && client.Jwks is null && client.JwksUri is null)
            return "private_key_jwt needs the client's public keys; give jwks or jwks_uri.";
        if (method == ClientAuthenticationMethods.SelfSignedTlsClientAuth && client.Jwks is null && client.JwksUri is null)
            return "self_signed_tls_client_auth needs the client's certificate; give it as x5c of a key in jwks, or jwks_uri (RFC 8705 section 2.2.2).";
        if (SubjectFault(client) is { } subject) return subject;
        if (client.TokenEndpointAuthSigningAlg is { } alg && !ClientAssertions.AlgorithmsSupported.Contains(alg))
            return $"token_endpoint_auth_signing_alg {alg} is not accepted; use one of {string.Join(", ", ClientAssertions.AlgorithmsSupported)}.";
        return null;
    }

    // RFC 8705 section 2.1.2: exactly one of them says whose certificates are the client's.
    private static string? SubjectFault(ClientMetadata client)
    {
        var given = ((IEnumerable<(string Name, string? Value)>)[
            ("tls_client_auth_subject_dn", client.TlsClientAuthSubjectDn), ("tls_client_auth_san_dns", client.TlsClientAuthSanDns),
            ("tls_client_auth_san_uri", client.TlsClientAuthSanUri), ("tls_client_auth_san_ip", client.TlsClientAuthSanIp),
            ("tls_client_auth_san_email", client.TlsClientAuthSanEmail)]).Where(member => member.Value is not null).Select(member => member.Name).ToList();
        if (client.TokenEndpointAuthMethod == ClientAuthenticationMethods.TlsClientAuth && given.Count == 0)
            return "tls_client_auth needs to know whose certificates are the client's; give tls_client_auth_subject_dn, or one tls_client_auth_san_dns, _uri, _ip or _email.";
        if (given.Count > 1) return $"{string.Join(" and ", given)} are both there; keep one of them (RFC 8705 section 2.1.2).";
        if (client.TlsClientAuthSubjectDn is { } name && DistinguishedName.Parse(name) is null)
            return "tls_client_auth_subject_dn is no distinguished name; write it as RFC 4514 does, such as CN=app,O=Example,C=DE, the most specific part first.";
        return client.TlsClientAuthSanIp is { } address && !System.Net.IPAddress.TryParse(address, out _) ? "tls_client_auth_san_ip is no IP address." : null;
    }

    private static string? JwksFault(JsonElement jwks)
    {
        if (jwks.ValueKind != JsonValueKind.Object || !jwks.TryGetProperty("keys", out var keys) || keys.ValueKind != JsonValueKind.Array)
            return "jwks is no JWK set; write it as { \"keys\": [ … ] } (RFC 7517 section 5).";
        foreach (var key in keys.EnumerateArray())
        {
            if (key.ValueKind != JsonValueKind.Object || !key.TryGetProperty("kty", out var type)) return "jwks has a key without kty (RFC 7517 section 4.1).";
            if (type.ValueEquals("oct"u8) || key.TryGetProperty("d", out _) || key.TryGetProperty("k", out _))
                return "jwks holds a private or symmetric key; give public keys only, and replace that key, since it has been shown.";
        }

        return null;
    }

    private static string? GrantFault(ClientMetadata client)
    {
        foreach (var grant in client.GrantTypes)
        {
            if (!GrantTypes.All.Contains(grant)) return $"grant type {grant} is not supported; use {string.Join(", ", GrantTypes.All)}.";
        }

        foreach (var type in client.ResponseTypes)
        {
            if (type != "code") return $"response type {type} is not supported; the only one is code.";
        }

        return null;
    }

    private static string? UriFault(ClientMetadata client)
    {
        if (client.ApplicationType is not ("web" or "native")) return $"application_type {client.ApplicationType} is unknown; use web or native.";
        if (client.Allows(GrantTypes.AuthorizationCode) && client.ResponseTypes.Contains("code") && client.RedirectUris.Count == 0)
            return "redirect_uris is missing; authorization_code needs the addresses that answers may go to (or give grant_types without it).";
        foreach (var uri in client.RedirectUris)
        {
            if (RedirectUri.Fault(uri, client.IsNative) is { } fault) return $"the redirect URI {uri} {fault}.";
        }

        foreach (var uri in client.PostLogoutRedirectUris)
        {
            if (RedirectUri.Fault(uri, client.IsNative) is { } fault) return $"the post-logout redirect URI {uri} {fault}.";
        }

        foreach (var (name, uri) in (ReadOnlySpan<(string, string?)>)[
            ("client_uri", client.ClientUri), ("logo_uri", client.LogoUri), ("policy_uri", client.PolicyUri), ("tos_uri", client.TosUri),
            ("jwks_uri", client.JwksUri), ("initiate_login_uri", client.InitiateLoginUri), ("backchannel_logout_uri", client.BackchannelLogoutUri),
            ("frontchannel_logout_uri", client.FrontchannelLogoutUri), ("sector_identifier_uri", client.SectorIdentifierUri)])
        {
            if (uri is not null && WebFault(uri) is { } fault) return $"{name} {fault}.";
        }

        if (client.BackchannelLogoutUri is { } logout && logout.Contains('#', StringComparison.Ordinal))
            return "backchannel_logout_uri has a fragment, which it can't have (OpenID Connect Back-Channel Logout section 2.2).";
        if (client.FrontchannelLogoutUri is { } frame)
        {
            if (frame.Contains('#', StringComparison.Ordinal)) return "frontchannel_logout_uri has a fragment, which it can't have (OpenID Connect Front-Channel Logout section 2).";
            // The page at the end of a session must not be made to load what is not the app's.
            if (!client.RedirectUris.Any(uri => SameOrigin(uri, frame)))
                return "frontchannel_logout_uri has not the scheme, host and port of one of redirect_uris (OpenID Connect Front-Channel Logout section 2).";
        }

        return null;
    }

    private static bool SameOrigin(string left, string right) =>
        Uri.TryCreate(left, UriKind.Absolute, out var one) && Uri.TryCreate(right, UriKind.Absolute, out var two)
        && one.GetLeftPart(UriPartial.Authority).Equals(two.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);

    private static string? WebFault(string uri) =>
        !Uri.TryCreate(uri, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https") || uri.Any(character => character is <= ' ' or > '~')
            ? "is not an absolute http or https URL"
            : null;

    private static string? ScopeFault(string name, string? scope) =>
        ScopeSet.Parse(scope).Refused(out _, out _) ? $"{name} holds a character that scopes can't have; write tokens of printable ASCII, separated by spaces." : null;

    private static string? DefaultScopeFault(ClientMetadata client) =>
        ScopeSet.Parse(client.DefaultScope).Value.Except(ScopeSet.Parse(client.Scope).Value) is { Count: > 0 } beyond
            ? $"default_scope has {beyond}, which scope has not; add it there or take it out here."
            : null;

    private static string? ValueFault(ClientMetadata client)
    {
        if (client.RefreshTokenRotation is not ("rotate" or "keep")) return $"refresh_token_rotation {client.RefreshTokenRotation} is unknown; use rotate or keep.";
        if (client is { GlobalTokenRevocation: true, IsPublic: true }) return "global_token_revocation is for clients that prove who they are; take it out, or give the client a secret.";
        if (SectorFault(client) is { } sector) return sector;
        if (ProtectionFault(client) is { } protection) return protection;
        if (client.DefaultMaxAge < 0) return "default_max_age is below 0; give seconds.";
        if (client.AccessTokenLifetime is < 10 or > 3600) return "access_token_lifetime is not between 10 and 3600 seconds; longer ones are a matter of a resource.";
        return null;
    }

    // OpenID Connect CIBA Core section 4.
    private static string? BackchannelFault(ClientMetadata client)
    {
        if (client.BackchannelTokenDeliveryMode is not (null or "poll" or "ping"))
            return $"backchannel_token_delivery_mode {client.BackchannelTokenDeliveryMode} is not supported; use poll or ping.";
        if (client.BackchannelUserCodeParameter == true) return "backchannel_user_code_parameter can't be true: people have no user code here; take it out.";
        if (client.BackchannelAuthenticationRequestSigningAlg is { } signing)
        {
            if (!RequestObjects.AlgorithmsSupported.Contains(signing))
                return $"backchannel_authentication_request_signing_alg {signing} is not supported; use one of {string.Join(", ", RequestObjects.AlgorithmsSupported)}.";
            if (client.Allows(GrantTypes.Ciba) && client.Jwks is null && client.JwksUri is null)
                return "backchannel_authentication_request_signing_alg needs the client's public keys; give jwks or jwks_uri.";
        }

        if (client.BackchannelClientNotificationEndpoint is { } endpoint && !Logout.BackchannelLogout.MaySendTo(endpoint))
            return "backchannel_client_notification_endpoint is not an https URL (http is taken on loopback only).";
        if (client.BackchannelTokenDeliveryMode == "ping" && client.BackchannelClientNotificationEndpoint is null)
            return "backchannel_client_notification_endpoint is missing; a client with backchannel_token_delivery_mode ping needs it.";
        if (!client.Allows(GrantTypes.Ciba)) return null;
        return client.IsPublic ? "the grant ciba needs a client that proves who it is; choose a token_endpoint_auth_method other than none, or take the grant out."
            : client.BackchannelTokenDeliveryMode is null ? "backchannel_token_delivery_mode is missing; a client with the grant ciba needs poll or ping."
            : null;
    }

    private static string? TokenExchangeFault(TokenExchangePolicy? policy)
    {
        if (policy is null) return null;
        foreach (var type in policy.SubjectTokenTypes)
        {
            if (!SubjectTokens.TypesSupported.Contains(type))
                return $"token_exchange.subject_token_types has {type}, which can't be exchanged here; use {string.Join(", ", SubjectTokens.TypesSupported)}.";
        }

        foreach (var target in policy.Targets)
        {
            if (!ResourceIndicator.IsWellFormed(target.Resource))
                return "token_exchange.targets has a resource that is no absolute URI without a fragment; give the identifier of a registered resource.";
            if (ScopeFault("the scope of a target of token_exchange", target.Scope) is { } fault) return fault;
            if (ScopeFault("the subject_scope of a target of token_exchange", target.SubjectScope) is { } misfit) return misfit;
            if (target.SubjectScope is not null && target.Scope is null)
                return "a target of token_exchange has a subject_scope but no scope; name the scopes that are given for it.";
            if (ScopeSet.Parse(target.Scope).Value.Contains(Scopes.OfflineAccess))
                return "a target of token_exchange has the scope offline_access; an exchange gives no refresh token, take it out.";
        }

        return null;
    }

    // OpenID Connect Core section 8.1: the sector must be one, and known.
    private static string? SectorFault(ClientMetadata client)
    {
        if (client.SubjectType is not ("public" or "pairwise")) return $"subject_type {client.SubjectType} is unknown; use public or pairwise.";
        if (client.SectorIdentifierUri is { } uri)
        {
            return uri.StartsWith("https://", StringComparison.Ordinal) || RedirectUri.IsLoopback(uri)
                ? null
                : "sector_identifier_uri is neither an https URL nor an http one on this computer; the server reads the redirect URIs of the sector there.";
        }

        if (client.SubjectType != "pairwise") return null;
        var hosts = Client.SectorAddresses(client).Select(address => new Uri(address).IdnHost).Distinct(StringComparer.OrdinalIgnoreCase).ToList();
        return hosts.Count > 1 || hosts.Contains("")
            ? $"subject_type pairwise needs a sector_identifier_uri, since redirect_uris{(client.Allows(GrantTypes.Ciba) ? " and jwks_uri" : "")} have not all one and the same host."
            : null;
    }

    // How what is sent to the client, and by it, is signed and encrypted.
    private static string? ProtectionFault(ClientMetadata client)
    {
        foreach (var (name, algorithm) in (ReadOnlySpan<(string, string?)>)[
            ("id_token_signed_response_alg", client.IdTokenSignedResponseAlg), ("userinfo_signed_response_alg", client.UserinfoSignedResponseAlg),
            ("authorization_signed_response_alg", client.AuthorizationSignedResponseAlg), ("introspection_signed_response_alg", client.IntrospectionSignedResponseAlg)])
        {
            if (algorithm is not null && !SigningAlgorithms.Supported.Contains(algorithm))
                return $"{name} {algorithm} is not supported; use one of {string.Join(", ", SigningAlgorithms.Supported)}.";
        }

        foreach (var (name, algorithm, encryption) in (ReadOnlySpan<(string, string?, string?)>)[
            ("id_token_encrypted_response", client.IdTokenEncryptedResponseAlg, client.IdTokenEncryptedResponseEnc),
            ("userinfo_encrypted_response", client.UserinfoEncryptedResponseAlg, client.UserinfoEncryptedResponseEnc),
            ("authorization_encrypted_response", client.AuthorizationEncryptedResponseAlg, client.AuthorizationEncryptedResponseEnc),
            ("introspection_encrypted_response", client.IntrospectionEncryptedResponseAlg, client.IntrospectionEncryptedResponseEnc),
            ("request_object_encryption", client.RequestObjectEncryptionAlg, client.RequestObjectEncryptionEnc)])
        {
            if (algorithm is not null && !EncryptionAlgorithms.Keys.Contains(algorithm))
                return $"{name}_alg {algorithm} is not supported; use one of {string.Join(", ", EncryptionAlgorithms.Keys)}.";
            if (encryption is not null && !EncryptionAlgorithms.Contents.Contains(encryption))
                return $"{name}_enc {encryption} is not supported; use one of {string.Join(", ", EncryptionAlgorithms.Contents)}.";
            if (encryption is not null && algorithm is null) return $"{name}_enc is there without {name}_alg; give both ({(name == "introspection_encrypted_response" ? "RFC 9701 section 6" : "OpenID Connect Registration section 2")}).";
            if (algorithm is not null && name != "request_object_encryption" && client.Jwks is null && client.JwksUri is null)
                return $"{name}_alg needs a key of the client to encrypt to; give jwks or jwks_uri.";
        }

        if (client.RequestObjectSigningAlg is { } signing && !RequestObjects.AlgorithmsSupported.Contains(signing))
            return $"request_object_signing_alg {signing} is not supported; use one of {string.Join(", ", RequestObjects.AlgorithmsSupported)}.";
        foreach (var uri in client.RequestUris ?? [])
        {
            if (!uri.StartsWith("https://", StringComparison.Ordinal) && !RedirectUri.IsLoopback(uri))
                return "request_uris has an address that is neither https nor http on this computer; the server fetches from there (RFC 9101 section 10.4.1).";
        }

        return client.RequireSignedRequestObject == true && client.Jwks is null && client.JwksUri is null
            ? "require_signed_request_object needs the client's public keys; give jwks or jwks_uri."
            : null;
    }

    private static string? UnknownProfile(ClientMetadata client) => SecurityProfiles.TryParse(client.Profile, out _)
        ? null
        : $"profile {client.Profile} is unknown; use one of {string.Join(", ", SecurityProfiles.Names)}.";
}
