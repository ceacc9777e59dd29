using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Latchkey.Verification.DPoP;

/// <summary>
/// The nonces that a server gives to clients for their proofs (RFC 9449 sections 8 and 9). Nothing is stored: a nonce is the time it was made,
/// rounded, with a keyed hash over it. It is one for all clients, and a new one comes with every half of its lifetime.
/// </summary>
public sealed class DPoPNonces
{
    private const int TimeSize = 8;
    private const int TagSize = 16;

    private readonly byte[] _key;
    private readonly TimeProvider _clock;
    private readonly long _lifetime;
    private readonly long _step;
    private Issued? _latest;

    /// <summary>Sets the nonces up.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="lifetime">How long a nonce is taken at least; it is taken for one and a half times as long at most. Whole seconds, 2 or more.</param>
    /// <param name="secret">
    /// What the hash is keyed with, at least 32 bytes: the same on all nodes of one API, or a client that comes to another node is given another nonce
    /// again and again. Null draws one for this process.
    /// </param>
    /// <exception cref="ArgumentException">The secret is too short, or the lifetime too.</exception>
    public DPoPNonces(TimeProvider clock, TimeSpan lifetime, ReadOnlySpan<byte> secret = default)
    {
        if (!secret.IsEmpty && secret.Length < 32) throw new ArgumentException("The secret of the nonces needs at least 32 bytes.", nameof(secret));
        if (lifetime < TimeSpan.FromSeconds(2)) throw new ArgumentException("Nonces need a lifetime of at least 2 seconds.", nameof(lifetime));
        _clock = clock;
        _lifetime = (long)lifetime.TotalSeconds;
        _step = _lifetime / 2;
        // The secret may serve other purposes too; its hash under this name serves none but this.
        _key = secret.IsEmpty ? RandomNumberGenerator.GetBytes(32) : HMACSHA256.HashData(secret, "latchkey dpop nonce"u8);
    }

    /// <summary>The nonce to give out now.</summary>
    public string Current
    {
        get
        {
            var issuedAt = Now / _step * _step;
            if (_latest is { } latest && latest.At == issuedAt) return latest.Nonce;
            Span<byte> nonce = stackalloc byte[TimeSize + TagSize];
            BinaryPrimitives.WriteInt64BigEndian(nonce, issuedAt);
            Tag(nonce[..TimeSize], nonce[TimeSize..]);
            _latest = new(issuedAt, Base64Url.EncodeToString(nonce));
            return _latest.Nonce;
        }
    }

    private long Now => _clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Whether a nonce is ours, and until when it is taken.</summary>
    /// <param name="nonce">What came in a proof.</param>
    /// <param name="until">When its life ends, in Unix seconds; of a stale one when it ended.</param>
    /// <returns>False for what was never given out.</returns>
    internal bool IsOurs(string nonce, out long until)
    {
        until = 0;
        Span<byte> bytes = stackalloc byte[TimeSize + TagSize];
        if (nonce.Length != Base64Url.GetEncodedLength(bytes.Length) || !TryDecode(nonce, bytes)) return false;
        Span<byte> tag = stackalloc byte[TagSize];
        Tag(bytes[..TimeSize], tag);
        if (!CryptographicOperations.FixedTimeEquals(tag, bytes[TimeSize..])) return false;
        until = BinaryPrimitives.ReadInt64BigEndian(bytes) + _step + _lifetime;
        return true;
    }

    /// <summary>Never shows the key.</summary>
    [ExcludeFromCodeCoverage]
    public override string ToString() => $"DPoP nonces of {_lifetime} s";

    private static bool TryDecode(string text, Span<byte> bytes) =>
        Base64Url.IsValid(text, out var length) && length == bytes.Length && Base64Url.TryDecodeFromChars(text, bytes, out var written) && written == bytes.Length;

    private void Tag(ReadOnlySpan<byte> data, Span<byte> tag)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, data, hash);
        hash[..TagSize].CopyTo(tag);
    }

    private sealed record Issued(long At, string Nonce);
}
