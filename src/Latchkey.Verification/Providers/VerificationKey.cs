using Latchkey.Verification.Jose;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.Providers;

/// <summary>A public key with the one algorithm that it verifies (RFC 7517, RFC 8725 section 3.1). Safe for any number of threads.</summary>
#pragma warning disable CA1001 // whoever holds a key may still be verifying when the provider drops it; the handles go with the last of them
public sealed class VerificationKey
#pragma warning restore CA1001
{
    private readonly SignatureProvider? _signatures;
    private readonly byte[]? _ed25519;
    private readonly string _material;

    internal VerificationKey(string? keyId, string algorithm, JsonWebKey key)
    {
        KeyId = keyId;
        Algorithm = algorithm;
        _material = key.Kty == "RSA" ? key.N + "." + key.E : key.X + "." + key.Y;
        // It keeps a pool of the platform's key handles.
        _signatures = new AsymmetricSignatureProvider(key, algorithm, willCreateSignatures: false);
    }

    internal VerificationKey(string? keyId, string algorithm, byte[] ed25519)
    {
        KeyId = keyId;
        Algorithm = algorithm;
        _material = Convert.ToHexString(ed25519);
        _ed25519 = ed25519;
    }

    /// <summary>The key's id; null if it has none.</summary>
    public string? KeyId { get; }

    /// <summary>The algorithm, such as <c>RS256</c>.</summary>
    public string Algorithm { get; }

    /// <summary>Reads a JWK that came by itself, as in a DPoP proof.</summary>
    /// <param name="jwk">The key: RSA of 2048 bits or more, an elliptic one on P-256, P-384 or P-521, or Ed25519, without its private half.</param>
    /// <param name="algorithm">The algorithm to verify.</param>
    /// <returns>The key, or null if it is no such key or not for this algorithm.</returns>
    public static VerificationKey? Read(JsonElement jwk, string algorithm) => KeySet.ReadKey(jwk).FirstOrDefault(key => key.Algorithm == algorithm);

    /// <summary>Verifies a signature.</summary>
    /// <param name="data">An array that holds the signed data at its start.</param>
    /// <param name="length">How many bytes of it are signed.</param>
    /// <param name="signature">The signature, and nothing else.</param>
    /// <returns>Whether the signature is this key's over this data.</returns>
    public bool Verify(byte[] data, int length, byte[] signature)
    {
        // An empty one is an argument error there; here it is just no signature.
        if (length == 0 || signature.Length == 0) return false;
        if (_ed25519 is not null) return Ed25519Keys.Verify(_ed25519, data, length, signature);
        try
        {
            return _signatures!.Verify(data, 0, length, signature, 0, signature.Length);
        }
        catch (Exception exception) when (exception is NotSupportedException or CryptographicException)
        {
            // What the platform can't open or reckon with is found out only now: a point that is not on its curve, an exponent that is none.
            return false;
        }
    }

    /// <summary>Whether the other is this key: id, algorithm and the numbers themselves.</summary>
    internal bool IsSame(VerificationKey other) => other.KeyId == KeyId && other.Algorithm == Algorithm && other._material == _material;

    /// <summary>Id and algorithm.</summary>
    public override string ToString() => $"{Algorithm} key {KeyId ?? "without an id"}";
}
