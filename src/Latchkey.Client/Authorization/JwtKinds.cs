using Latchkey.Verification.Jose;

namespace Latchkey.Client.Authorization;

/// <summary>The kinds of JWT that a provider sends to a client, and the rules of each (RFC 8725 section 3.12: none passes for another).</summary>
internal static class JwtKinds
{
    public static JwtRules IdToken(LatchkeyClientOptions options) => new()
    {
        // OpenID Connect sets no type: JWT or none at all, but never that of an access, logout or other token.
        Types = ["JWT"],
        AllowMissingType = true,
        Algorithms = [.. options.SigningAlgorithms],
        Audiences = [options.ClientId],
        Skew = options.ClockSkew,
        RequireExpiry = true,
    };

    /// <summary>It has an issuer and an audience (section 5.3.2), and no end: it is of the moment.</summary>
    public static JwtRules UserInfo(LatchkeyClientOptions options) => new()
    {
        Types = ["JWT"],
        AllowMissingType = true,
        Algorithms = [.. options.SigningAlgorithms],
        Audiences = [options.ClientId],
        Skew = options.ClockSkew,
        RequireExpiry = false,
    };

    public static JwtRules SignedAnswer(LatchkeyClientOptions options) => IdToken(options);
}
