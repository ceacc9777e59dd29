using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Samples.Web;

/// <summary>Checks what the provider signed: ID tokens and logout tokens.</summary>
internal sealed class IdTokens(HttpClient http, TimeProvider clock, string clientId)
{
    private const string LogoutEvent = "http://schemas.openid.net/event/backchannel-logout";
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false };
    private IList<SecurityKey> _keys = [];
    private DateTimeOffset _keysReadAt;

    /// <summary>An ID token of a sign-in (OpenID Connect Core section 3.1.3.7).</summary>
    public async Task<JsonWebToken> ValidateAsync(Provider provider, string idToken, string? nonce)
    {
        var token = await ValidateAsync(provider, idToken, ["JWT", null]);
        if (nonce is not null && Text(token, "nonce") != nonce) throw new OAuthException("invalid_id_token", "The nonce is not this sign-in's.");
        if (token.Audiences.Count() > 1 && Text(token, "azp") != clientId) throw new OAuthException("invalid_id_token", "It was issued to another client.");
        if (string.IsNullOrEmpty(token.Subject)) throw new OAuthException("invalid_id_token", "It has no sub.");
        return token;
    }

    /// <summary>A logout token (OpenID Connect Back-Channel Logout section 2.6).</summary>
    public async Task<(string? Subject, string? Session)> ValidateLogoutAsync(Provider provider, string logoutToken)
    {
        var token = await ValidateAsync(provider, logoutToken, ["logout+jwt", "JWT"]);
        if (token.TryGetPayloadValue<object>("nonce", out _)) throw new OAuthException("invalid_request", "A logout token has no nonce.");
        if (!token.TryGetPayloadValue<JsonElement>("events", out var events)
            || events.ValueKind != JsonValueKind.Object
            || !events.TryGetProperty(LogoutEvent, out var logout)
            || logout.ValueKind != JsonValueKind.Object)
        {
            throw new OAuthException("invalid_request", "The events do not say logout.");
        }

        if (token.IssuedAt < clock.GetUtcNow().UtcDateTime.AddMinutes(-10)) throw new OAuthException("invalid_request", "It is an old one.");
        var (subject, session) = (string.IsNullOrEmpty(token.Subject) ? null : token.Subject, Text(token, "sid"));
        if (subject is null && session is null) throw new OAuthException("invalid_request", "It names neither a person nor a session.");
        return (subject, session);
    }

    private async Task<JsonWebToken> ValidateAsync(Provider provider, string text, string?[] types)
    {
        var result = await TryAsync(provider, text, types);
        // A key that is not known may be a new one: look again, but at most every half minute, since strangers can send tokens too.
        if (result.Exception is SecurityTokenSignatureKeyNotFoundException && clock.GetUtcNow() - _keysReadAt > Skew)
        {
            await ReadKeysAsync(provider);
            result = await TryAsync(provider, text, types);
        }

        return result.IsValid ? (JsonWebToken)result.SecurityToken : throw new OAuthException("invalid_token", result.Exception.GetType().Name);
    }

    private async Task<TokenValidationResult> TryAsync(Provider provider, string text, string?[] types)
    {
        if (_keys.Count == 0) await ReadKeysAsync(provider);
        return await _handler.ValidateTokenAsync(text, new TokenValidationParameters
        {
            ValidIssuer = provider.Issuer,
            ValidAudience = clientId,
            IssuerSigningKeys = _keys,
            ValidAlgorithms = ["RS256", "PS256", "ES256"],
            TypeValidator = (type, _, _) => types.Contains(type, StringComparer.OrdinalIgnoreCase)
                ? type ?? ""
                : throw new SecurityTokenInvalidTypeException("The token is of another kind."),
            ClockSkew = Skew,
            RequireExpirationTime = true,
        });
    }

    private async Task ReadKeysAsync(Provider provider)
    {
        _keys = new JsonWebKeySet(await http.GetStringAsync(provider.Endpoint("jwks_uri"))).GetSigningKeys();
        _keysReadAt = clock.GetUtcNow();
    }

    private static string? Text(JsonWebToken token, string claim) => token.TryGetPayloadValue<string>(claim, out var value) ? value : null;
}
