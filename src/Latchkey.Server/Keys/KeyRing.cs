using Latchkey.Protocol.Jose;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Keys;

/// <summary>What the server's symmetric keys are for.</summary>
internal static class KeyPurposes
{
    /// <summary>Signs JWTs; its public half is in the JWKS.</summary>
    public const string Sign = "sign";

    /// <summary>Decrypts what others encrypt to the server; its public half is in the JWKS.</summary>
    public const string Decrypt = "decrypt";

    /// <summary>The MAC of refresh tokens.</summary>
    public const string RefreshToken = "refresh_token";

    /// <summary>The encryption of authorization codes and of requests that wait for a person.</summary>
    public const string AuthorizationCode = "authorization_code";

    /// <summary>The fingerprints of declared passwords and secrets.</summary>
    public const string Declared = "declared";

    /// <summary>The MAC of the nonces for DPoP proofs.</summary>
    public const string DPoPNonce = "dpop_nonce";

    /// <summary>Makes the pairwise subjects; there is one for ever, since with another every person would be a stranger to their apps.</summary>
    public const string Pairwise = "pairwise";

    public static IReadOnlyList<string> Symmetric { get; } = [RefreshToken, AuthorizationCode, Declared, DPoPNonce, Pairwise];
}

/// <summary>An opened signing key and when it is used.</summary>
internal sealed record SigningKey(JwsSigner Signer, long CreatedAt, long ActiveFrom, long? RetiredAt)
{
    public bool SignsAt(long now) => ActiveFrom <= now && (RetiredAt is null || now < RetiredAt);
}

/// <summary>A symmetric key of 32 bytes. Its number stands in what it made, so that old things can be read after a rotation.</summary>
internal sealed record SymmetricKey(string KeyId, byte Number, byte[] Secret, long ActiveFrom)
{
    public override string ToString() => $"symmetric key {KeyId}";
}

/// <summary>The server's keys as they stood at one moment, opened.</summary>
internal sealed class KeyRing
{
    private readonly IReadOnlyList<SigningKey> _signing;
    private readonly Dictionary<string, List<SymmetricKey>> _symmetric;

    public KeyRing(
        IReadOnlyList<SigningKey> signing, IEnumerable<(string Purpose, SymmetricKey Key)> symmetric, IReadOnlyList<JweDecrypter>? decrypting = null)
    {
        _signing = signing;
        Decrypting = decrypting ?? [];
        _symmetric = symmetric.GroupBy(pair => pair.Purpose, pair => pair.Key).ToDictionary(group => group.Key, group => group.OrderBy(key => key.ActiveFrom).ToList());
    }

    /// <summary>Every signing key that is kept: the next, the current, and retired ones that old tokens may still be checked with.</summary>
    public IReadOnlyList<SigningKey> Signing => _signing;

    /// <summary>The keys that others encrypt to.</summary>
    public IReadOnlyList<JweDecrypter> Decrypting { get; }

    /// <summary>Whether there is a key that signs with an algorithm now.</summary>
    /// <param name="algorithm">The JWS algorithm.</param>
    /// <param name="now">Unix milliseconds.</param>
    public bool HasSigner(string algorithm, long now) => _signing.Any(key => key.Signer.Algorithm == algorithm && key.SignsAt(now));

    /// <summary>The key that signs with an algorithm now.</summary>
    /// <param name="algorithm">The JWS algorithm.</param>
    /// <param name="now">Unix milliseconds.</param>
    public JwsSigner Signer(string algorithm, long now)
    {
        SigningKey? best = null;
        foreach (var key in _signing)
        {
            if (key.Signer.Algorithm == algorithm && key.SignsAt(now) && (best is null || key.ActiveFrom > best.ActiveFrom)) best = key;
        }

        return best?.Signer ?? throw new InvalidOperationException($"There is no {algorithm} key that signs now.");
    }

    public IEnumerable<(string Purpose, SymmetricKey Key)> AllSymmetric => _symmetric.SelectMany(pair => pair.Value.Select(key => (pair.Key, key)));

    /// <summary>The symmetric key that makes things now.</summary>
    public SymmetricKey Current(string purpose, long now)
    {
        var keys = _symmetric[purpose];
        for (var i = keys.Count - 1; i > 0; i--)
        {
            if (keys[i].ActiveFrom <= now) return keys[i];
        }

        return keys[0];
    }

    /// <summary>The symmetric key of a number that stands in a token; null if there is none.</summary>
    public SymmetricKey? Find(string purpose, byte number)
    {
        if (!_symmetric.TryGetValue(purpose, out var keys)) return null;
        foreach (var key in keys)
        {
            if (key.Number == number) return key;
        }

        return null;
    }
}
