using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Storage;

/// <summary>
/// The id of a grant or a session: 12 bits that say where the user's rows live (the bucket), 44 bits of time (milliseconds), 72 random bits.
/// So that an id that is presented alone leads to its shard and to its month, and that ids made together lie together.
/// </summary>
/// <param name="Value">The 128 bits.</param>
public readonly record struct RowId(UInt128 Value)
{
    /// <summary>The size of an id in bytes.</summary>
    public const int Size = 16;

    /// <summary>The bucket of the user's rows, 0 to 4095.</summary>
    public int Bucket => (int)(uint)(Value >> 116);

    /// <summary>When the id was made, unix milliseconds.</summary>
    public long CreatedAt => (long)(ulong)((Value >> 72) & 0xFFF_FFFF_FFFF);

    /// <summary>How many buckets there are.</summary>
    public const int Buckets = 4096;

    /// <summary>The bucket of a user.</summary>
    /// <param name="subject">The user's <c>sub</c>.</param>
    public static int BucketOf(string subject)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes(subject), hash);
        return BucketOf(hash);
    }

    /// <summary>The bucket of what is found by a hash.</summary>
    /// <param name="hash">Two bytes at least; all others lie in bucket 0.</param>
    public static int BucketOf(ReadOnlySpan<byte> hash) => hash.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(hash) >> 4;

    /// <summary>Makes an id.</summary>
    /// <param name="subject">The user whose row it is.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static RowId New(string subject, long now)
    {
        Span<byte> bytes = stackalloc byte[Size];
        RandomNumberGenerator.Fill(bytes[7..]);
        var random = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        return new(((UInt128)(uint)BucketOf(subject) << 116) | ((UInt128)((ulong)now & 0xFFF_FFFF_FFFF) << 72) | random);
    }

    /// <summary>Reads the 16 bytes of a column or a token.</summary>
    public static RowId From(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadUInt128BigEndian(bytes));

    /// <summary>Reads the form that <see cref="ToString"/> writes.</summary>
    /// <returns>The id, or null if the text is none.</returns>
    public static RowId? Parse(string? text)
    {
        if (text is not { Length: 22 }) return null;
        Span<byte> bytes = stackalloc byte[Size];
        return Base64Url.IsValid(text) && Base64Url.TryDecodeFromChars(text, bytes, out var written) && written == Size ? From(bytes) : null;
    }

    /// <summary>The 16 bytes for a column.</summary>
    public byte[] ToBytes()
    {
        var bytes = new byte[Size];
        Write(bytes);
        return bytes;
    }

    /// <summary>Writes the 16 bytes.</summary>
    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, Value);

    /// <summary>22 characters of base64url.</summary>
    public override string ToString() => Base64Url.EncodeToString(ToBytes());
}
