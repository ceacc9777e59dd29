namespace Latchkey.Verification.DPoP;

/// <summary>What is asked of DPoP proofs beyond the request they belong to. The defaults suit APIs and authorization servers alike.</summary>
public sealed record DPoPRules
{
    /// <summary>The defaults.</summary>
    public static DPoPRules Default { get; } = new();

    /// <summary>The signature algorithms that are taken, as <c>algs</c> and <c>dpop_signing_alg_values_supported</c> list them; public-key ones only.</summary>
    public IReadOnlyList<string> Algorithms { get; init; } = ["ES256", "PS256", "RS256", "ES384", "PS384", "RS384", "ES512", "PS512", "RS512", "Ed25519", "EdDSA"];

    /// <summary>How far <c>iat</c> may lie from now, in either direction: 60 seconds (RFC 9449 section 11.1). With a nonce of ours it does not matter.</summary>
    public TimeSpan Tolerance { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The longest proof in characters: 8192, room enough for the largest RSA keys.</summary>
    public int MaximumLength { get; init; } = 8192;

    /// <summary>What nonces are for here.</summary>
    public DPoPNonceMode Nonces { get; init; }
}

/// <summary>What a server does about nonces (RFC 9449 sections 8 and 9).</summary>
public enum DPoPNonceMode
{
    /// <summary>None are given out, and what proofs say is not looked at: <c>iat</c> tells how old a proof is.</summary>
    Off,

    /// <summary>They are given out. A proof with one is judged by it, one without by its <c>iat</c>.</summary>
    Optional,

    /// <summary>Every proof needs one, so that proofs can't be made in advance (RFC 9449 section 11.2).</summary>
    Required,
}
