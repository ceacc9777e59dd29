using System.Collections.Concurrent;
using System.Security.Cryptography;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Jose;

/// <summary>
/// A private key that signs JWTs with one algorithm (RFC 8725 section 3.1: one algorithm a key).
/// Safe to share between threads: the handles of the crypto library are kept in a pool.
/// </summary>
public sealed class JwsSigner : IDisposable
{
    private readonly byte[] _pkcs8;
    private readonly ConcurrentBag<AsymmetricAlgorithm> _handles = [];

    private JwsSigner(string algorithm, string keyId, byte[] pkcs8)
    {
        Algorithm = algorithm;
        KeyId = keyId;
        _pkcs8 = pkcs8;
        var handle = Open();
        SignatureSize = handle is RSA rsa ? rsa.KeySize / 8 : 64;
        PublicKey = JsonWebKeyWriter.Describe(handle, algorithm, keyId);
        _handles.Add(handle);
    }

    /// <summary>The JWS algorithm, such as <c>RS256</c>.</summary>
    public string Algorithm { get; }

    /// <summary>The key's id, as in <c>kid</c>.</summary>
    public string KeyId { get; }

    /// <summary>The size of a signature in bytes.</summary>
    public int SignatureSize { get; }

    /// <summary>The public half as a JWK (RFC 7517), in UTF-8.</summary>
    public ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>Makes a new private key for an algorithm.</summary>
    /// <param name="algorithm"><c>RS256</c>, <c>PS256</c> (RSA of 2048 bits) or <c>ES256</c> (P-256).</param>
    /// <returns>The key as PKCS #8.</returns>
    public static byte[] Generate(string algorithm)
    {
        using AsymmetricAlgorithm key = IsElliptic(algorithm) ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        return key.ExportPkcs8PrivateKey();
    }

    /// <summary>Opens a private key.</summary>
    /// <param name="algorithm">The one algorithm it signs with.</param>
    /// <param name="keyId">Its id.</param>
    /// <param name="pkcs8">The key as PKCS #8.</param>
    public static JwsSigner Open(string algorithm, string keyId, byte[] pkcs8) => new(algorithm, keyId, pkcs8);

    /// <summary>Signs.</summary>
    /// <param name="data">The JWS signing input.</param>
    /// <param name="signature">Where the signature goes, at least <see cref="SignatureSize"/> bytes.</param>
    public void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
    {
        if (!_handles.TryTake(out var handle)) handle = Open();
        try
        {
            if (handle is RSA rsa)
                rsa.SignData(data, signature, HashAlgorithmName.SHA256, Algorithm == SigningAlgorithms.PS256 ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
            else
                ((ECDsa)handle).SignData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        finally
        {
            _handles.Add(handle);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        while (_handles.TryTake(out var handle)) handle.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => $"{Algorithm} key {KeyId}";

    private static bool IsElliptic(string algorithm) => algorithm switch
    {
        SigningAlgorithms.ES256 => true,
        SigningAlgorithms.RS256 or SigningAlgorithms.PS256 => false,
        _ => throw new ArgumentException($"There is no signing with {algorithm}.", nameof(algorithm)),
    };

    private AsymmetricAlgorithm Open()
    {
        AsymmetricAlgorithm key = IsElliptic(Algorithm) ? ECDsa.Create() : RSA.Create();
        key.ImportPkcs8PrivateKey(_pkcs8, out _);
        return key;
    }
}
