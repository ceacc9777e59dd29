using System.Security.Claims;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Latchkey.Bench.OpenIddict;

/// <summary>The one account, kept in memory.</summary>
internal static class Person
{
    public const string Subject = "alice";
    public const string Password = "correct horse battery staple";
    private const string Email = "alice@example.com";
    private const string FullName = "Alice Example";

    public static void AddTo(ClaimsIdentity identity) =>
        identity.SetClaim(Claims.Email, Email).SetClaim(Claims.Name, FullName).SetClaim(Claims.PreferredUsername, Subject);

    /// <summary>Which tokens a claim goes into.</summary>
    public static IEnumerable<string> Destinations(Claim claim)
    {
        yield return OpenIddictConstants.Destinations.AccessToken;
        if (claim.Type is Claims.Name or Claims.PreferredUsername && claim.Subject!.HasScope(Scopes.Profile)) yield return OpenIddictConstants.Destinations.IdentityToken;
        if (claim.Type is Claims.Email && claim.Subject!.HasScope(Scopes.Email)) yield return OpenIddictConstants.Destinations.IdentityToken;
    }

    public static Dictionary<string, object> ClaimsOf(ClaimsPrincipal principal)
    {
        var claims = new Dictionary<string, object> { [Claims.Subject] = principal.GetClaim(Claims.Subject)! };
        if (principal.HasScope(Scopes.Email)) (claims[Claims.Email], claims[Claims.EmailVerified]) = (Email, true);
        if (principal.HasScope(Scopes.Profile)) (claims[Claims.Name], claims[Claims.PreferredUsername]) = (FullName, Subject);
        return claims;
    }
}
