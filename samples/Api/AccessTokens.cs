using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Samples.Api;

/// <summary>Which access tokens count: this issuer's, for this resource, of the type that access tokens have.</summary>
internal static class AccessTokens
{
    public static void Configure(JwtBearerOptions options, string issuer, string resource)
    {
        var loopback = new Uri(issuer).IsLoopback;
        options.MapInboundClaims = false;
        options.RequireHttpsMetadata = !loopback;
        options.ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
            issuer.TrimEnd('/') + "/.well-known/openid-configuration",
            new OpenIdConnectConfigurationRetriever(),
            new HttpDocumentRetriever { RequireHttps = !loopback },
            new SameIssuer(issuer))
        {
            // A key that is not known yet is looked for again, but not for every stranger's token.
            RefreshInterval = TimeSpan.FromSeconds(30),
        };
        options.TokenValidationParameters = new TokenValidationParameters
        {
            // Not "whatever the metadata says": the one that was configured, as a string.
            IssuerValidator = (claimed, _, _) => claimed == issuer ? claimed : throw new SecurityTokenInvalidIssuerException("The token is another issuer's."),
            ValidAudience = resource,
            // ID tokens and logout tokens are signed with the same keys; the type keeps them apart (RFC 9068 section 4).
            ValidTypes = ["at+jwt", "application/at+jwt"],
            ValidAlgorithms = ["RS256", "PS256", "ES256"],
            ClockSkew = TimeSpan.FromSeconds(30),
            RequireExpirationTime = true,
            RequireSignedTokens = true,
            NameClaimType = "sub",
        };
    }

    /// <summary>Metadata of another issuer than the configured one is refused, whoever served it.</summary>
    private sealed class SameIssuer(string issuer) : IConfigurationValidator<OpenIdConnectConfiguration>
    {
        public ConfigurationValidationResult Validate(OpenIdConnectConfiguration configuration) => new()
        {
            Succeeded = configuration.Issuer == issuer && configuration.SigningKeys.Count > 0,
            ErrorMessage = $"The metadata is not that of {issuer}, or holds no keys.",
        };
    }
}
