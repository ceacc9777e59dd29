using System.Collections.Concurrent;
using System.Security.Cryptography;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Jose;

/// <summary>Signs data with a key that it holds.</summary>
/// <param name="data">The JWS signing input.</param>
/// <param name="signature">Where the signature goes.</param>
public delegate void JwsSignature(ReadOnlySpan<byte> data, Span<byte> signature);

/// <summary>
/// A private key that signs JWTs with one algorithm (RFC 8725 section 3.1: one algorithm a key).
/// Safe to share between threads: the handles of the crypto library are kept in a pool.
/// </summary>
public sealed class JwsSigner : IDisposable
{
    private readonly JwsSignature _sign;
    private readonly Handles? _handles;

    private JwsSigner(string algorithm, string keyId, int signatureSize, ReadOnlyMemory<byte> publicKey, JwsSignature sign, Handles? handles)
    {
        Algorithm = algorithm;
        KeyId = keyId;
        SignatureSize = signatureSize;
        PublicKey = publicKey;
        _sign = sign;
        _handles = handles;
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
    /// <param name="algorithm">An RSA algorithm (the key has 2048 bits), or an elliptic one on its own curve; not Ed25519, which needs a library.</param>
    /// <returns>The key as PKCS #8.</returns>
    public static byte[] Generate(string algorithm)
    {
        using AsymmetricAlgorithm key = CurveOf(algorithm) is { } curve ? ECDsa.Create(curve) : RSA.Create(2048);
        return key.ExportPkcs8PrivateKey();
    }

    /// <summary>Opens a private key.</summary>
    /// <param name="algorithm">The one algorithm it signs with.</param>
    /// <param name="keyId">Its id.</param>
    /// <param name="pkcs8">The key as PKCS #8: RSA of at least 2048 bits, or the algorithm's own curve (RFC 7518 section 3).</param>
    /// <exception cref="ArgumentException">The key is none that the algorithm signs with. The message doesn't show it.</exception>
    public static JwsSigner Open(string algorithm, string keyId, byte[] pkcs8)
    {
        var handles = new Handles(algorithm, pkcs8);
        var handle = handles.TakeChecked();
        var size = handle is RSA rsa ? rsa.KeySize / 8 : 2 * ((handle.KeySize + 7) / 8);
        var publicKey = JsonWebKeyWriter.Describe(handle, algorithm, keyId);
        handles.GiveBack(handle);
        return new(algorithm, keyId, size, publicKey, handles.Sign, handles);
    }

    /// <summary>A key that something else holds, such as a library that knows Ed25519.</summary>
    /// <param name="algorithm">The one algorithm it signs with.</param>
    /// <param name="keyId">Its id.</param>
    /// <param name="signatureSize">The size of a signature in bytes.</param>
    /// <param name="publicKey">The public half as a JWK, in UTF-8.</param>
    /// <param name="sign">Signs; called by many threads at once.</param>
    public static JwsSigner Of(string algorithm, string keyId, int signatureSize, ReadOnlyMemory<byte> publicKey, JwsSignature sign) =>
        new(algorithm, keyId, signatureSize, publicKey, sign, null);

    /// <summary>Signs.</summary>
    /// <param name="data">The JWS signing input.</param>
    /// <param name="signature">Where the signature goes, at least <see cref="SignatureSize"/> bytes.</param>
    public void Sign(ReadOnlySpan<byte> data, Span<byte> signature) => _sign(data, signature);

    /// <inheritdoc />
    public void Dispose() => _handles?.Dispose();

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => $"{Algorithm} key {KeyId}";

    private static ECCurve? CurveOf(string algorithm) => algorithm switch
    {
        SigningAlgorithms.ES256 => ECCurve.NamedCurves.nistP256,
        SigningAlgorithms.ES384 => ECCurve.NamedCurves.nistP384,
        SigningAlgorithms.ES512 => ECCurve.NamedCurves.nistP521,
        [('R' or 'P'), 'S', ..] when SigningAlgorithms.Supported.Contains(algorithm) => null,
        _ => throw new ArgumentException($"There is no signing with {algorithm}.", nameof(algorithm)),
    };

    /// <summary>The platform's handles of one key.</summary>
    private sealed class Handles(string algorithm, byte[] pkcs8) : IDisposable
    {
        private readonly HashAlgorithmName _hash = SigningAlgorithms.HashOf(algorithm);
        private readonly RSASignaturePadding _padding = algorithm[0] == 'P' ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1;
        private readonly bool _isElliptic = CurveOf(algorithm) is not null;
        private readonly ConcurrentBag<AsymmetricAlgorithm> _handles = [];

        public void Sign(ReadOnlySpan<byte> data, Span<byte> signature)
        {
            var handle = Take();
            try
            {
                if (handle is RSA rsa) rsa.SignData(data, signature, _hash, _padding);
                else ((ECDsa)handle).SignData(data, signature, _hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
            }
            finally
            {
                GiveBack(handle);
            }
        }

        /// <summary>The first handle. What signs with any other key would be refused by the receiver, long after the mistake was made.</summary>
        public AsymmetricAlgorithm TakeChecked()
        {
            AsymmetricAlgorithm key;
            try
            {
                key = Take();
            }
            catch (CryptographicException)
            {
                throw new ArgumentException($"The bytes are no PKCS #8 private key for {algorithm}.", nameof(pkcs8));
            }

            var size = algorithm switch { SigningAlgorithms.ES256 => 256, SigningAlgorithms.ES384 => 384, SigningAlgorithms.ES512 => 521, _ => 2048 };
            if (_isElliptic ? key.KeySize == size : key.KeySize >= size) return key;
            var had = key.KeySize;
            key.Dispose();
            throw new ArgumentException($"{algorithm} needs {(_isElliptic ? $"a key on P-{size}" : $"an RSA key of at least {size} bits")}, and this one has {had} bits.", nameof(pkcs8));
        }

        public AsymmetricAlgorithm Take()
        {
            if (_handles.TryTake(out var handle)) return handle;
            AsymmetricAlgorithm key = _isElliptic ? ECDsa.Create() : RSA.Create();
            key.ImportPkcs8PrivateKey(pkcs8, out _);
            return key;
        }

        public void GiveBack(AsymmetricAlgorithm handle) => _handles.Add(handle);

        public void Dispose()
        {
            while (_handles.TryTake(out var handle)) handle.Dispose();
            CryptographicOperations.ZeroMemory(pkcs8);
        }
    }
}
