using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Latchkey.Protocol.Jose;

/// <summary>The name that a public key gives itself: the SHA-256 thumbprint of its JWK, RFC 7638. It is what <c>jkt</c> holds.</summary>
public static class JwkThumbprint
{
    /// <summary>The thumbprint of a key; a private key has the thumbprint of its public half.</summary>
    /// <param name="key">An RSA key, or an elliptic one on P-256, P-384 or P-521.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string Of(AsymmetricAlgorithm key) => Hash(Canonical(key));

    /// <summary>The thumbprint of an elliptic JWK (RFC 7638 section 3.2).</summary>
    /// <param name="curve">Its <c>crv</c>.</param>
    /// <param name="x">Its <c>x</c>, in base64url.</param>
    /// <param name="y">Its <c>y</c>, in base64url.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string OfElliptic(string curve, string x, string y) => Hash(Elliptic(curve, x, y));

    /// <summary>The thumbprint of an RSA JWK (RFC 7638 section 3.2).</summary>
    /// <param name="exponent">Its <c>e</c>, in base64url.</param>
    /// <param name="modulus">Its <c>n</c>, in base64url.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string OfRsa(string exponent, string modulus) => Hash(Rsa(exponent, modulus));

    /// <summary>The thumbprint of an Ed25519 JWK (RFC 8037 appendix A.3).</summary>
    /// <param name="x">Its <c>x</c>, in base64url.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string OfEd25519(string x) => Hash(Edwards("Ed25519", x));

    /// <summary>A public JWK with its required members only, in the order and without the spaces that section 3.3 asks for.</summary>
    internal static string Canonical(ReadOnlySpan<byte> jwk)
    {
        var key = JsonElement.Parse(jwk);
        string Member(string name) => key.TryGetProperty(name, out var value) && value.GetString() is { Length: > 0 } text ? text
            : throw new ArgumentException($"The JWK has no {name}.", nameof(jwk));
        return Member("kty") switch
        {
            "RSA" => Rsa(Member("e"), Member("n")),
            "EC" => Elliptic(Member("crv"), Member("x"), Member("y")),
            "OKP" => Edwards(Member("crv"), Member("x")),
            var other => throw new ArgumentException($"A JWK of the type {other} is no public key that signs.", nameof(jwk)),
        };
    }

    /// <summary>The thumbprint of what <see cref="Canonical(ReadOnlySpan{byte})"/> wrote.</summary>
    internal static string Hash(string canonical) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)));

    private static string Canonical(AsymmetricAlgorithm key)
    {
        if (key is RSA rsa)
        {
            var parameters = rsa.ExportParameters(includePrivateParameters: false);
            return Rsa(Base64Url.EncodeToString(parameters.Exponent), Base64Url.EncodeToString(parameters.Modulus));
        }

        if (key is not ECDsa elliptic) throw new ArgumentException("Only RSA and elliptic keys have a thumbprint here.", nameof(key));
        var point = elliptic.ExportParameters(includePrivateParameters: false).Q;
        return Elliptic($"P-{elliptic.KeySize}", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
    }

    private static string Elliptic(string curve, string x, string y) => $$"""{"crv":"{{curve}}","kty":"EC","x":"{{x}}","y":"{{y}}"}""";

    private static string Rsa(string exponent, string modulus) => $$"""{"e":"{{exponent}}","kty":"RSA","n":"{{modulus}}"}""";

    private static string Edwards(string curve, string x) => $$"""{"crv":"{{curve}}","kty":"OKP","x":"{{x}}"}""";
}
