using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Testing.Wiring;

/// <summary>ASP.NET Core's own handlers. Whatever they check they go on checking; only whom they trust changes.</summary>
internal static class StockHandlers
{
    public static void Wire(JwtBearerOptions options, TestAuthority authority)
    {
        options.Authority = authority.Issuer;
        options.MetadataAddress = MetadataAddress(authority);
        options.RequireHttpsMetadata &= authority.Options.IsHttps;
        options.Configuration = null;
        options.BackchannelHttpHandler = authority.CreateHandler();
        options.Backchannel = new HttpClient(options.BackchannelHttpHandler) { Timeout = options.BackchannelTimeout, MaxResponseContentBufferSize = 10 * 1024 * 1024 };
        options.ConfigurationManager = Manager(options.MetadataAddress, options.Backchannel, options.RequireHttpsMetadata, options.RefreshInterval, options.AutomaticRefreshInterval);
        Trust(options.TokenValidationParameters, authority);
    }

    public static void Wire(OpenIdConnectOptions options, Wires wire)
    {
        var authority = wire.Authority;
        options.Authority = authority.Issuer;
        options.MetadataAddress = MetadataAddress(authority);
        options.RequireHttpsMetadata &= authority.Options.IsHttps;
        options.Configuration = null;
        options.BackchannelHttpHandler = authority.CreateHandler();
        options.Backchannel = new HttpClient(options.BackchannelHttpHandler) { Timeout = options.BackchannelTimeout, MaxResponseContentBufferSize = 10 * 1024 * 1024 };
        options.ConfigurationManager = Manager(options.MetadataAddress, options.Backchannel, options.RequireHttpsMetadata, options.RefreshInterval, options.AutomaticRefreshInterval);
        Trust(options.TokenValidationParameters, authority);
        // The only response type that OAuth 2.1 has left, and the only one of this server.
        options.ResponseType = OpenIdConnectResponseType.Code;
        if (wire.Wiring.DeclareClients && options.ClientId is { Length: > 0 }) Declare(options, wire);
    }

    // The app's client, so that nobody has to write its callback down a second time.
    private static void Declare(OpenIdConnectOptions options, Wires wire)
    {
        // Nobody but the two of them sees it, and a short one would be refused.
        if (options.ClientSecret is { Length: > 0 and < 16 }) options.ClientSecret = SecretHasher.NewSecret();
        var client = new ClientMetadata
        {
            ClientId = options.ClientId!,
            RedirectUris = [.. wire.Wiring.Origins.Select(origin => origin + options.CallbackPath)],
            PostLogoutRedirectUris = [.. wire.Wiring.Origins.Select(origin => origin + options.SignedOutCallbackPath)],
            GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken],
            Scope = Ready.AllScopes,
            TokenEndpointAuthMethod = string.IsNullOrEmpty(options.ClientSecret) ? ClientAuthenticationMethods.None : ClientAuthenticationMethods.ClientSecretPost,
            SkipConsent = true,
        };
        wire.Authority.AdmitAsync(client, options.ClientSecret).GetAwaiter().GetResult();
    }

    private static string MetadataAddress(TestAuthority authority) => authority.Options.Endpoint("/.well-known/openid-configuration");

    private static ConfigurationManager<OpenIdConnectConfiguration> Manager(string address, HttpClient http, bool https, TimeSpan refresh, TimeSpan automaticRefresh) =>
        new(address, new OpenIdConnectConfigurationRetriever(), new HttpDocumentRetriever(http) { RequireHttps = https })
        {
            RefreshInterval = refresh,
            AutomaticRefreshInterval = automaticRefresh,
        };

    private static void Trust(TokenValidationParameters parameters, TestAuthority authority)
    {
        // Keys and issuers that the app was given by hand are the other provider's.
        parameters.IssuerSigningKey = null;
        parameters.IssuerSigningKeys = null;
        parameters.IssuerSigningKeyResolver = null;
        parameters.ValidIssuers = null;
        if (parameters.ValidIssuer is not null) parameters.ValidIssuer = authority.Issuer;
        // The library reads the system's clock; with a validator of its own it reads the authority's and judges the same.
        parameters.LifetimeValidator ??= (notBefore, expires, _, rules) => Judge(notBefore, expires, rules, authority.Time.GetUtcNow().UtcDateTime);
    }

    private static bool Judge(DateTime? notBefore, DateTime? expires, TokenValidationParameters rules, DateTime now)
    {
        if (!rules.ValidateLifetime) return true;
        if (expires is null && rules.RequireExpirationTime) throw new SecurityTokenNoExpirationException("IDX10225: Lifetime validation failed. The token is missing an Expiration Time.");
        if (notBefore > expires) throw new SecurityTokenInvalidLifetimeException("IDX10224: Lifetime validation failed. The NotBefore is after Expires.") { NotBefore = notBefore, Expires = expires };
        if (notBefore > now + rules.ClockSkew) throw new SecurityTokenNotYetValidException("IDX10222: Lifetime validation failed. The token is not yet valid.") { NotBefore = notBefore!.Value };
        if (expires < now - rules.ClockSkew) throw new SecurityTokenExpiredException("IDX10223: Lifetime validation failed. The token is expired.") { Expires = expires!.Value };
        return true;
    }
}
