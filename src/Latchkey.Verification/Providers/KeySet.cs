using System.Buffers.Text;
using System.Text.Json;
using Latchkey.Verification.Jose;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.Providers;

/// <summary>
/// The keys of a JWK set that verify signatures. What can't be used safely is passed over: symmetric keys, keys for encryption, weak ones, and keys
/// whose private half stands in the set, since then anybody can sign with them.
/// </summary>
public sealed class KeySet
{
    private const int MaximumKeys = 100;

    private readonly VerificationKey[] _keys;

    private KeySet(VerificationKey[] keys) => _keys = keys;

    /// <summary>How many there are; one key counts once for each algorithm that it can verify.</summary>
    public int Count => _keys.Length;

    /// <summary>
    /// The keys that can have signed with an algorithm: those of this id, or all if the signer named none or a key has none. A client's own set may be
    /// asked so, since it names its client, not us; there are few.
    /// </summary>
    /// <param name="keyId">The <c>kid</c>; null if there is none.</param>
    /// <param name="algorithm">The <c>alg</c>.</param>
    public IEnumerable<VerificationKey> FindAll(string? keyId, string algorithm) =>
        _keys.Where(key => key.Algorithm == algorithm && (string.IsNullOrEmpty(keyId) || string.IsNullOrEmpty(key.KeyId) || key.KeyId == keyId));

    /// <summary>
    /// The one key of this id for this algorithm; for a token without a key id, the one key for the algorithm (RFC 7515 section 4.1.4,
    /// OpenID Connect Core section 10.1). Two that fit are none: it is not for us to guess.
    /// </summary>
    /// <param name="keyId">The <c>kid</c>; null if there is none.</param>
    /// <param name="algorithm">The <c>alg</c>.</param>
    public VerificationKey? Find(string? keyId, string algorithm)
    {
        VerificationKey? found = null;
        foreach (var key in _keys)
        {
            if (key.Algorithm != algorithm || (keyId is not null && key.KeyId != keyId)) continue;
            if (found is not null) return null;
            found = key;
        }

        return found;
    }

    /// <summary>Whether this very key is in the set.</summary>
    public bool Holds(VerificationKey key) => Array.IndexOf(_keys, key) >= 0;

    /// <summary>Reads a set, RFC 7517 section 5. Null if it is none.</summary>
    /// <param name="json">The set.</param>
    /// <param name="earlier">The set before it: a key that has not changed stays the same object, with its handles.</param>
    public static KeySet? Read(JsonElement json, KeySet? earlier)
    {
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array) return null;
        var keys = new List<VerificationKey>();
        foreach (var jwk in list.EnumerateArray().Take(MaximumKeys)) keys.AddRange(ReadKey(jwk).Select(key => earlier?.Same(key) ?? key));
        return new([.. keys]);
    }

    /// <summary>One JWK, once for each algorithm that it can verify; nothing if it is of no use here.</summary>
    internal static IEnumerable<VerificationKey> ReadKey(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object) yield break;
        if (Text(jwk, "use") is { } use && use != "sig") yield break;
        if (jwk.TryGetProperty("key_ops", out var operations) && !Lists(operations, "verify")) yield break;
        // The private members of RFC 7518 section 6: d, and the factors of RSA.
        if (jwk.TryGetProperty("d", out _) || jwk.TryGetProperty("p", out _) || jwk.TryGetProperty("q", out _)) yield break;

        if (Text(jwk, "kty") == "OKP")
        {
            foreach (var opened in Edwards(jwk)) yield return opened;
            yield break;
        }

        var key = Text(jwk, "kty") switch { "RSA" => Rsa(jwk), "EC" => Elliptic(jwk), _ => null };
        if (key is null) yield break;
        var keyId = Text(jwk, "kid");
        var only = Text(jwk, "alg");
        foreach (var algorithm in SignatureAlgorithms.Of(key.Kty, key.Crv))
        {
            if (only is not null && only != algorithm) continue;
            if (Open(keyId, algorithm, key) is { } opened) yield return opened;
        }
    }

    // RFC 8037 section 2. A point of small order verifies signatures that nobody made.
    private static IEnumerable<VerificationKey> Edwards(JsonElement jwk)
    {
        if (Text(jwk, "crv") != "Ed25519" || Text(jwk, "x") is not { } x || Jws.Decode(x) is not { Length: Ed25519Keys.Size } point || !Ed25519Keys.IsPublic(point))
            return [];
        var (keyId, only) = (Text(jwk, "kid"), Text(jwk, "alg"));
        return SignatureAlgorithms.Of("OKP", "Ed25519").Where(algorithm => only is null || only == algorithm)
            .Select(algorithm => new VerificationKey(keyId, algorithm, point));
    }

    private VerificationKey? Same(VerificationKey key) => Array.Find(_keys, known => known.IsSame(key));

    private static VerificationKey? Open(string? keyId, string algorithm, JsonWebKey key)
    {
        try
        {
            return new(keyId, algorithm, key);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException or InvalidOperationException
            or System.Security.Cryptography.CryptographicException)
        {
            // Its numbers are no key: a point off the curve, for example.
            return null;
        }
    }

    // RFC 7518 section 3.3: 2048 bits or more. Above 8192 a verification costs more than any token is worth.
    private static JsonWebKey? Rsa(JsonElement jwk) =>
        Text(jwk, "n") is { } modulus && Text(jwk, "e") is { } exponent && Size(modulus) is >= 256 and <= 1024 && Size(exponent) is >= 1 and <= 8
        && exponent is not "AQ"
            ? new() { Kty = "RSA", N = modulus, E = exponent }
            : null;

    private static JsonWebKey? Elliptic(JsonElement jwk) =>
        Text(jwk, "crv") is "P-256" or "P-384" or "P-521" && Text(jwk, "x") is { } x && Text(jwk, "y") is { } y && Size(x) is >= 32 and <= 66
        && Size(y) == Size(x)
            ? new() { Kty = "EC", Crv = Text(jwk, "crv"), X = x, Y = y }
            : null;

    private static int Size(string base64) => Base64Url.IsValid(base64, out var size) ? size : 0;

    private static bool Lists(JsonElement list, string value) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().Any(entry => entry.ValueKind == JsonValueKind.String && entry.ValueEquals(value));

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
