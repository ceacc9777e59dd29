using System.Text.Json;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Protocol;
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

    // Replayed later, a token ends what it has ended before: to remember it for longer would only let one that is valid for years take room for years.
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    private readonly UsedTokens _used = new(clock);

    /// <summary>Ends the sessions that a token names.</summary>
    /// <returns>Why it was not obeyed; null if it was.</returns>
    public async ValueTask<Refusal?> ObeyAsync(string token, ISessionStore sessions, CancellationToken cancellation)
    {
        var verdict = await JudgeAsync(token, cancellation).ConfigureAwait(false);
        if (!verdict.Succeeded(out var order, out var refusal)) return refusal;

        // 9. That it is new. Nodes don't tell each other: a replay at another one ends what the first use has ended.
        if (!_used.Add(order.Id, order.Until)) return SignInRefusals.LogoutReplayed;
        try
        {
            await sessions.EndAsync(order.Sessions, cancellation).ConfigureAwait(false);
        }
        catch
        {
            // Nothing has ended: the provider sends the token again, and then it has to count.
            _used.Remove(order.Id);
            throw;
        }

        return null;
    }

    private async ValueTask<Verdict<Order>> JudgeAsync(string token, CancellationToken cancellation)
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

        if (claims.Text("jti") is not { Length: > 0 } id) return SignInRefusals.LogoutId;
        var now = clock.GetUtcNow();
        var expiry = DateTimeOffset.FromUnixTimeSeconds(claims.Date(ClaimNames.Expiration)!.Value);
        var until = (expiry < now + Remembered ? expiry : now + Remembered) + options.ClockSkew;
        var at = string.IsNullOrEmpty(session) ? DateTimeOffset.FromUnixTimeSeconds(issuedAt) + Leeway : now;
        return new Order(new NamedSessions(scheme, options.Issuer, NullIfEmpty(subject), NullIfEmpty(session), at < now ? at : now), id, until);
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    /// <summary>What a good token says.</summary>
    /// <param name="Sessions">The sessions that end.</param>
    /// <param name="Id">The token's id.</param>
    /// <param name="Until">Until when the id is remembered.</param>
    private sealed record Order(NamedSessions Sessions, string Id, DateTimeOffset Until);
}
