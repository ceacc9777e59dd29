using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Admin;

/// <summary>What may be declared of a trusted issuer.</summary>
internal static class TrustedIssuerRules
{
    private const int LongestLifetime = 24 * 3600;

    /// <summary>What is wrong with an issuer, as a sentence; null if nothing is.</summary>
    public static string? Fault(TrustedIssuer issuer)
    {
        if (issuer.Issuer.Length == 0) return "issuer is missing; give the iss of its JWTs.";
        if (issuer.Issuer.Length > 1024) return "issuer is longer than 1024 characters.";
        if (issuer is { Jwks: not null, JwksUri: not null }) return "jwks and jwks_uri are both there; keep one of them.";
        if (issuer is { Jwks: null, JwksUri: null } && ProviderAddress.Judge(issuer.Issuer) is { } refusal)
            return $"its keys can't be found from its issuer ({refusal.Reason}); give jwks_uri or jwks.";
        if (issuer.JwksUri is { } address && (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || !ProviderAddress.IsSecure(uri)))
            return "jwks_uri is not an https URL (http is taken on loopback only).";
        if (issuer.Jwks is { } jwks && (jwks.ValueKind != JsonValueKind.Object || !jwks.TryGetProperty("keys", out var keys) || keys.ValueKind != JsonValueKind.Array))
            return "jwks is no JWK set; write it as { \"keys\": [ … ] } (RFC 7517 section 5).";
        if (issuer.MaximumLifetime is < 10 or > LongestLifetime) return $"maximum_lifetime is not between 10 and {LongestLifetime} seconds.";
        if (issuer.IdJag && !issuer.SingleUse) return "single_use can't be false with id_jag: such assertions are good once; take it out.";
        if (issuer.Rules.Count == 0) return "rules is empty, so that nobody could use its JWTs; give one rule at least.";
        foreach (var rule in issuer.Rules)
        {
            if (RuleFault(issuer, rule) is { } fault) return fault;
        }

        return null;
    }

    private static string? RuleFault(TrustedIssuer issuer, TrustedIssuerRule rule)
    {
        if (rule.ClientId.Length == 0) return "a rule has no client_id; name the client that may bring the JWTs.";
        if (rule.UserMatch is not ("sub" or "username")) return $"user_match {rule.UserMatch} is unknown; use sub or username.";
        if (ScopeSet.Parse(rule.Scope).Refused(out _, out var scope)) return "the scope of a rule holds a character that scopes can't have.";
        if (scope.Count == 0) return "a rule has no scope; name what may be had by it.";
        if (scope.Contains(Scopes.OfflineAccess)) return "a rule has the scope offline_access; the JWT bearer grant gives no refresh token, take it out.";
        // Everybody with an account at a public platform has a JWT of its.
        if (rule.UserClaim is null && rule.Claims.Count == 0 && !issuer.IdJag)
            return "a rule has neither claims nor user_claim, so that every JWT of the issuer would fit; name the claims of yours, such as sub.";
        return null;
    }
}
