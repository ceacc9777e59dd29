using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Keys;

/// <summary>Verifies the signatures of tokens that this server issued, with whichever of its keys made them.</summary>
internal static class OwnSignatures
{
    // Opened once for each set of keys.
    private static readonly ConditionalWeakTable<KeyRing, KeySet> Opened = [];

    /// <summary>Whether a token is a well-formed JWS with a signature of ours.</summary>
    /// <param name="keys">The keys there are.</param>
    /// <param name="token">The token as it came.</param>
    /// <param name="maximumLength">The most characters it may have.</param>
    public static bool Verify(KeyRing keys, string token, int maximumLength) =>
        Jws.Read(token, maximumLength).Succeeded(out var jws, out _)
        && jws.Header.KeyId is { } keyId
        && Opened.GetValue(keys, Open).Find(keyId, jws.Header.Algorithm) is { } key
        && jws.IsSignedBy(key);

    private static KeySet Open(KeyRing keys)
    {
        var set = new StringBuilder("{\"keys\":[").AppendJoin(',', keys.Signing.Select(key => Encoding.UTF8.GetString(key.Signer.PublicKey.Span))).Append("]}");
        using var document = JsonDocument.Parse(set.ToString());
        return KeySet.Read(document.RootElement, null) ?? throw new InvalidOperationException("The server's own keys are no JWK set.");
    }
}
