using System.Buffers.Text;
using System.IO.Compression;
using Latchkey.Verification.Jose;

namespace Latchkey.ResourceServer.TokenStatus;

/// <summary>The content of a verified Status List Token: the statuses, and Latchkey's own limits for whole clients.</summary>
internal sealed class StatusListContent
{
    /// <summary>The most bytes that a list may have when it is unpacked: statuses of 128 million tokens.</summary>
    private const int MaximumSize = 16 * 1024 * 1024;

    private readonly byte[] _statuses;
    private readonly int _bits;
    private readonly JsonMembers? _revokedBefore;

    private StatusListContent(byte[] statuses, int bits, JsonMembers? revokedBefore) => (_statuses, _bits, _revokedBefore) = (statuses, bits, revokedBefore);

    /// <summary>Reads the claims of a list (draft-ietf-oauth-status-list section 4.2).</summary>
    /// <param name="claims">The claims.</param>
    /// <param name="fault">What is wrong with them.</param>
    public static StatusListContent? Read(JsonMembers claims, out string? fault)
    {
        fault = null;
        if (claims.Object("status_list") is not { } list) fault = "it has no status_list";
        else if (list.Number("bits") is not (1 or 2 or 4 or 8)) fault = "its bits are none of 1, 2, 4 and 8";
        else if (list.Text("lst") is not { Length: > 0 } text || !Base64Url.IsValid(text)) fault = "its lst is no base64url";
        else if (Unpack(Base64Url.DecodeFromChars(text)) is not { } statuses) fault = $"its lst is no zlib stream of at most {MaximumSize} bytes";
        else return new(statuses, (int)list.Number("bits")!.Value, claims.Object("revoked_before"));
        return null;
    }

    /// <summary>The status of an entry: 0 for a token that is good; null behind the end of the list.</summary>
    public int? StatusOf(long index)
    {
        var perByte = 8 / _bits;
        if (index / perByte >= _statuses.Length) return null;
        return (_statuses[index / perByte] >> (int)(index % perByte * _bits)) & ((1 << _bits) - 1);
    }

    /// <summary>Whether all tokens of that age are revoked: those of the client, or, under an empty name, those of every client.</summary>
    public bool IsRevokedBefore(string? clientId, long? issuedAt) =>
        (_revokedBefore?.Date("") is { } all && !(issuedAt >= all))
        || (clientId is not null && _revokedBefore?.Date(clientId) is { } limit && !(issuedAt >= limit));

    private static byte[]? Unpack(byte[] packed)
    {
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed), CompressionMode.Decompress);
            var bytes = new byte[16 * 1024];
            var length = 0;
            while (true)
            {
                var read = zlib.Read(bytes, length, bytes.Length - length);
                if (read == 0) return bytes[..length];
                length += read;
                if (length > MaximumSize) return null;
                if (length == bytes.Length) Array.Resize(ref bytes, Math.Min(bytes.Length * 2, MaximumSize + 1));
            }
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
