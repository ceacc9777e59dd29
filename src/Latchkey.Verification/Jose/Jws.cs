using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Latchkey.Verification.Jose;

/// <summary>
/// A JWS in compact serialization (RFC 7515 section 7.1) whose payload is a JSON object, read strictly. Reading it proves nothing: what it says counts
/// after its signature was verified.
/// </summary>
public sealed class Jws
{
    private static readonly SearchValues<char> Alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private readonly ReadOnlyMemory<char> _token;
    private readonly int _signedLength;

    private Jws(ReadOnlyMemory<char> token, int signedLength, JoseHeader header, JsonMembers claims, byte[] signature)
    {
        _token = token;
        _signedLength = signedLength;
        Header = header;
        Claims = claims;
        Signature = signature;
    }

    /// <summary>The header. <c>jku</c>, <c>x5u</c>, <c>jwk</c> and <c>x5c</c> in it are never used to find a key by anything here.</summary>
    public JoseHeader Header { get; }

    /// <summary>The payload's members: the claims.</summary>
    public JsonMembers Claims { get; }

    /// <summary>The provider's key that verified the signature; null until <see cref="JwtVerifier"/> has done so.</summary>
    public Providers.VerificationKey? Key { get; internal set; }

    internal byte[] Signature { get; }

    /// <summary>
    /// Reads a token: three parts of base64url without padding, the first two JSON objects without repeated members; no <c>crit</c>, no <c>b64</c>,
    /// no <c>zip</c>, since none of what they ask for is understood here (RFC 7515 section 4.1.11).
    /// </summary>
    /// <param name="token">The token as sent.</param>
    /// <param name="maximumLength">The most characters it may have; a longer one is not looked at.</param>
    /// <returns>The token's parts, or why they can't be had.</returns>
    public static Verdict<Jws> Read(string token, int maximumLength)
    {
        ArgumentNullException.ThrowIfNull(token);
        return Read(token.AsMemory(), maximumLength);
    }

    /// <summary>As above, of a token that is part of a longer text, such as a header.</summary>
    /// <param name="token">The token as sent.</param>
    /// <param name="maximumLength">The most characters it may have; a longer one is not looked at.</param>
    /// <returns>The token's parts, or why they can't be had.</returns>
    public static Verdict<Jws> Read(ReadOnlyMemory<char> token, int maximumLength)
    {
        if (token.Length > maximumLength) return JwtRefusals.TooLong(maximumLength);
        var text = token.Span;
        var first = text.IndexOf('.');
        if (first < 0) return JwtRefusals.NotCompact;
        var second = text[(first + 1)..].IndexOf('.');
        if (second < 0) return JwtRefusals.NotCompact;
        var signed = first + 1 + second;
        if (text[(signed + 1)..].Contains('.')) return text.Count('.') == 4 ? JwtRefusals.Encrypted : JwtRefusals.NotCompact;

        if (!JoseHeader.Read(text[..first]).Succeeded(out var header, out var refusal)) return refusal;
        if (Decode(text[(first + 1)..signed]) is not { } payload || !JsonMembers.TryRead(payload, out var claims)) return JwtRefusals.MalformedPayload;
        if (Decode(text[(signed + 1)..]) is not { } signature) return JwtRefusals.MalformedSignature;
        return new Jws(token, signed, header, claims, signature);
    }

    /// <summary>
    /// Keeps one of these keys as the token's own, if its signature is that key's. For tokens of a signer whose keys were looked up by who they are: a
    /// client's assertion, this server's own tokens.
    /// </summary>
    /// <param name="keys">The candidates, such as those of <see cref="Providers.KeySet.FindAll"/>.</param>
    /// <returns>Whether one of them signed it.</returns>
    public bool IsSignedByOne(IEnumerable<Providers.VerificationKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        Key = keys.FirstOrDefault(IsSignedBy);
        return Key is not null;
    }

    /// <summary>Verifies the signature with a key that was found for the header's algorithm.</summary>
    /// <param name="key">The key; one of another algorithm than the header's verifies nothing.</param>
    public bool IsSignedBy(Providers.VerificationKey key)
    {
        if (key.Algorithm != Header.Algorithm) return false;
        var data = ArrayPool<byte>.Shared.Rent(_signedLength);
        try
        {
            Encoding.ASCII.GetBytes(_token.Span[.._signedLength], data);
            return key.Verify(data, _signedLength, Signature);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(data);
        }
    }

    /// <summary>Type and algorithm, never the token.</summary>
    public override string ToString() => $"JWS typ={Header.Type ?? "(none)"} alg={Header.Algorithm}";

    /// <summary>Decodes base64url strictly (RFC 7515 section 2): no padding, no white space, no other way to write the same bytes.</summary>
    internal static byte[]? Decode(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyExcept(Alphabet) || text.Length % 4 == 1) return null;
        // The bits of the last character that encode nothing must be zero.
        var spare = (text.Length % 4) switch { 2 => 15, 3 => 3, _ => 0 };
        if (spare != 0 && (Value(text[^1]) & spare) != 0) return null;
        return Base64Url.DecodeFromChars(text);
    }

    private static int Value(char character) => character switch
    {
        >= 'A' and <= 'Z' => character - 'A',
        >= 'a' and <= 'z' => character - 'a' + 26,
        >= '0' and <= '9' => character - '0' + 52,
        '-' => 62,
        _ => 63,
    };
}
