using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Latchkey.Server.Keys;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// A refresh token: key number, grant id, generation and a MAC over them. A forged one is refused without asking the database, and the successor of
/// a generation can be made again for a client whose answer was lost, since nothing about it is random.
/// </summary>
/// <param name="GrantId">The grant.</param>
/// <param name="Generation">Which of the grant's tokens it is, from 1.</param>
internal readonly record struct RefreshToken(RowId GrantId, int Generation)
{
    /// <summary>What every refresh token begins with, so that secret scanners find it.</summary>
    public const string Prefix = "lkr_";

    private const int BodySize = 1 + RowId.Size + 4;
    private const int MacSize = 16;

    /// <summary>The token's text. The key's number is the one current at the grant's creation, so that a successor is always the same text.</summary>
    public string Write(KeyRing keys)
    {
        Span<byte> bytes = stackalloc byte[BodySize + MacSize];
        var key = keys.Current(KeyPurposes.RefreshToken, GrantId.CreatedAt);
        bytes[0] = key.Number;
        GrantId.Write(bytes[1..]);
        BinaryPrimitives.WriteInt32BigEndian(bytes[(1 + RowId.Size)..], Generation);
        Mac(key, bytes[..BodySize], bytes[BodySize..]);
        return Prefix + Base64Url.EncodeToString(bytes);
    }

    /// <summary>Reads a token; null for anything that this server did not make.</summary>
    public static RefreshToken? Read(KeyRing keys, string text)
    {
        Span<byte> bytes = stackalloc byte[BodySize + MacSize];
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) return null;
        var encoded = text.AsSpan(Prefix.Length);
        if (encoded.Length != Base64Url.GetEncodedLength(bytes.Length) || !Base64Url.IsValid(encoded)) return null;
        if (!Base64Url.TryDecodeFromChars(encoded, bytes, out var written) || written != bytes.Length) return null;
        if (keys.Find(KeyPurposes.RefreshToken, bytes[0]) is not { } key) return null;
        Span<byte> mac = stackalloc byte[MacSize];
        Mac(key, bytes[..BodySize], mac);
        if (!CryptographicOperations.FixedTimeEquals(mac, bytes[BodySize..])) return null;
        return new(RowId.From(bytes[1..]), BinaryPrimitives.ReadInt32BigEndian(bytes[(1 + RowId.Size)..]));
    }

    public override string ToString() => $"refresh token {Generation} of grant {GrantId}";

    private static void Mac(SymmetricKey key, ReadOnlySpan<byte> body, Span<byte> mac)
    {
        Span<byte> full = stackalloc byte[32];
        HMACSHA256.HashData(key.Secret, body, full);
        full[..MacSize].CopyTo(mac);
    }
}
