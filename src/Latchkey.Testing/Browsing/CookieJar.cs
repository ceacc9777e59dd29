using System.Globalization;

namespace Latchkey.Testing.Browsing;

/// <summary>
/// The cookies of one browser (RFC 6265), each for the host that set it. Written anew because <see cref="System.Net.CookieContainer"/> keeps back
/// <c>Secure</c> cookies on http while browsers send them to loopback, and knows no other clock than the system's.
/// </summary>
internal sealed class CookieJar(TimeProvider clock)
{
    private readonly List<Cookie> _cookies = [];

    public string? HeaderFor(Uri url)
    {
        _cookies.RemoveAll(cookie => cookie.Expires <= clock.GetUtcNow());
        var sent = _cookies.Where(cookie => cookie.Host == url.Host && PathMatches(cookie.Path, url.AbsolutePath) && (!cookie.Secure || url.Scheme == "https" || url.IsLoopback))
            .OrderByDescending(cookie => cookie.Path.Length).Select(cookie => $"{cookie.Name}={cookie.Value}").ToList();
        return sent.Count == 0 ? null : string.Join("; ", sent);
    }

    /// <summary>The cookies of a host, by name.</summary>
    public IReadOnlyDictionary<string, string> Of(string host) =>
        _cookies.Where(cookie => cookie.Host == host).GroupBy(cookie => cookie.Name).ToDictionary(group => group.Key, group => group.First().Value, StringComparer.Ordinal);

    public void Forget(string host) => _cookies.RemoveAll(cookie => cookie.Host == host);

    public void Forget(string host, string name) => _cookies.RemoveAll(cookie => cookie.Host == host && cookie.Name == name);

    public void Set(Uri url, string line)
    {
        var parts = line.Split(';', StringSplitOptions.TrimEntries);
        var equals = parts[0].IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0) return;
        var attributes = parts.Skip(1).Select(part => part.Split('=', 2)).GroupBy(pair => pair[0], StringComparer.OrdinalIgnoreCase)
            .ToDictionary(group => group.Key, group => group.Last() is [_, var value] ? value : "", StringComparer.OrdinalIgnoreCase);
        var secure = attributes.ContainsKey("secure");
        var path = attributes.GetValueOrDefault("path") is { Length: > 0 } given && given[0] == '/' ? given : DefaultPath(url.AbsolutePath);
        var name = parts[0][..equals];
        // What a browser refuses is refused here too: a mistake in a cookie's attributes must show in the test.
        if (name.StartsWith("__Host-", StringComparison.OrdinalIgnoreCase) && (!secure || path != "/" || attributes.ContainsKey("domain"))) return;
        if (name.StartsWith("__Secure-", StringComparison.OrdinalIgnoreCase) && !secure) return;
        if (secure && url.Scheme != "https" && !url.IsLoopback) return;

        _cookies.RemoveAll(cookie => cookie.Host == url.Host && cookie.Name == name && cookie.Path == path);
        var expires = Expires(attributes);
        if (expires > clock.GetUtcNow()) _cookies.Add(new(url.Host, path, name, parts[0][(equals + 1)..], secure, expires));
    }

    private static string DefaultPath(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "/";

    private static bool PathMatches(string cookie, string path) =>
        path == cookie || (path.StartsWith(cookie, StringComparison.Ordinal) && (cookie[^1] == '/' || path[cookie.Length] == '/'));

    private DateTimeOffset Expires(Dictionary<string, string> attributes)
    {
        if (attributes.TryGetValue("max-age", out var age) && long.TryParse(age, CultureInfo.InvariantCulture, out var seconds))
            return clock.GetUtcNow().AddSeconds(Math.Clamp(seconds, -1, int.MaxValue));
        return attributes.TryGetValue("expires", out var text) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expires)
            ? expires
            : DateTimeOffset.MaxValue;
    }

    private sealed record Cookie(string Host, string Path, string Name, string Value, bool Secure, DateTimeOffset Expires);
}
