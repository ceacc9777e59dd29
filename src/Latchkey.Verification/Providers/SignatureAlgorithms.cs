namespace Latchkey.Verification.Providers;

/// <summary>The signature algorithms of RFC 7518 section 3.1 that can be verified, all of them with public keys, and what keys they take.</summary>
public static class SignatureAlgorithms
{
    private static readonly string[] ForRsa = ["RS256", "PS256", "RS384", "PS384", "RS512", "PS512"];

    /// <summary>
    /// Every one that can be verified. There is no <c>none</c>, no HMAC, and no <c>EdDSA</c>: .NET 10 has no Ed25519.
    /// </summary>
    public static IReadOnlyList<string> Supported { get; } = [.. ForRsa, "ES256", "ES384", "ES512"];

    internal static IReadOnlyList<string> Of(string keyType, string? curve) => (keyType, curve) switch
    {
        ("RSA", _) => ForRsa,
        ("EC", "P-256") => ["ES256"],
        ("EC", "P-384") => ["ES384"],
        ("EC", "P-521") => ["ES512"],
        _ => [],
    };
}
