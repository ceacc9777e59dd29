using System.Globalization;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Endpoints;

/// <summary>Reads an answer of the token endpoint (RFC 6749 section 5.1); ID tokens are still to be verified.</summary>
internal sealed record TokenAnswer(AccessToken AccessToken, string? RefreshToken, string? IdToken, string? IssuedTokenType)
{
    // No token lives longer; keeps absurd numbers out of date arithmetic.
    private const double MaximumLifetime = 10 * 365.25 * 86_400;

    /// <summary>Reads it.</summary>
    /// <param name="json">The answer.</param>
    /// <param name="requestedScope">What was asked for: what is granted where the answer does not say.</param>
    /// <param name="keyThumbprint">The DPoP key that was shown; null if none was.</param>
    /// <param name="now">When it came.</param>
    /// <param name="mayBeOther">Whether a token that is no access token may come: in a token exchange.</param>
    /// <exception cref="OAuthException">It is not what the specification says.</exception>
    public static TokenAnswer Read(JsonElement json, string? requestedScope, string? keyThumbprint, DateTimeOffset now, bool mayBeOther = false)
    {
        var value = Text(json, TokenTypes.AccessToken) ?? throw new OAuthException(ClientRefusals.TokenMissing());
        // It goes into a header: what can't stand there is no token.
        if (value.Any(character => character is <= ' ' or > '~')) throw new OAuthException(ClientRefusals.TokenMalformed(TokenTypes.AccessToken));
        var type = Type(Text(json, "token_type") ?? throw new OAuthException(ClientRefusals.TokenTypeMissing()), keyThumbprint, mayBeOther);
        return new TokenAnswer(
            new AccessToken
            {
                Value = value,
                Type = type,
                IssuedAt = now,
                ExpiresAt = Lifetime(json) is { } seconds ? now.AddSeconds(seconds) : null,
                Scope = Text(json, ParameterNames.Scope) ?? requestedScope ?? "",
                KeyThumbprint = type == AccessToken.DPoPType ? keyThumbprint : null,
            },
            Text(json, ParameterNames.RefreshToken), Text(json, "id_token"), Text(json, "issued_token_type"));
    }

    // Case-insensitive (RFC 6749 section 5.1).
    private static string Type(string sent, string? keyThumbprint, bool mayBeOther)
    {
        if (sent.Equals(TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase))
            return keyThumbprint is null ? TokenTypes.Bearer : throw new OAuthException(ClientRefusals.TokenNotBound());
        if (sent.Equals(AccessToken.DPoPType, StringComparison.OrdinalIgnoreCase))
            return keyThumbprint is not null ? AccessToken.DPoPType : throw new OAuthException(ClientRefusals.TokenBoundUnasked());
        return mayBeOther && sent.Equals("N_A", StringComparison.OrdinalIgnoreCase) ? "N_A" : throw new OAuthException(ClientRefusals.TokenTypeUnknown());
    }

    // A number by the specification; some providers send it as a string.
    private static double? Lifetime(JsonElement json)
    {
        if (!json.TryGetProperty("expires_in", out var value) || value.ValueKind == JsonValueKind.Null) return null;
        double seconds;
        var read = value.ValueKind switch
        {
            JsonValueKind.Number => value.TryGetDouble(out seconds),
            JsonValueKind.String => double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out seconds),
            _ => Nothing(out seconds),
        };
        return read && double.IsFinite(seconds) ? Math.Clamp(Math.Floor(seconds), 0, MaximumLifetime) : throw new OAuthException(ClientRefusals.TokenMalformed("expires_in"));

        static bool Nothing(out double none)
        {
            none = 0;
            return false;
        }
    }

    private static string? Text(JsonElement json, string name)
    {
        if (!json.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String) throw new OAuthException(ClientRefusals.TokenMalformed(name));
        return value.GetString() is { Length: > 0 } text ? text : null;
    }

    /// <summary>Never the tokens.</summary>
    public override string ToString() => AccessToken.ToString();
}
