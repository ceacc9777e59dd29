using Latchkey.Verification.DPoP;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.DPoP;

/// <summary>
/// How access tokens that are bound to a key are taken, RFC 9449. They always are, with nothing set: this is for more than that.
/// A proof's address (<c>htu</c>) is compared with <see cref="ResourceServerOptions.Addresses"/>.
/// </summary>
public sealed class DPoPOptions
{
    /// <summary>Whether every token must be bound to a key: one that is not is refused, Bearer is no longer offered. Off unless set.</summary>
    public bool Required { get; set; }

    /// <summary>The algorithms that proofs may be signed with; those of <see cref="DPoPRules"/> unless set.</summary>
    public IList<string> Algorithms { get; } = [.. DPoPRules.Default.Algorithms];

    /// <summary>How far a proof's <c>iat</c> may lie from now: 60 seconds unless set (RFC 9449 section 11.1).</summary>
    public TimeSpan Tolerance { get; set; } = DPoPRules.Default.Tolerance;

    /// <summary>Whether nonces are given out, and whether proofs need one (RFC 9449 section 9). Off unless set.</summary>
    public DPoPNonceMode Nonces { get; set; }

    /// <summary>How long a nonce is taken at least: 5 minutes unless set.</summary>
    public TimeSpan NonceLifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// What nonces are made with, at least 32 bytes that nobody knows: the same on all nodes of the API, or a client's nonce is good at one of them only.
    /// Null draws one for this process.
    /// </summary>
    public byte[]? NonceSecret { get; set; }

    /// <summary>
    /// Remembers used proofs. Null takes the <see cref="IReplayStore"/> of the services if there is one, or else one in memory: with several nodes a proof
    /// would then be good once at each of them.
    /// </summary>
    public IReplayStore? ReplayStore { get; set; }

    /// <summary>What is wrong with the options, as one sentence; null if nothing is.</summary>
    internal string? Fault
    {
        get
        {
            if (Algorithms.Count == 0) return "DPoP.Algorithms is empty.";
            foreach (var algorithm in Algorithms)
            {
                if (!SignatureAlgorithms.Supported.Contains(algorithm))
                    return $"DPoP.Algorithms has {algorithm}; only these can be verified: {string.Join(", ", SignatureAlgorithms.Supported)}.";
            }

            if (Tolerance < TimeSpan.FromSeconds(1) || Tolerance > TimeSpan.FromMinutes(5)) return "DPoP.Tolerance is not between 1 second and 5 minutes.";
            if (NonceLifetime < TimeSpan.FromSeconds(2) || NonceLifetime > TimeSpan.FromDays(1)) return "DPoP.NonceLifetime is not between 2 seconds and a day.";
            return NonceSecret is { Length: < 32 } ? "DPoP.NonceSecret has fewer than 32 bytes." : null;
        }
    }
}
