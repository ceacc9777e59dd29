using System.Buffers.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Tests.Harness;

/// <summary>Reads JWTs, and verifies them with somebody else's library against the keys that the server publishes.</summary>
public static class Jwt
{
    /// <summary>The header, unverified.</summary>
    public static JsonElement Header(string token) => Part(token, 0);

    /// <summary>The claims, unverified.</summary>
    public static JsonElement Claims(string token) => Part(token, 1);

    /// <summary>Verifies signature, issuer, audience, type and lifetime.</summary>
    /// <param name="token">The token.</param>
    /// <param name="issuer">Whose; its JWKS is fetched.</param>
    /// <param name="audience">For whom.</param>
    /// <param name="type">The header's <c>typ</c>.</param>
    /// <param name="algorithm">The header's <c>alg</c>.</param>
    /// <param name="clock">What time it is; now if null.</param>
    /// <returns>The claims.</returns>
    public static async Task<JsonElement> VerifyAsync(string token, string issuer, string audience, string type, string algorithm = "RS256", TimeProvider? clock = null)
    {
        using var http = new HttpClient();
        var keys = new JsonWebKeySet(await http.GetStringAsync(new Uri(issuer + "/.well-known/jwks.json")));
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = issuer,
            ValidAudience = audience,
            IssuerSigningKeys = keys.GetSigningKeys(),
            ValidTypes = [type],
            ValidAlgorithms = [algorithm],
            ClockSkew = TimeSpan.Zero,
            LifetimeValidator = (notBefore, expires, _, _) =>
            {
                var now = (clock ?? TimeProvider.System).GetUtcNow().UtcDateTime;
                return expires > now && !(notBefore > now);
            },
        });
        return result.IsValid ? Claims(token) : throw new Xunit.Sdk.XunitException($"The token is not valid: {result.Exception}");
    }

    private static JsonElement Part(string token, int index) => JsonElement.Parse(Base64Url.DecodeFromChars(token.Split('.')[index]));
}
