using System.Text.Json;
using Latchkey.Client.AspNetCore.Sessions;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>What a session keeps of the claims of an ID token and of userinfo, under their own names.</summary>
internal static class IdentityClaims
{
    // These are about the token, not about the person.
    private static readonly HashSet<string> OfTheToken = new(StringComparer.Ordinal) { "iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "jti", "at_hash", "c_hash", "s_hash" };

    /// <summary>Both together; where they disagree the ID token counts, which was signed for this sign-in.</summary>
    public static IReadOnlyList<SessionClaim> From(JsonElement idToken, JsonElement? userInfo)
    {
        var claims = new List<SessionClaim>();
        foreach (var claim in idToken.EnumerateObject()) Add(claims, claim);
        if (userInfo is not { ValueKind: JsonValueKind.Object } more) return claims;
        foreach (var claim in more.EnumerateObject())
        {
            if (!idToken.TryGetProperty(claim.Name, out _)) Add(claims, claim);
        }

        return claims;
    }

    private static void Add(List<SessionClaim> claims, JsonProperty claim)
    {
        if (!OfTheToken.Contains(claim.Name) && SessionClaim.From(claim.Name, claim.Value) is { } kept) claims.Add(kept);
    }
}
