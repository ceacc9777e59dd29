using System.Text;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.Endpoints;

/// <summary>Opens what the provider encrypted to this client (RFC 7516): ID tokens, userinfo and signed answers, for a client that is registered so.</summary>
internal static class Encrypted
{
    // Encrypted, a signed token of the longest that is taken is a third longer.
    private const int MaximumLength = 32 * 1024;

    /// <summary>What is inside; the token itself where it is not encrypted, or where this client has no key, and whoever verifies it then says so.</summary>
    public static string Open(string token, LatchkeyClientOptions options)
    {
        if (options.DecryptionKeys.Count == 0 || !Jwe.Is(token)) return token;
        if (Jwe.Read(token, MaximumLength).Refused(out var refusal, out var jwe)) throw new OAuthException(refusal);
        foreach (var key in options.DecryptionKeys)
        {
            if (jwe.KeyId is { } id && id != key.KeyId) continue;
            if (key.Decrypt(jwe) is { } content) return Encoding.UTF8.GetString(content);
        }

        throw new OAuthException(ClientRefusals.NotDecrypted());
    }
}
