using System.Security.Claims;
using Latchkey.ResourceServer.TokenStatus;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>A token whose every check held when it was first seen, with what it takes to check again the ones that time can change.</summary>
internal sealed class VerifiedToken
{
    private ClaimsIdentity? _identity;
    private int _uses;

    /// <summary>A JWT.</summary>
    public VerifiedToken(Provider provider, VerificationKey key, JsonMembers claims)
    {
        Provider = provider;
        Key = key;
        Claims = new(provider.Issuer, claims);
        Status = StatusReference.Of(claims);
    }

    /// <summary>An opaque token that its issuer vouched for.</summary>
    /// <param name="provider">The issuer.</param>
    /// <param name="claims">The members of the issuer's answer.</param>
    public VerifiedToken(Provider provider, JsonMembers claims)
    {
        Provider = provider;
        Claims = new(provider.Issuer, claims);
    }

    /// <summary>Who issued it.</summary>
    public Provider Provider { get; }

    /// <summary>The key that its signature was verified with; null for one that the issuer was asked about.</summary>
    public VerificationKey? Key { get; }

    /// <summary>Where its status stands; null if it names no list.</summary>
    public StatusReference? Status { get; }

    /// <summary>What it says.</summary>
    public AccessTokenClaims Claims { get; }

    /// <summary>The caller, as ASP.NET knows callers. A new principal for each request, since applications add to them.</summary>
    public ClaimsPrincipal ToPrincipal(string authenticationType)
    {
        // Most tokens of many clients come once: only one that comes again is worth a master to copy from.
        if (_identity is null && Interlocked.Exchange(ref _uses, 1) == 0) return new(Identities.Of(Claims, authenticationType));
        return new((_identity ??= Identities.Of(Claims, authenticationType)).Clone());
    }
}
