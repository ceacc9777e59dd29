using System.Text.Json.Nodes;
using Latchkey.Testing.Tokens;

namespace Latchkey.Testing.Mock;

/// <summary>Makes the token that a test in another language wants.</summary>
internal static class TokenOrders
{
    public static string Make(TestAuthority authority, JsonObject order)
    {
        var token = authority.Token();
        if ((string?)order["user"] is { } user) token = token.For(user);
        if ((string?)order["client_id"] is { } client) token = order.ContainsKey("user") ? token.Client(client) : token.ForClient(client);
        if ((string?)order["scope"] is { } scope) token = token.Scope(scope);
        if (order["audience"] is JsonArray several) token = token.Audience([.. several.Select(one => (string)one!)]);
        else if ((string?)order["audience"] is { } audience) token = token.Audience(audience);
        if ((double?)order["lifetime_seconds"] is { } lifetime) token = token.Lifetime(TimeSpan.FromSeconds(lifetime));
        if ((string?)order["algorithm"] is { } algorithm) token = token.SignedWith(algorithm);
        if (order["claims"] is JsonObject claims)
        {
            foreach (var (name, value) in claims) token = token.Claim(name, value);
        }

        return Spoil(token, (string?)order["fault"]);
    }

    private static string Spoil(TokenBuilder token, string? fault) => fault switch
    {
        null => token,
        "expired" => token.Expired(),
        "not_yet_valid" => token.NotYetValid(),
        "no_expiry" => token.NoExpiry(),
        "wrong_audience" => token.WrongAudience(),
        "wrong_issuer" => token.WrongIssuer(),
        "wrong_type" => token.WrongType("JWT"),
        "unknown_key" => token.UnknownKey(),
        "forged_key" => token.ForgedKey(),
        "embedded_key" => token.EmbeddedKey(),
        "key_elsewhere" => token.KeyElsewhere(),
        "tampered" => token.TamperedSignature(),
        "stripped" => token.StrippedSignature(),
        "alg_none" => token.AlgNone(),
        "hmac_with_public_key" => token.HmacWithPublicKey(),
        "id_token" => token.AsIdToken(),
        "logout_token" => token.AsLogoutToken(),
        _ => throw new ArgumentException(
            $"There is no fault \"{fault}\" of a token; there are expired, not_yet_valid, no_expiry, wrong_audience, wrong_issuer, wrong_type, unknown_key, forged_key, embedded_key, key_elsewhere, tampered, stripped, alg_none, hmac_with_public_key, id_token and logout_token."),
    };
}
