using System.Buffers.Text;
using System.IO.Compression;

namespace Latchkey.Server.Tests.TokenStatus;

/// <summary>What the status list of a token says of it, read as an API reads it.</summary>
internal static class StatusOf
{
    public static async Task<bool> IsRevokedAsync(string token)
    {
        using var http = new HttpClient();
        var claims = Jwt.Claims(token);
        var entry = claims.GetProperty("status").GetProperty("status_list");
        var list = Jwt.Claims(await http.GetStringAsync(new Uri(entry.GetProperty("uri").GetString()!)));
        if (list.TryGetProperty("revoked_before", out var limits)
            && (string[])["", claims.GetProperty("client_id").GetString()!] is var names
            && names.Any(name => limits.TryGetProperty(name, out var limit) && claims.GetProperty("iat").GetInt64() < limit.GetInt64())) return true;

        await using var zlib = new ZLibStream(new MemoryStream(Base64Url.DecodeFromChars(list.GetProperty("status_list").GetProperty("lst").GetString())), CompressionMode.Decompress);
        using var bits = new MemoryStream();
        await zlib.CopyToAsync(bits);
        var index = entry.GetProperty("idx").GetInt32();
        return (bits.ToArray()[index / 8] >> (index % 8) & 1) == 1;
    }
}
