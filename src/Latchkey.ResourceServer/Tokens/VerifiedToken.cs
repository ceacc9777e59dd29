using System.Security.Claims;
using Latchkey.ResourceServer.Authorization;
using Latchkey.ResourceServer.TokenStatus;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>A token whose every check held when it was first seen, with what it takes to check again the ones that time can change.</summary>
internal sealed class VerifiedToken
{
    private ClaimsIdentity? _identity;
    private bool _isKept;

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

    /// <summary>Says that the token is remembered and will come again, so that it is worth a master identity to copy from.</summary>
    public VerifiedToken Keep()
    {
        _isKept = true;
        return this;
    }

    /// <summary>The caller, as ASP.NET knows callers. A new principal for each request, since applications add to them.</summary>
    /// <param name="authenticationType">The scheme's name.</param>
    /// <param name="hierarchy">What its scopes imply.</param>
    public ClaimsPrincipal ToPrincipal(string authenticationType, ScopeHierarchy hierarchy)
    {
        if (!_isKept) return new(Identities.Of(Claims, authenticationType, hierarchy));
        return new((_identity ??= Identities.Of(Claims, authenticationType, hierarchy)).Clone());
    }
}
