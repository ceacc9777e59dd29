using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Backchannel;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;
using Latchkey.Server.SenderConstraint;
using Latchkey.Server.Token;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Discovery;

/// <summary>
/// The server's metadata: <c>openid-configuration</c> (OpenID Connect Discovery 1.0) and <c>oauth-authorization-server</c> (RFC 8414), one document,
/// found where either specification puts it. Everything in it is read off what does the work, so that it says what works and nothing else.
/// </summary>
internal sealed class DiscoveryEndpoint(
    ConfigurationSource source, ServerOptions options, CertificateAuthentication certificates, IEnumerable<IGrant> grants)
{
    /// <summary>Short, so that a change of scopes is soon seen; long enough to spare a client that asks before every request.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private volatile Published? _published;

    /// <summary>Below the issuer: <c>{issuer}/.well-known/…</c>.</summary>
    public Task HandleAsync(HttpContext context) =>
        context.Request.PathBase == options.PathBase ? WriteAsync(context) : Boundary.NotFoundAsync(context);

    /// <summary>With the issuer's path at the end: <c>https://host/.well-known/…/path</c> (RFC 8414 section 3.1).</summary>
    public Task HandleInsertedAsync(HttpContext context) =>
        !context.Request.PathBase.HasValue && context.Request.RouteValues["path"] is string path && "/" + path == options.PathBase
            ? WriteAsync(context)
            : Boundary.NotFoundAsync(context);

    private Task WriteAsync(HttpContext context)
    {
        var configuration = source.Current;
        var published = _published;
        if (published is null || !ReferenceEquals(published.Of, configuration))
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(Describe(configuration), MessagesJson.Default.ServerMetadata);
            _published = published = new(configuration, new StaticDocument(json, MaxAge));
        }

        return published.Document.WriteAsync(context);
    }

    private ServerMetadata Describe(ServerConfiguration configuration)
    {
        var grantTypes = grants.Select(grant => grant.GrantType).Order(StringComparer.Ordinal).ToList();
        // What a profile of the server demands of every client is not offered otherwise.
        var (any, demanded) = ClientTerms.OfAnyClient(options);
        IReadOnlyList<string> methods = [.. ClientAuthenticator.MethodsSupported, .. certificates.MethodsSupported];
        if (demanded.AuthenticationMethods is { } allowed) methods = [.. methods.Where(allowed.Contains)];
        var signing = demanded.Among(SigningAlgorithms.Supported);
        var assertions = demanded.Among(ClientAssertions.AlgorithmsSupported);
        var requests = demanded.Among(RequestObjects.AlgorithmsSupported);
        var proving = methods.Where(method => method != ClientAuthenticationMethods.None).ToList();
        var metadata = new ServerMetadata
        {
            Issuer = options.Issuer,
            AuthorizationEndpoint = options.Endpoint("/authorize"),
            TokenEndpoint = options.Endpoint("/token"),
            JwksUri = options.Endpoint("/.well-known/jwks.json"),
            UserinfoEndpoint = options.Endpoint("/userinfo"),
            DeviceAuthorizationEndpoint = grantTypes.Contains(GrantTypes.DeviceCode) ? options.Endpoint("/device/code") : null,
            RegistrationEndpoint = options.Registration == RegistrationMode.Off ? null : options.Endpoint("/register"),
            RevocationEndpoint = options.Endpoint("/revoke"),
            IntrospectionEndpoint = options.Endpoint("/introspect"),
            PushedAuthorizationRequestEndpoint = options.Endpoint("/par"),
            RequirePushedAuthorizationRequests = options.RequirePushedAuthorizationRequests || any.RequirePushedAuthorizationRequests,
            RequireSignedRequestObject = any.RequireSignedRequestObject,
            EndSessionEndpoint = options.Endpoint("/logout"),
            ScopesSupported = configuration.ScopesSupported,
            ResponseTypesSupported = ["code"],
            ResponseModesSupported = demanded.SignedResponses ? ResponseModes.Signed : ResponseModes.Supported,
            GrantTypesSupported = grantTypes,
            CodeChallengeMethodsSupported = [Pkce.S256],
            TokenEndpointAuthMethodsSupported = methods,
            TokenEndpointAuthSigningAlgValuesSupported = AssertionAlgorithms(methods, assertions),
            RevocationEndpointAuthMethodsSupported = methods,
            RevocationEndpointAuthSigningAlgValuesSupported = AssertionAlgorithms(methods, assertions),
            // A client that proves nothing may not look into tokens.
            IntrospectionEndpointAuthMethodsSupported = proving,
            IntrospectionEndpointAuthSigningAlgValuesSupported = AssertionAlgorithms(proving, assertions),
            SubjectTypesSupported = ["public", "pairwise"],
            IdTokenEncryptionAlgValuesSupported = EncryptionAlgorithms.Keys,
            IdTokenEncryptionEncValuesSupported = EncryptionAlgorithms.Contents,
            UserinfoSigningAlgValuesSupported = signing,
            UserinfoEncryptionAlgValuesSupported = EncryptionAlgorithms.Keys,
            UserinfoEncryptionEncValuesSupported = EncryptionAlgorithms.Contents,
            AuthorizationSigningAlgValuesSupported = signing,
            AuthorizationEncryptionAlgValuesSupported = EncryptionAlgorithms.Keys,
            AuthorizationEncryptionEncValuesSupported = EncryptionAlgorithms.Contents,
            RequestObjectSigningAlgValuesSupported = requests,
            // A client can encrypt to the server once one is registered for it: then there is a key.
            RequestObjectEncryptionAlgValuesSupported = NotEmpty(configuration.Keys.Decrypting.Select(key => key.Algorithm)),
            RequestObjectEncryptionEncValuesSupported = configuration.Keys.Decrypting.Count == 0 ? null : EncryptionAlgorithms.Contents,
            IdTokenSigningAlgValuesSupported = signing,
            ClaimTypesSupported = ["normal"],
            ClaimsSupported = [.. IdTokenClaims.Concat(ScopeClaims.Table.Values.SelectMany(claims => claims))],
            AcrValuesSupported = SignInSessions.AcrValuesSupported,
            PromptValuesSupported = [.. Prompts.Supported.Keys],
            DisplayValuesSupported = ["page"],
            UiLocalesSupported = ["en"],
            ClaimsParameterSupported = true,
            RequestParameterSupported = true,
            // Said in so many words: what is left out counts as true for request_uri_parameter_supported.
            RequestUriParameterSupported = configuration.Clients.Any(client => client.Metadata.RequestUris is { Count: > 0 }),
            RequireRequestUriRegistration = true,
            ClientIdMetadataDocumentSupported = options.ClientIdMetadataDocuments == MetadataDocumentMode.Off ? null : true,
            AuthorizationResponseIssParameterSupported = true,
            BackchannelLogoutSupported = true,
            BackchannelLogoutSessionSupported = true,
            FrontchannelLogoutSupported = true,
            FrontchannelLogoutSessionSupported = true,
            DpopSigningAlgValuesSupported = demanded.Among(DPoPProofs.AlgorithmsSupported),
            TlsClientCertificateBoundAccessTokens = options.SeesClientCertificates ? true : null,
            BackchannelAuthenticationEndpoint = options.Endpoint("/backchannel-authentication"),
            BackchannelTokenDeliveryModesSupported = BackchannelDelivery.Modes,
            BackchannelAuthenticationRequestSigningAlgValuesSupported = requests,
            BackchannelUserCodeParameterSupported = false,
            GlobalTokenRevocationEndpoint = options.Endpoint("/global-token-revocation"),
            GlobalTokenRevocationEndpointAuthMethodsSupported = demanded.AuthenticationMethods is null ? [ClientAuthenticationMethods.ClientSecretBasic] : proving,
            IntrospectionSigningAlgValuesSupported = signing,
            IntrospectionEncryptionAlgValuesSupported = EncryptionAlgorithms.Keys,
            IntrospectionEncryptionEncValuesSupported = EncryptionAlgorithms.Contents,
            AuthorizationDetailsTypesSupported = NotEmpty(configuration.Resources.SelectMany(resource => resource.AuthorizationDetailsTypes).Select(type => type.Type)),
            ProtectedResources = configuration.Resources.Count == 0 ? null : [.. configuration.Resources.Select(resource => resource.Resource)],
            ServiceDocumentation = options.ServiceDocumentation,
        };
        return metadata with { MtlsEndpointAliases = MtlsAliases(metadata) };
    }

    /// <summary>The endpoints that a client connects to with its certificate, where that is another address (RFC 8705 section 5).</summary>
    private Dictionary<string, string>? MtlsAliases(ServerMetadata metadata)
    {
        if (options.MtlsUrl is null) return null;
        var aliases = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, url) in (ReadOnlySpan<(string, string?)>)[
            ("token_endpoint", metadata.TokenEndpoint), ("userinfo_endpoint", metadata.UserinfoEndpoint),
            ("revocation_endpoint", metadata.RevocationEndpoint), ("introspection_endpoint", metadata.IntrospectionEndpoint),
            ("device_authorization_endpoint", metadata.DeviceAuthorizationEndpoint),
            ("pushed_authorization_request_endpoint", metadata.PushedAuthorizationRequestEndpoint),
            ("backchannel_authentication_endpoint", metadata.BackchannelAuthenticationEndpoint)])
        {
            if (url is not null) aliases[name] = options.MtlsEndpoint(url[options.Endpoint("").Length..]);
        }

        return aliases;
    }

    private static IReadOnlyList<string> IdTokenClaims { get; } =
    [
        ClaimNames.Issuer, ClaimNames.Subject, ClaimNames.Audience, ClaimNames.Expiration, ClaimNames.IssuedAt, ClaimNames.AuthenticationTime,
        ClaimNames.AuthenticationContext, ClaimNames.AuthenticationMethods, ClaimNames.Nonce, ClaimNames.SessionId,
    ];

    private static IReadOnlyList<string>? AssertionAlgorithms(IEnumerable<string> methods, IReadOnlyList<string> algorithms) =>
        methods.Contains(ClientAuthenticationMethods.PrivateKeyJwt) ? algorithms : null;

    private static List<string>? NotEmpty(IEnumerable<string> values) => values.Distinct(StringComparer.Ordinal).ToList() is { Count: > 0 } list ? list : null;

    private sealed record Published(ServerConfiguration Of, StaticDocument Document);
}
