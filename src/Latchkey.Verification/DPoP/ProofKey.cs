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

    private readonly Func<string, VerificationKey> _open;

    private ProofKey(Func<string, VerificationKey> open, string thumbprint)
    {
        _open = open;
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
            ("OKP", "Ed25519" or "EdDSA") => Edwards(jwk, algorithm),
            ("RSA", ['R' or 'P', 'S', ..]) => Rsa(jwk, algorithm),
            _ => DPoPRefusals.Key(algorithm),
        };
    }

    /// <summary>Makes it ready to verify.</summary>
    public VerificationKey Open(string algorithm) => _open(algorithm);

    private static Verdict<ProofKey> Edwards(JsonMembers jwk, string algorithm)
    {
        if (jwk.Text("crv") != "Ed25519" || jwk.Text("x") is not { } x || Jws.Decode(x) is not { Length: Ed25519Keys.Size } point || !Ed25519Keys.IsPublic(point))
            return DPoPRefusals.Key(algorithm);
        return new ProofKey(name => new(null, name, point), JwkThumbprint.OfEd25519(x));
    }

    private static Verdict<ProofKey> Elliptic(JsonMembers jwk, string algorithm, string curve, int size)
    {
        if (jwk.Text("crv") != curve || jwk.Text("x") is not { } x || jwk.Text("y") is not { } y
            || Size(x) != size || Size(y) != size) return DPoPRefusals.Key(algorithm);
        var key = new JsonWebKey { Kty = "EC", Crv = curve, X = x, Y = y };
        return new ProofKey(name => new(null, name, key), JwkThumbprint.OfElliptic(curve, x, y));
    }

    // Bounds on both numbers: verifying with a huge key is work that a stranger could order.
    private static Verdict<ProofKey> Rsa(JsonMembers jwk, string algorithm)
    {
        if (jwk.Text("n") is not { } n || jwk.Text("e") is not { } e || Size(n) is not (>= 256 and <= 1024) || !IsExponent(e)) return DPoPRefusals.Key(algorithm);
        var key = new JsonWebKey { Kty = "RSA", N = n, E = e };
        return new ProofKey(name => new(null, name, key), JwkThumbprint.OfRsa(e, n));
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
