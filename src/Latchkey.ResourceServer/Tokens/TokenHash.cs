using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>The SHA-256 of a token, by which tokens are remembered: the tokens themselves are not kept.</summary>
internal readonly record struct TokenHash(UInt128 First, UInt128 Second)
{
    public static TokenHash Of(ReadOnlySpan<char> token)
    {
        var bytes = ArrayPool<byte>.Shared.Rent(token.Length);
        try
        {
            // Tokens are ASCII, the credentials' reader saw to that.
            var length = Encoding.ASCII.GetBytes(token, bytes);
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            SHA256.HashData(bytes.AsSpan(0, length), hash);
            var halves = MemoryMarshal.Cast<byte, UInt128>(hash);
            return new(halves[0], halves[1]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes, clearArray: true);
        }
    }

    // The hash is as random as it gets.
    public override int GetHashCode() => (int)(uint)First;
}
