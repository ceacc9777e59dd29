namespace Latchkey.Verification.Providers;

/// <summary>
/// The signature algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 9864 that can be verified, all of them with public keys, and what keys they take.
/// </summary>
public static class SignatureAlgorithms
{
    private static readonly string[] ForRsa = ["RS256", "PS256", "RS384", "PS384", "RS512", "PS512"];

    // One key, two names: the one that says which curve, and the older one that does not.
    private static readonly string[] ForEd25519 = ["Ed25519", "EdDSA"];

    /// <summary>Every one that can be verified. There is no <c>none</c> and no HMAC.</summary>
    public static IReadOnlyList<string> Supported { get; } = [.. ForRsa, "ES256", "ES384", "ES512", .. ForEd25519];

    internal static IReadOnlyList<string> Of(string keyType, string? curve) => (keyType, curve) switch
    {
        ("RSA", _) => ForRsa,
        ("EC", "P-256") => ["ES256"],
        ("EC", "P-384") => ["ES384"],
        ("EC", "P-521") => ["ES512"],
        ("OKP", "Ed25519") => ForEd25519,
        _ => [],
    };
}
