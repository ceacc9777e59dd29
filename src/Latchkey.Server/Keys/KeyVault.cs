using System.Security.Cryptography;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Storage;
using Latchkey.Verification.Jose;
using Microsoft.AspNetCore.DataProtection;

namespace Latchkey.Server.Keys;

/// <summary>Makes keys and encrypts them at rest under the operator's key ring (Data Protection).</summary>
internal sealed class KeyVault(IDataProtectionProvider protection)
{
    /// <summary>What stands in the algorithm column of symmetric keys: 256 random bits.</summary>
    public const string SymmetricAlgorithm = "A256";

    private readonly IDataProtector _protector = protection.CreateProtector(SigningKeys.Protection);

    /// <summary>Makes a signing key.</summary>
    public KeyRow CreateSigning(string algorithm, long createdAt, long activeFrom) => Row(
        KeyPurposes.Sign, algorithm, SigningAlgorithms.IsEd25519(algorithm) ? Ed25519Keys.Generate() : JwsSigner.Generate(algorithm), createdAt, activeFrom);

    /// <summary>Makes a key that others encrypt to.</summary>
    public KeyRow CreateDecrypting(string algorithm, long createdAt) =>
        Row(KeyPurposes.Decrypt, algorithm, JweDecrypter.Generate(algorithm), createdAt, createdAt);

    /// <summary>Makes a symmetric key. Its id begins with its number, which stands in what it makes.</summary>
    public KeyRow CreateSymmetric(string purpose, byte number, long createdAt, long activeFrom)
    {
        var secret = RandomNumberGenerator.GetBytes(32);
        var row = new KeyRow($"{number:x2}{NewKeyId()}", purpose, SymmetricAlgorithm, _protector.Protect(secret), createdAt, activeFrom, null);
        CryptographicOperations.ZeroMemory(secret);
        return row;
    }

    /// <summary>Opens keys; those that the earlier ring has open are taken from it.</summary>
    /// <exception cref="InvalidOperationException">A key can't be decrypted: the key ring is not the one it was made with.</exception>
    public KeyRing Open(IReadOnlyList<KeyRow> rows, KeyRing? earlier)
    {
        var signing = new List<SigningKey>();
        var symmetric = new List<(string, SymmetricKey)>();
        var decrypting = new List<JweDecrypter>();
        foreach (var row in rows)
        {
            if (row.Purpose == KeyPurposes.Sign)
            {
                var signer = earlier?.Signing.FirstOrDefault(key => key.Signer.KeyId == row.KeyId)?.Signer
                    ?? (SigningAlgorithms.IsEd25519(row.Algorithm)
                        ? Ed25519Keys.Open(row.Algorithm, row.KeyId, Unwrap(row))
                        : JwsSigner.Open(row.Algorithm, row.KeyId, Unwrap(row)));
                signing.Add(new SigningKey(signer, row.CreatedAt, row.ActiveFrom, row.RetiredAt));
            }
            else if (row.Purpose == KeyPurposes.Decrypt)
            {
                decrypting.Add(earlier?.Decrypting.FirstOrDefault(key => key.KeyId == row.KeyId) ?? JweDecrypter.Open(row.Algorithm, row.KeyId, Unwrap(row)));
            }
            else
            {
                var known = earlier?.AllSymmetric.Where(pair => pair.Key.KeyId == row.KeyId).Select(pair => pair.Key).FirstOrDefault();
                symmetric.Add((row.Purpose, known ?? new SymmetricKey(row.KeyId, Convert.ToByte(row.KeyId[..2], 16), Unwrap(row), row.ActiveFrom)));
            }
        }

        return new KeyRing(signing, symmetric, decrypting);
    }

    private KeyRow Row(string purpose, string algorithm, byte[] secret, long createdAt, long activeFrom)
    {
        var row = new KeyRow(NewKeyId(), purpose, algorithm, _protector.Protect(secret), createdAt, activeFrom, null);
        CryptographicOperations.ZeroMemory(secret);
        return row;
    }

    private static string NewKeyId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    private byte[] Unwrap(KeyRow row)
    {
        try
        {
            return _protector.Unprotect(row.Wrapped);
        }
        catch (CryptographicException exception)
        {
            throw new InvalidOperationException(
                $"The {row.Purpose} key {row.KeyId} can't be decrypted: the key ring is not the one that the database was made with. Bring back the folder \"keys\" of the data folder.",
                exception);
        }
    }
}
