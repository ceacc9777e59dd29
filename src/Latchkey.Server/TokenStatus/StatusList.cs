using System.Buffers.Text;
using System.Globalization;
using System.IO.Compression;

namespace Latchkey.Server.TokenStatus;

/// <summary>The bits of one list (draft-ietf-oauth-status-list section 4): one for each index, set where the token is revoked.</summary>
internal static class StatusList
{
    /// <summary>How many tokens a list tells of: 16 KiB of bits, some 40 bytes when all of them are good.</summary>
    public const int Size = 131_072;

    /// <summary>The list that an index is in.</summary>
    public static long ListOf(long index) => index / Size;

    /// <summary>The address of a list.</summary>
    public static string Address(ServerOptions options, long number) => options.Endpoint("/status-lists/" + number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Where in its list an index is.</summary>
    public static int PositionOf(long index) => (int)(index % Size);

    /// <summary>The bits as they stand in <c>lst</c>: the lowest bit of a byte first, compressed by zlib, base64url.</summary>
    /// <param name="revoked">The revoked indexes of one list.</param>
    public static string Encode(IEnumerable<long> revoked)
    {
        var bits = new byte[Size / 8];
        foreach (var index in revoked)
        {
            var position = PositionOf(index);
            bits[position >> 3] |= (byte)(1 << (position & 7));
        }

        using var compressed = new MemoryStream(256);
        using (var zlib = new ZLibStream(compressed, CompressionLevel.SmallestSize, leaveOpen: true)) zlib.Write(bits);
        return Base64Url.EncodeToString(compressed.GetBuffer().AsSpan(0, (int)compressed.Length));
    }
}
