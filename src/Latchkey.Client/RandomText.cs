using System.Buffers.Text;
using System.Security.Cryptography;

namespace Latchkey.Client;

/// <summary>What nobody can guess: states, nonces, verifiers and jtis.</summary>
internal static class RandomText
{
    /// <summary>256 fresh random bits in base64url: 43 characters, which is also what a PKCE verifier must have at least (RFC 7636 section 4.1).</summary>
    public static string Create() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}
