using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>
/// Whether two servers are sure to read a path alike. What is allowed here must be what the API serves: a path that says one thing to this server and
/// another to the next one is a way around the allow-list.
/// </summary>
internal static class ApiPath
{
    /// <summary>Judges the request target as it was sent, before anything was decoded.</summary>
    public static bool IsPlain(string rawTarget)
    {
        // An absolute address names a host of its own.
        if (rawTarget is not ['/', ..]) return false;
        var path = rawTarget.AsSpan();
        if (path.IndexOf('?') is >= 0 and var query) path = path[..query];
        if (path.Contains('\\') || path.Contains('#') || path.Contains("//", StringComparison.Ordinal)) return false;
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] is <= ' ' or >= (char)0x7f) return false;
            if (path[i] != '%') continue;
            // Encoded slashes, backslashes, dots, percent signs (a second decoding) and control characters.
            if (i + 2 >= path.Length || !byte.TryParse(path.Slice(i + 1, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value)) return false;
            if (value is (byte)'/' or (byte)'\\' or (byte)'.' or (byte)'%' or < 0x20 or 0x7f) return false;
        }

        foreach (var segment in path.Split('/'))
        {
            // Some servers cut parameters off a segment: "..;x" is then "..". An encoded semicolon is a plain one when it is sent on.
            var name = path[segment];
            if (name.IndexOf(';') is >= 0 and var parameters) name = name[..parameters];
            if (name.IndexOf("%3b", StringComparison.OrdinalIgnoreCase) is >= 0 and var encoded) name = name[..encoded];
            if (name is "." or "..") return false;
        }

        return true;
    }

    /// <summary>Whether what comes after the API's own path is on its list.</summary>
    public static bool IsAllowed(BffApi api, PathString rest) =>
        api.Paths.Count == 0 || api.Paths.Any(allowed => rest.StartsWithSegments(allowed, StringComparison.Ordinal));
}
