using System.Security.Cryptography;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Verification.Jose;

/// <summary>A private key that others encrypt to, for one algorithm. Safe to share between threads: each use opens it anew, since uses are rare.</summary>
public sealed class JweDecrypter
{
    private readonly byte[] _pkcs8;

    private JweDecrypter(string algorithm, string keyId, byte[] pkcs8)
    {
        Algorithm = algorithm;
        KeyId = keyId;
        _pkcs8 = pkcs8;
        using var key = Open();
        PublicKey = JsonWebKeyWriter.Describe(key, algorithm, keyId, "enc");
    }

    /// <summary>The JWE algorithm, one of <see cref="EncryptionAlgorithms.Keys"/>.</summary>
    public string Algorithm { get; }

    /// <summary>The key's id, as in <c>kid</c>.</summary>
    public string KeyId { get; }

    /// <summary>The public half as a JWK (RFC 7517), in UTF-8.</summary>
    public ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>Makes a new private key.</summary>
    /// <param name="algorithm">One of <see cref="EncryptionAlgorithms.Keys"/>.</param>
    /// <returns>The key as PKCS #8.</returns>
    public static byte[] Generate(string algorithm)
    {
        using AsymmetricAlgorithm key = algorithm == EncryptionAlgorithms.EcdhEs ? ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        return key.ExportPkcs8PrivateKey();
    }

    /// <summary>Opens a private key.</summary>
    /// <param name="algorithm">The one algorithm it is for.</param>
    /// <param name="keyId">Its id.</param>
    /// <param name="pkcs8">The key as PKCS #8.</param>
    public static JweDecrypter Open(string algorithm, string keyId, byte[] pkcs8) => new(algorithm, keyId, pkcs8);

    /// <summary>Opens the content's key and the content.</summary>
    /// <param name="jwe">The JWE.</param>
    /// <returns>The content; null if it was not encrypted to this key by its algorithm, or was changed.</returns>
    public byte[]? Decrypt(Jwe jwe)
    {
        ArgumentNullException.ThrowIfNull(jwe);
        if (jwe.Algorithm != Algorithm || ContentEncryption.KeySize(jwe.Encryption) is not { } size) return null;
        using var key = Open();
        try
        {
            byte[] contentKey;
            if (key is RSA rsa)
            {
                if (jwe.WrappedKey.Length != rsa.KeySize / 8) return null;
                contentKey = rsa.Decrypt(jwe.WrappedKey, RSAEncryptionPadding.OaepSHA256);
                if (contentKey.Length != size) return null;
            }
            else
            {
                // Direct agreement wraps no key (RFC 7518 section 4.6).
                var own = (ECDiffieHellman)key;
                if (jwe.WrappedKey.Length != 0 || jwe.Curve != $"P-{own.KeySize}") return null;
                using var ephemeral = PublicKeys.Elliptic(jwe.Curve, jwe.X, jwe.Y);
                if (ephemeral is null) return null;
                using var publicKey = ephemeral.PublicKey;
                contentKey = KeyAgreement.Derive(own, publicKey, jwe.Encryption, size, jwe.Producer, jwe.Consumer);
            }

            return ContentEncryption.Decrypt(jwe.Encryption, contentKey, jwe.Nonce, jwe.Ciphertext, jwe.Tag, jwe.Header);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => $"{Algorithm} key {KeyId}";

    private AsymmetricAlgorithm Open()
    {
        AsymmetricAlgorithm key = Algorithm switch
        {
            EncryptionAlgorithms.EcdhEs => ECDiffieHellman.Create(),
            EncryptionAlgorithms.RsaOaep256 => RSA.Create(),
            _ => throw new InvalidOperationException($"There is no encryption with {Algorithm}."),
        };
        key.ImportPkcs8PrivateKey(_pkcs8, out _);
        return key;
    }
}
