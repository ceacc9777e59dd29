using Latchkey.Protocol.Names;

namespace Latchkey.Verification.Jose;

/// <summary>What a JWT of one kind must be like. One set of rules for each kind, so that no kind is taken for another (RFC 8725 section 3.12).</summary>
public sealed record JwtRules
{
    private readonly IReadOnlyList<string> _types = [];

    /// <summary>The values of <c>typ</c> that are taken, without <c>application/</c> and in any case, such as <c>at+jwt</c>.</summary>
    public required IReadOnlyList<string> Types
    {
        get => _types;
        init => _types = [.. value.Select(type => type.ToLowerInvariant())];
    }

    /// <summary>Whether a JWT without <c>typ</c> is taken too, as ID tokens need: false.</summary>
    public bool AllowMissingType { get; init; }

    /// <summary>The values of <c>alg</c> that are taken, by case. <c>none</c> and HMAC have no public key and are never verified, listed or not.</summary>
    public IReadOnlyList<string> Algorithms { get; init; } = [SigningAlgorithms.RS256, SigningAlgorithms.PS256, SigningAlgorithms.ES256];

    /// <summary>
    /// One of these must be in <c>aud</c>. A bare origin counts with and without its trailing slash. None listed refuses every token: an audience is
    /// never optional (RFC 8725 section 3.9).
    /// </summary>
    public required IReadOnlyList<string> Audiences { get; init; }

    /// <summary>How far the clocks of provider and receiver may differ: 30 seconds.</summary>
    public TimeSpan Skew { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether <c>exp</c> must be there: true. If it is there it is always checked.</summary>
    public bool RequireExpiry { get; init; } = true;

    /// <summary>Whether <c>iat</c> must be there: false. If it is there it is always checked.</summary>
    public bool RequireIssuedAt { get; init; }

    /// <summary>How old <c>iat</c> may be, which then must be there; null, the default, for any age.</summary>
    public TimeSpan? MaximumAge { get; init; }

    /// <summary>Claims that must be there as strings that are not empty, such as <c>sub</c>.</summary>
    public IReadOnlyList<string> RequiredClaims { get; init; } = [];

    /// <summary>The most characters a token may have: 16,384.</summary>
    public int MaximumLength { get; init; } = 16 * 1024;
}
