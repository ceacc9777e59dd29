using System.Text.Json;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Protocol.Names;
using Latchkey.Verification;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.AspNetCore.Logout;

/// <summary>Judges logout tokens by OpenID Connect Back-Channel Logout 1.0 section 2.6.</summary>
internal sealed class LogoutToken(LatchkeyClient client, string scheme, TimeProvider clock)
{
    private const string Event = "http://schemas.openid.net/event/backchannel-logout";

    // Of a token without sid, sessions that began this long after it are still meant: the clocks of the two differ.
    private static readonly TimeSpan Leeway = TimeSpan.FromMinutes(1);

    private readonly UsedTokens _used = new(clock);

    /// <summary>The sessions that a token ends.</summary>
    public async ValueTask<Verdict<NamedSessions>> JudgeAsync(string token, CancellationToken cancellation)
    {
        var options = client.Options;
        // 1. to 5. Signature, kind, issuer, audience and time.
        var rules = new JwtRules
        {
            Types = ["logout+jwt", "JWT"],
            AllowMissingType = true,
            Algorithms = [.. options.SigningAlgorithms],
            Audiences = [options.ClientId],
            Skew = options.ClockSkew,
        };
        var verdict = await JwtVerifier.VerifyAsync(token, client.Provider, rules, clock, cancellation).ConfigureAwait(false);
        if (!verdict.Succeeded(out var jws, out var refusal)) return refusal;
        var claims = jws.Claims;
        if (claims.Date(ClaimNames.IssuedAt) is not { } issuedAt) return SignInRefusals.LogoutIssuedAt;

        // 6. Whom it is about.
        var (subject, session) = (claims.Text(ClaimNames.Subject), claims.Text(ClaimNames.SessionId));
        if (string.IsNullOrEmpty(subject) && string.IsNullOrEmpty(session)) return SignInRefusals.LogoutNobody;

        // 7. That it says logout, and 8. that it is no ID token.
        if (claims.Object("events")?.Kind(Event) != JsonValueKind.Object) return SignInRefusals.LogoutEvents;
        if (claims.Has("nonce")) return SignInRefusals.LogoutNonce;

        // 9. That it is new. Nodes don't tell each other: a replay at another one ends what the first use has ended.
        if (claims.Text("jti") is not { Length: > 0 } id) return SignInRefusals.LogoutId;
        var expiry = DateTimeOffset.FromUnixTimeSeconds(claims.Date(ClaimNames.Expiration)!.Value) + options.ClockSkew;
        if (!_used.Add(id, expiry)) return SignInRefusals.LogoutReplayed;

        var now = clock.GetUtcNow();
        var at = string.IsNullOrEmpty(session) ? DateTimeOffset.FromUnixTimeSeconds(issuedAt) + Leeway : now;
        return new NamedSessions(scheme, options.Issuer, NullIfEmpty(subject), NullIfEmpty(session), at < now ? at : now);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
