using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Protocol;

/// <summary>Proof Key for Code Exchange, RFC 7636. Only the method S256 exists here.</summary>
public static class Pkce
{
    /// <summary>The only <c>code_challenge_method</c>.</summary>
    public const string S256 = "S256";

    /// <summary>Whether this can be an S256 challenge: 32 bytes in unpadded base64url (RFC 7636 section 4.2).</summary>
    public static bool IsChallenge(string challenge) => challenge.Length == 43 && challenge.All(IsBase64Url);

    /// <summary>Whether this can be a verifier: 43 to 128 unreserved characters (RFC 7636 section 4.1).</summary>
    public static bool IsVerifier(string verifier) =>
        verifier.Length is >= 43 and <= 128 && verifier.All(character => IsBase64Url(character) || character is '.' or '~');

    /// <summary>The challenge of a verifier (RFC 7636 section 4.2).</summary>
    public static string Challenge(string verifier) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

    /// <summary>Whether the verifier is the one the challenge was made of, compared in fixed time (RFC 7636 section 4.6).</summary>
    public static bool Verify(string verifier, string challenge) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Challenge(verifier)), Encoding.ASCII.GetBytes(challenge));

    private static bool IsBase64Url(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '_';
}
