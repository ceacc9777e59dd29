using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol;

/// <summary>
/// The private key whose possession a client proves with every request (DPoP, RFC 9449). Tokens are bound to its <see cref="Thumbprint"/>,
/// so it must live as long as they do: keep <see cref="Export"/> where the refresh token is kept. Safe to share between threads.
/// </summary>
public sealed class DPoPKey : IDisposable
{
    private readonly byte[] _pkcs8;

    private DPoPKey(string algorithm, AsymmetricAlgorithm key, byte[] pkcs8)
    {
        _pkcs8 = pkcs8;
        var jwk = JwkThumbprint.Canonical(key);
        PublicKey = Encoding.UTF8.GetBytes(jwk);
        Thumbprint = JwkThumbprint.Of(key);
        Header = Encoding.UTF8.GetBytes($$"""{"typ":"{{JwtTypes.DPoPProof}}","alg":"{{algorithm}}","jwk":{{jwk}}}""");
        // The signer clears its copy of the key when it is disposed of, so it gets one of its own.
        Signer = JwsSigner.Open(algorithm, Thumbprint, [.. pkcs8]);
    }

    /// <summary>The JWS algorithm of its proofs, such as <c>ES256</c>.</summary>
    public string Algorithm => Signer.Algorithm;

    /// <summary>The thumbprint that tokens are bound to, as in <c>cnf.jkt</c> and <c>dpop_jkt</c> (RFC 9449 sections 6.1 and 10, RFC 7638).</summary>
    public string Thumbprint { get; }

    /// <summary>The public half as a JWK of its required members only (RFC 7517), in UTF-8.</summary>
    public ReadOnlyMemory<byte> PublicKey { get; }

    /// <summary>The header of every proof of this key (RFC 9449 section 4.2), in UTF-8.</summary>
    internal byte[] Header { get; }

    /// <summary>What signs the proofs.</summary>
    internal JwsSigner Signer { get; }

    /// <summary>Makes a new key.</summary>
    /// <param name="algorithm"><c>ES256</c>, <c>PS256</c> or <c>RS256</c> (RSA of 2048 bits).</param>
    /// <exception cref="ArgumentException">There is no signing with the algorithm.</exception>
    public static DPoPKey Generate(string algorithm = SigningAlgorithms.ES256) => Open(algorithm, JwsSigner.Generate(algorithm), nameof(algorithm));

    /// <summary>Takes a key that was exported before, or made elsewhere.</summary>
    /// <param name="algorithm">The one algorithm it signs with.</param>
    /// <param name="pkcs8">The key as PKCS #8: RSA of at least 2048 bits, or P-256.</param>
    /// <exception cref="ArgumentException">The key is none that the algorithm signs with. The message doesn't show it.</exception>
    public static DPoPKey Import(string algorithm, ReadOnlySpan<byte> pkcs8) => Open(algorithm, pkcs8.ToArray(), nameof(pkcs8));

    /// <summary>The private key as PKCS #8, not encrypted: only for storage that protects it. The caller clears the array.</summary>
    public byte[] Export() => [.. _pkcs8];

    /// <inheritdoc />
    public void Dispose()
    {
        Signer.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => $"{Algorithm} DPoP key {Thumbprint}";

    private static DPoPKey Open(string algorithm, byte[] pkcs8, string parameter)
    {
        if (!SigningAlgorithms.Standing.Contains(algorithm)) throw new ArgumentException($"There is no DPoP key for {algorithm}; take one of {string.Join(", ", SigningAlgorithms.Standing)}.", nameof(algorithm));
        using AsymmetricAlgorithm key = algorithm == SigningAlgorithms.ES256 ? ECDsa.Create() : RSA.Create();
        try
        {
            key.ImportPkcs8PrivateKey(pkcs8, out _);
        }
        catch (CryptographicException)
        {
            throw new ArgumentException($"The bytes are no PKCS #8 private key for {algorithm}.", parameter);
        }

        // A proof with any other key would be refused by the receiver, long after the mistake was made.
        var fits = key is RSA ? key.KeySize >= 2048 : key.KeySize == 256;
        if (!fits) throw new ArgumentException($"{algorithm} needs {(key is RSA ? "an RSA key of at least 2048 bits" : "a key on P-256")}, and this one has {key.KeySize} bits.", parameter);
        return new DPoPKey(algorithm, key, pkcs8);
    }
}
