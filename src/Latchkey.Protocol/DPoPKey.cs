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
    private readonly byte[]? _pkcs8;

    private DPoPKey(JwsSigner signer, byte[]? pkcs8)
    {
        _pkcs8 = pkcs8;
        Signer = signer;
        var jwk = JwkThumbprint.Canonical(signer.PublicKey.Span);
        PublicKey = Encoding.UTF8.GetBytes(jwk);
        Thumbprint = JwkThumbprint.Hash(jwk);
        Header = Encoding.UTF8.GetBytes($$"""{"typ":"{{JwtTypes.DPoPProof}}","alg":"{{signer.Algorithm}}","jwk":{{jwk}}}""");
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
    /// <param name="algorithm">
    /// <c>ES256</c>, <c>ES384</c>, <c>ES512</c>, or one of RS and PS with 256, 384 and 512 (RSA of 2048 bits). For Ed25519 see <see cref="Of"/>.
    /// </param>
    /// <exception cref="ArgumentException">There is no signing with the algorithm.</exception>
    public static DPoPKey Generate(string algorithm = SigningAlgorithms.ES256)
    {
        CheckPlatform(algorithm);
        return Open(algorithm, JwsSigner.Generate(algorithm));
    }

    /// <summary>Takes a key that was exported before, or made elsewhere.</summary>
    /// <param name="algorithm">The one algorithm it signs with.</param>
    /// <param name="pkcs8">The key as PKCS #8: RSA of at least 2048 bits, or the algorithm's own curve.</param>
    /// <exception cref="ArgumentException">The key is none that the algorithm signs with. The message doesn't show it.</exception>
    public static DPoPKey Import(string algorithm, ReadOnlySpan<byte> pkcs8)
    {
        CheckPlatform(algorithm);
        return Open(algorithm, pkcs8.ToArray());
    }

    /// <summary>
    /// A key that something else holds: a hardware token, the key store of a system, or the library that knows Ed25519
    /// (<c>Ed25519Keys.Open</c> of Latchkey.Verification).
    /// </summary>
    /// <param name="signer">What signs with it. The caller disposes of it, and keeps the key if tokens are to outlive the process.</param>
    /// <exception cref="ArgumentException">Proofs can't be signed with its algorithm, or its public key is none that goes with it.</exception>
    public static DPoPKey Of(JwsSigner signer)
    {
        ArgumentNullException.ThrowIfNull(signer);
        if (!SigningAlgorithms.Supported.Contains(signer.Algorithm)) throw NoKeyFor(signer.Algorithm, SigningAlgorithms.Supported, nameof(signer));
        return new DPoPKey(signer, null);
    }

    /// <summary>The private key as PKCS #8, not encrypted: only for storage that protects it. The caller clears the array.</summary>
    /// <exception cref="InvalidOperationException">The key is held elsewhere (<see cref="Of"/>).</exception>
    public byte[] Export() => [.. _pkcs8 ?? throw new InvalidOperationException("The DPoP key is held elsewhere; whoever holds it keeps it.")];

    /// <inheritdoc />
    public void Dispose()
    {
        if (_pkcs8 is null) return;
        Signer.Dispose();
        CryptographicOperations.ZeroMemory(_pkcs8);
    }

    /// <summary>Names the key, never shows it.</summary>
    public override string ToString() => $"{Algorithm} DPoP key {Thumbprint}";

    // The signer clears its copy of the key when it is disposed of, so it gets one of its own.
    private static DPoPKey Open(string algorithm, byte[] pkcs8) => new(JwsSigner.Open(algorithm, "", [.. pkcs8]), pkcs8);

    private static void CheckPlatform(string algorithm)
    {
        var platform = SigningAlgorithms.Supported.Where(name => !SigningAlgorithms.IsEd25519(name)).ToList();
        if (!platform.Contains(algorithm)) throw NoKeyFor(algorithm, platform, nameof(algorithm));
    }

    private static ArgumentException NoKeyFor(string algorithm, IEnumerable<string> others, string parameter) => new(
        $"There is no DPoP key for {algorithm}; take one of {string.Join(", ", others)}{(SigningAlgorithms.IsEd25519(algorithm) ? ", or DPoPKey.Of(Ed25519Keys.Open(…))" : "")}.", parameter);
}
