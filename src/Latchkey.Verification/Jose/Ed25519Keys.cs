using System.Security.Cryptography;
using Latchkey.Protocol.Jose;
using Org.BouncyCastle.Math.EC.Rfc8032;

namespace Latchkey.Verification.Jose;

/// <summary>Ed25519 (RFC 8032, in JOSE by RFC 8037 and RFC 9864). .NET 10 has none, so Bouncy Castle does the mathematics.</summary>
public static class Ed25519Keys
{
    /// <summary>The size of a private and of a public key in bytes.</summary>
    public const int Size = 32;

    /// <summary>Makes a private key.</summary>
    /// <returns>Its 32 bytes.</returns>
    public static byte[] Generate() => RandomNumberGenerator.GetBytes(Size);

    /// <summary>Opens a private key to sign with.</summary>
    /// <param name="algorithm"><c>Ed25519</c>, or <c>EdDSA</c> by its older name.</param>
    /// <param name="keyId">The key's id.</param>
    /// <param name="privateKey">Its 32 bytes.</param>
    public static JwsSigner Open(string algorithm, string keyId, byte[] privateKey)
    {
        ArgumentNullException.ThrowIfNull(privateKey);
        if (privateKey.Length != Size) throw new ArgumentException($"A private key of Ed25519 has {Size} bytes.", nameof(privateKey));
        var publicKey = new byte[Size];
        Ed25519.GeneratePublicKey(privateKey, 0, publicKey, 0);
        return JwsSigner.Of(
            algorithm, keyId, Ed25519.SignatureSize, JsonWebKeyWriter.DescribeEd25519(publicKey, algorithm, keyId), (data, signature) =>
            {
                var made = new byte[Ed25519.SignatureSize];
                var message = data.ToArray();
                Ed25519.Sign(privateKey, 0, publicKey, 0, message, 0, message.Length, made, 0);
                made.CopyTo(signature);
            });
    }

    /// <summary>Opens a private key in PKCS #8, as <c>openssl genpkey -algorithm ed25519</c> and others write it (RFC 8410 section 7).</summary>
    /// <param name="algorithm"><c>Ed25519</c>, or <c>EdDSA</c> by its older name.</param>
    /// <param name="keyId">The key's id.</param>
    /// <param name="pkcs8">The key.</param>
    /// <exception cref="ArgumentException">It is no key of Ed25519. The message doesn't show it.</exception>
    public static JwsSigner OpenPkcs8(string algorithm, string keyId, ReadOnlySpan<byte> pkcs8)
    {
        // SEQUENCE, version 0 or 1 (with the public key behind it), id-Ed25519, OCTET STRING within OCTET STRING: DER leaves no choice.
        if (pkcs8.Length < 16 + Size || pkcs8[0] != 0x30 || pkcs8[1] != pkcs8.Length - 2 || !pkcs8[2..4].SequenceEqual<byte>([0x02, 0x01]) || pkcs8[4] > 1
            || !pkcs8[5..16].SequenceEqual<byte>([0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]))
            throw new ArgumentException($"The bytes are no PKCS #8 private key for {algorithm}.", nameof(pkcs8));
        return Open(algorithm, keyId, pkcs8.Slice(16, Size).ToArray());
    }

    /// <summary>Whether the bytes are a point that a key can be: on the curve and not of small order.</summary>
    internal static bool IsPublic(byte[] publicKey) => publicKey.Length == Size && Ed25519.ValidatePublicKeyFull(publicKey, 0);

    internal static bool Verify(byte[] publicKey, byte[] data, int length, byte[] signature) =>
        signature.Length == Ed25519.SignatureSize && Ed25519.Verify(signature, 0, publicKey, 0, data, 0, length);
}
