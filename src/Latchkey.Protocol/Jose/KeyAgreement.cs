using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Protocol.Jose;

/// <summary>ECDH-ES, direct (RFC 7518 section 4.6): the platform agrees and hashes, here is only what goes into the hash.</summary>
internal static class KeyAgreement
{
    /// <summary>The content's key, by one round of the Concat KDF: no <c>enc</c> here needs more than the 256 bits of SHA-256.</summary>
    /// <param name="own">The private key.</param>
    /// <param name="other">The other's public key, on the same curve.</param>
    /// <param name="encryption">The <c>enc</c>, which is the algorithm's id where the key is used directly.</param>
    /// <param name="size">How many bytes the key has.</param>
    /// <param name="producer">The decoded <c>apu</c>.</param>
    /// <param name="consumer">The decoded <c>apv</c>.</param>
    public static byte[] Derive(
        ECDiffieHellman own, ECDiffieHellmanPublicKey other, string encryption, int size, ReadOnlySpan<byte> producer = default, ReadOnlySpan<byte> consumer = default)
    {
        var info = new byte[4 + encryption.Length + 4 + producer.Length + 4 + consumer.Length + 4];
        var rest = info.AsSpan();
        rest = Append(rest, Encoding.ASCII.GetBytes(encryption));
        rest = Append(rest, producer);
        rest = Append(rest, consumer);
        BinaryPrimitives.WriteInt32BigEndian(rest, size * 8);
        return own.DeriveKeyFromHash(other, HashAlgorithmName.SHA256, [0, 0, 0, 1], info)[..size];
    }

    private static Span<byte> Append(Span<byte> rest, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteInt32BigEndian(rest, value.Length);
        value.CopyTo(rest[4..]);
        return rest[(4 + value.Length)..];
    }
}
