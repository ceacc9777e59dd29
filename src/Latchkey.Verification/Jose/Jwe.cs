using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Verification.Jose;

/// <summary>
/// A JWE in compact serialization (RFC 7516 section 7.1), read strictly. Nothing in its header is ever used to find a key but <c>kid</c>, and nothing is
/// ever unpacked: a few kilobytes stay a few kilobytes (RFC 8725 section 3.6).
/// </summary>
public sealed class Jwe
{
    private Jwe(JsonMembers header, byte[] sealedHeader)
    {
        Members = header;
        Header = sealedHeader;
    }

    /// <summary><c>alg</c>, one of <see cref="EncryptionAlgorithms.Keys"/>.</summary>
    public required string Algorithm { get; init; }

    /// <summary><c>enc</c>, one of <see cref="EncryptionAlgorithms.Contents"/>.</summary>
    public required string Encryption { get; init; }

    /// <summary><c>kid</c>; null if it is absent.</summary>
    public string? KeyId => Members.Text("kid");

    /// <summary>Everything in the header.</summary>
    public JsonMembers Members { get; }

    /// <summary>The header as it was sent, which the tag covers.</summary>
    internal byte[] Header { get; }

    internal byte[] WrappedKey { get; init; } = [];

    internal byte[] Nonce { get; init; } = [];

    internal byte[] Ciphertext { get; init; } = [];

    internal byte[] Tag { get; init; } = [];

    internal string? Curve { get; init; }

    internal byte[]? X { get; init; }

    internal byte[]? Y { get; init; }

    internal byte[] Producer { get; init; } = [];

    internal byte[] Consumer { get; init; } = [];

    /// <summary>Whether a token has the five parts of a JWE.</summary>
    public static bool Is(string token) => token is not null && token.AsSpan().Count('.') == 4;

    /// <summary>
    /// Reads a token: five parts of base64url without padding, the first a JSON object without repeated members; no <c>zip</c>, no <c>crit</c>, and only
    /// the algorithms that are taken.
    /// </summary>
    /// <param name="token">The token as sent.</param>
    /// <param name="maximumLength">The most characters it may have; a longer one is not looked at.</param>
    /// <returns>The token's parts, or why they can't be had.</returns>
    public static Verdict<Jwe> Read(string token, int maximumLength)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (token.Length > maximumLength) return JwtRefusals.TooLong(maximumLength);
        var parts = token.Split('.');
        if (parts.Length != 5) return JwtRefusals.NotCompact;
        if (Jws.Decode(parts[0]) is not { } json || !JsonMembers.TryRead(json, out var header)) return JwtRefusals.MalformedHeader;
        foreach (var name in (ReadOnlySpan<string>)["crit", "b64", "zip"])
        {
            if (header.Has(name)) return JwtRefusals.NotUnderstood(name);
        }

        if (header.Text("alg") is not { } algorithm || !EncryptionAlgorithms.Keys.Contains(algorithm)
            || header.Text("enc") is not { } encryption || ContentEncryption.KeySize(encryption) is null) return JwtRefusals.Encryption;
        if (Jws.Decode(parts[1]) is not { } key || Jws.Decode(parts[2]) is not { } nonce || Jws.Decode(parts[3]) is not { } text
            || Jws.Decode(parts[4]) is not { } tag) return JwtRefusals.MalformedEncryption;
        var sender = header.Object("epk");
        if (algorithm == EncryptionAlgorithms.EcdhEs && sender?.Text("kty") != "EC") return JwtRefusals.MalformedEncryption;
        if (Bytes(header, "apu") is not { } producer || Bytes(header, "apv") is not { } consumer) return JwtRefusals.MalformedEncryption;
        return new Jwe(header, Encoding.ASCII.GetBytes(parts[0]))
        {
            Algorithm = algorithm,
            Encryption = encryption,
            WrappedKey = key,
            Nonce = nonce,
            Ciphertext = text,
            Tag = tag,
            Curve = sender?.Text("crv"),
            X = Jws.Decode(sender?.Text("x")),
            Y = Jws.Decode(sender?.Text("y")),
            Producer = producer,
            Consumer = consumer,
        };
    }

    /// <summary>Algorithms only.</summary>
    public override string ToString() => $"JWE alg={Algorithm} enc={Encryption}";

    private static byte[]? Bytes(JsonMembers header, string name) => header.Has(name) ? header.Text(name) is { } text ? Jws.Decode(text) : null : [];
}
