using System.Collections.Concurrent;
using Latchkey.Protocol.Jose;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.DPoP;

/// <summary>The public key in the header of a proof: read strictly, named by its thumbprint.</summary>
internal sealed class ProofKey
{
    private static readonly string[] SecretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    private readonly JsonWebKey _key;

    private ProofKey(JsonWebKey key, string thumbprint)
    {
        _key = key;
        Thumbprint = thumbprint;
    }

    /// <summary>Its thumbprint, RFC 7638.</summary>
    public string Thumbprint { get; }

    /// <summary>Reads the <c>jwk</c> of a proof for the algorithm that the proof names.</summary>
    public static Verdict<ProofKey> Read(JsonMembers jwk, string algorithm)
    {
        foreach (var member in SecretMembers)
        {
            if (jwk.Has(member)) return DPoPRefusals.KeyPrivate;
        }

        return (jwk.Text("kty"), algorithm) switch
        {
            ("oct", _) => DPoPRefusals.KeyPrivate,
            ("EC", "ES256") => Elliptic(jwk, algorithm, "P-256", 32),
            ("EC", "ES384") => Elliptic(jwk, algorithm, "P-384", 48),
            ("EC", "ES512") => Elliptic(jwk, algorithm, "P-521", 66),
            ("RSA", ['R' or 'P', 'S', ..]) => Rsa(jwk, algorithm),
            _ => DPoPRefusals.Key(algorithm),
        };
    }

    /// <summary>Makes it ready to verify.</summary>
    public VerificationKey Open(string algorithm) => new(null, algorithm, _key);

    private static Verdict<ProofKey> Elliptic(JsonMembers jwk, string algorithm, string curve, int size)
    {
        if (jwk.Text("crv") != curve || jwk.Text("x") is not { } x || jwk.Text("y") is not { } y
            || Size(x) != size || Size(y) != size) return DPoPRefusals.Key(algorithm);
        return new ProofKey(new JsonWebKey { Kty = "EC", Crv = curve, X = x, Y = y }, JwkThumbprint.OfElliptic(curve, x, y));
    }

    // Bounds on both numbers: verifying with a huge key is work that a stranger could order.
    private static Verdict<ProofKey> Rsa(JsonMembers jwk, string algorithm)
    {
        if (jwk.Text("n") is not { } n || jwk.Text("e") is not { } e || Size(n) is not (>= 256 and <= 1024) || !IsExponent(e)) return DPoPRefusals.Key(algorithm);
        return new ProofKey(new JsonWebKey { Kty = "RSA", N = n, E = e }, JwkThumbprint.OfRsa(e, n));
    }

    // With an exponent of one everybody can sign; with an even one nobody can.
    private static bool IsExponent(string text) =>
        Jws.Decode(text) is { Length: >= 1 and <= 8 } bytes && bytes[^1] % 2 == 1 && (bytes[^1] > 1 || bytes.AsSpan(0, bytes.Length - 1).ContainsAnyExcept((byte)0));

    /// <summary>The bytes of a number, written strictly: one key has one thumbprint.</summary>
    private static int Size(string text) => Jws.Decode(text)?.Length ?? -1;
}

/// <summary>
/// Keys whose proofs held lately, ready to verify again: opening a key costs as much as verifying with it. Only keys that signed a good proof get in.
/// </summary>
internal sealed class RecentProofKeys
{
    private const int Capacity = 1024;

    private readonly ConcurrentDictionary<(string Thumbprint, string Algorithm), VerificationKey> _keys = new();

    public VerificationKey? Find(string thumbprint, string algorithm) => _keys.GetValueOrDefault((thumbprint, algorithm));

    public void Remember(string thumbprint, VerificationKey key)
    {
        // Starting over now and then is cheaper than keeping account of who came last.
        if (_keys.Count >= Capacity) _keys.Clear();
        _keys.TryAdd((thumbprint, key.Algorithm), key);
    }
}
