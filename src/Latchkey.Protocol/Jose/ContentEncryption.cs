using System.Security.Cryptography;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Jose;

/// <summary>The content encryption of a JWE (RFC 7518 section 5), by the platform's AES.</summary>
internal static class ContentEncryption
{
    public const int TagSize = 16;

    /// <summary>The size of the content's key in bytes; null for an <c>enc</c> that is not taken.</summary>
    public static int? KeySize(string encryption) => encryption switch
    {
        EncryptionAlgorithms.A128CbcHs256 or EncryptionAlgorithms.A256Gcm => 32,
        EncryptionAlgorithms.A128Gcm => 16,
        _ => null,
    };

    public static int NonceSize(string encryption) => encryption == EncryptionAlgorithms.A128CbcHs256 ? 16 : 12;

    /// <summary>Encrypts.</summary>
    /// <returns>The ciphertext and its tag.</returns>
    public static (byte[] Ciphertext, byte[] Tag) Encrypt(string encryption, byte[] key, byte[] nonce, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> header)
    {
        if (encryption == EncryptionAlgorithms.A128CbcHs256)
        {
            using var aes = Aes.Create();
            aes.Key = key[16..];
            var sealedText = aes.EncryptCbc(plain, nonce);
            return (sealedText, Mac(key, nonce, sealedText, header));
        }

        using var gcm = new AesGcm(key, TagSize);
        var (ciphertext, tag) = (new byte[plain.Length], new byte[TagSize]);
        gcm.Encrypt(nonce, plain, ciphertext, tag, header);
        return (ciphertext, tag);
    }

    /// <summary>Decrypts; null if anything was changed.</summary>
    public static byte[]? Decrypt(string encryption, byte[] key, byte[] nonce, byte[] ciphertext, byte[] tag, ReadOnlySpan<byte> header)
    {
        if (tag.Length != TagSize || nonce.Length != NonceSize(encryption)) return null;
        try
        {
            if (encryption == EncryptionAlgorithms.A128CbcHs256)
            {
                // The MAC first: whoever changed the text learns nothing of its padding (RFC 7518 section 5.2.2.2).
                if (!CryptographicOperations.FixedTimeEquals(Mac(key, nonce, ciphertext, header), tag)) return null;
                using var aes = Aes.Create();
                aes.Key = key[16..];
                return aes.DecryptCbc(ciphertext, nonce);
            }

            using var gcm = new AesGcm(key, TagSize);
            var plain = new byte[ciphertext.Length];
            gcm.Decrypt(nonce, ciphertext, tag, plain, header);
            return plain;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    // RFC 7518 section 5.2.2.1: over header, nonce, ciphertext and the header's length in bits.
    private static byte[] Mac(byte[] key, byte[] nonce, byte[] ciphertext, ReadOnlySpan<byte> header)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.AsSpan(0, 16));
        mac.AppendData(header);
        mac.AppendData(nonce);
        mac.AppendData(ciphertext);
        Span<byte> length = stackalloc byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(length, (ulong)header.Length * 8);
        mac.AppendData(length);
        return mac.GetHashAndReset()[..TagSize];
    }
}
