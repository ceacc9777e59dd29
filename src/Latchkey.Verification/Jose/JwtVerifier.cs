using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Providers;

namespace Latchkey.Verification.Jose;

/// <summary>Verifies a JWT that a provider signed: RFC 7519 section 7.2 with the rules of RFC 8725, in numbered steps, each with a refusal of its own.</summary>
public static class JwtVerifier
{
    /// <summary>Verifies a token of a provider.</summary>
    /// <param name="token">The token as sent.</param>
    /// <param name="provider">Who must have issued it.</param>
    /// <param name="rules">What it must be like.</param>
    /// <param name="clock">The receiver's clock.</param>
    /// <param name="cancellationToken">Ends the waiting for keys.</param>
    /// <returns>The token, all of whose checks held, or the refusal of the first that did not.</returns>
    /// <exception cref="ProviderException">The provider's keys can't be had, so nothing can be said of the token.</exception>
    public static ValueTask<Verdict<Jws>> VerifyAsync(
        string token, Provider provider, JwtRules rules, TimeProvider clock, CancellationToken cancellationToken = default)
    {
        // 1. Shape and size.
        if (!Jws.Read(token, rules.MaximumLength).Succeeded(out var jws, out var refusal)) return Refuse(refusal);
        return VerifyAsync(jws, provider, rules, clock, cancellationToken);
    }

    /// <summary>Verifies a token that was read already, such as one whose issuer had to be looked up first.</summary>
    /// <param name="jws">The token, read but not verified.</param>
    /// <param name="provider">Who must have issued it.</param>
    /// <param name="rules">What it must be like.</param>
    /// <param name="clock">The receiver's clock.</param>
    /// <param name="cancellationToken">Ends the waiting for keys.</param>
    /// <returns>The token, all of whose checks held, or the refusal of the first that did not.</returns>
    /// <exception cref="ProviderException">The provider's keys can't be had, so nothing can be said of the token.</exception>
    public static ValueTask<Verdict<Jws>> VerifyAsync(
        Jws jws, Provider provider, JwtRules rules, TimeProvider clock, CancellationToken cancellationToken = default)
    {
        // 2. to 6. Everything that can be seen without the key comes first, so that only a token that is right in all else can make us ask for keys.
        if (Judge(jws, provider.Issuer, rules, clock.GetUtcNow().ToUnixTimeSeconds()) is { } refusal) return Refuse(refusal);

        // 7. The key: the issuer's own, by kid and alg. 8. The signature.
        var pending = provider.Keys.FindAsync(jws.Header.KeyId, jws.Header.Algorithm, cancellationToken);
        return pending.IsCompletedSuccessfully ? new(VerifySignature(jws, pending.Result, provider)) : AwaitKeyAsync(jws, pending, provider);
    }

    /// <summary>The checks of a token that need no key. A token that passes them may still be anybody's.</summary>
    private static Refusal? Judge(Jws jws, string issuer, JwtRules rules, long now)
    {
        // 2. Its kind (RFC 8725 section 3.11) and 3. its algorithm, from our list and never from the token's (section 3.1).
        var type = jws.Header.Type;
        if (type is null ? !rules.AllowMissingType : !rules.Types.Contains(type)) return JwtRefusals.Type(type, rules);
        if (!rules.Algorithms.Contains(jws.Header.Algorithm)) return JwtRefusals.Algorithm(jws.Header.Algorithm, rules);

        // 4. Its issuer, as a string (section 3.8), and 5. its audience (section 3.9).
        if (!jws.Claims.Is(ClaimNames.Issuer, issuer)) return JwtRefusals.Issuer(issuer);
        if (!IsFor(jws.Claims, rules.Audiences)) return JwtRefusals.Audience(rules);

        // 6. Its time, and the claims that its kind must have.
        if (JudgeTime(jws.Claims, rules, now) is { } refusal) return refusal;
        foreach (var claim in rules.RequiredClaims)
        {
            if (string.IsNullOrEmpty(jws.Claims.Text(claim))) return JwtRefusals.Missing(claim);
        }

        return null;
    }

    /// <summary>The checks of time, RFC 7519 sections 4.1.4 to 4.1.6. A verified token that is kept must pass them again each time it is used.</summary>
    /// <param name="claims">The token's claims.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="now">Seconds since 1970.</param>
    /// <returns>The refusal, or null.</returns>
    public static Refusal? JudgeTime(JsonMembers claims, JwtRules rules, long now)
    {
        var skew = (long)rules.Skew.TotalSeconds;
        if (claims.Date(ClaimNames.Expiration) is { } expiry)
        {
            if (now >= expiry + skew) return JwtRefusals.Expired(expiry, now);
        }
        else if (rules.RequireExpiry || claims.Has(ClaimNames.Expiration))
        {
            return JwtRefusals.NoExpiry;
        }

        if (claims.Date(ClaimNames.NotBefore) is { } notBefore)
        {
            if (now + skew < notBefore) return JwtRefusals.NotYet(notBefore, now);
        }
        else if (claims.Has(ClaimNames.NotBefore))
        {
            return JwtRefusals.MalformedDate(ClaimNames.NotBefore);
        }

        var issued = claims.Date(ClaimNames.IssuedAt);
        if (issued is null && (rules.RequireIssuedAt || claims.Has(ClaimNames.IssuedAt))) return JwtRefusals.MalformedDate(ClaimNames.IssuedAt);
        if (issued > now + skew) return JwtRefusals.IssuedInFuture(issued.Value, now);
        if (rules.MaximumAge is { } maximum && !(now - issued <= (long)maximum.TotalSeconds + skew)) return JwtRefusals.TooOld(maximum);
        return null;
    }

    private static bool IsFor(JsonMembers claims, IReadOnlyList<string> audiences)
    {
        for (var i = 0; i < audiences.Count; i++)
        {
            if (claims.Holds(ClaimNames.Audience, audiences[i])) return true;
        }

        // The slow way only where the fast one fails: a bare origin with and without its slash is one name.
        return claims.Texts(ClaimNames.Audience) is { } named && named.Any(name => audiences.Any(audience => ResourceIndicator.Same(name, audience)));
    }

    private static async ValueTask<Verdict<Jws>> AwaitKeyAsync(Jws jws, ValueTask<VerificationKey?> pending, Provider provider) =>
        VerifySignature(jws, await pending.ConfigureAwait(false), provider);

    private static Verdict<Jws> VerifySignature(Jws jws, VerificationKey? key, Provider provider)
    {
        if (key is null) return JwtRefusals.UnknownKey(provider.Issuer);
        if (!jws.IsSignedBy(key)) return JwtRefusals.Signature;
        jws.Key = key;
        return jws;
    }

    private static ValueTask<Verdict<Jws>> Refuse(Refusal refusal) => new(refusal);
}
