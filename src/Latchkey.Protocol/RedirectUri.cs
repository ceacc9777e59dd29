using Latchkey.Protocol.Names;

namespace Latchkey.Protocol;

/// <summary>
/// Redirect URIs are compared as the strings they are (OAuth 2.1 section 2.3.1); the one exception is the port of a
/// loopback address of an app on the person's own machine (RFC 8252 section 7.3).
/// </summary>
public static class RedirectUri
{
    /// <summary>Whether a presented URI is the registered one.</summary>
    /// <param name="registered">As registered.</param>
    /// <param name="presented">As sent.</param>
    /// <param name="anyLoopbackPort">
    /// For native, public and self-registered clients: the port of <c>http://127.0.0.1</c>, <c>http://[::1]</c> and <c>http://localhost</c> is free.
    /// Everything else stays exact.
    /// </param>
    public static bool Matches(string registered, string presented, bool anyLoopbackPort)
    {
        if (string.Equals(registered, presented, StringComparison.Ordinal)) return true;
        return anyLoopbackPort
            && SplitLoopback(registered) is { } left && SplitLoopback(presented) is { } right
            && left.Host == right.Host && left.Tail == right.Tail;
    }

    /// <summary>Whether the URI leads to this computer over http: <c>127.0.0.1</c>, <c>[::1]</c> or <c>localhost</c>.</summary>
    public static bool IsLoopback(string uri) => SplitLoopback(uri) is not null;

    /// <summary>What is wrong with a URI that is to be registered, as a sentence; null if nothing is.</summary>
    /// <param name="uri">The URI as declared.</param>
    /// <param name="native">Whether the client is a native app, which may use private-use schemes (RFC 8252 section 7.1).</param>
    public static string? Fault(string uri, bool native)
    {
        if (uri.Any(character => character is <= ' ' or > '~' or '"' or '<' or '>' or '\\' or '^' or '`' or '{' or '|' or '}'))
            return "holds a character that a URI can't have";
        if (uri.Contains('*', StringComparison.Ordinal)) return "has a wildcard; redirect URIs are compared exactly, so list each one";
        if (!Uri.TryCreate(uri, UriKind.Absolute, out var parsed) || !uri.Contains(':', StringComparison.Ordinal)) return "is not an absolute URI";
        if (uri.Contains('#', StringComparison.Ordinal)) return "has a fragment, which redirect URIs can't have (RFC 6749 section 3.1.2)";
        foreach (var (name, _) in Parameters.Parse(parsed.Query).Pairs)
        {
            if (name is ParameterNames.Code or ParameterNames.State or ParameterNames.Issuer or ParameterNames.Error)
                return $"has the parameter {name} in its query, which the answer has of its own";
        }

        switch (parsed.Scheme)
        {
            case "https":
                return parsed.UserInfo.Length > 0 ? "has user information in it" : parsed.Host.Length == 0 ? "has no host" : null;
            case "http":
                if (parsed.UserInfo.Length > 0) return "has user information in it";
                return IsLoopback(uri) ? null : "uses http, which only 127.0.0.1, [::1] and localhost may; use https";
            default:
                if (!native) return $"uses the scheme {parsed.Scheme}, which only a client with application_type native may";
                return parsed.Scheme.Contains('.', StringComparison.Ordinal)
                    ? null
                    : $"uses the scheme {parsed.Scheme}; a private-use scheme is a reversed domain name such as com.example.app (RFC 8252 section 7.1)";
        }
    }

    /// <summary>
    /// The URI with parameters added to its query (RFC 6749 section 4.1.2); what the query already holds is kept.
    /// </summary>
    /// <param name="redirectUri">The URI as registered or sent.</param>
    /// <param name="encodedParameters">Parameters as <see cref="Parameters.Encode"/> writes them.</param>
    public static string WithQuery(string redirectUri, string encodedParameters)
    {
        var separator = !redirectUri.Contains('?', StringComparison.Ordinal) ? "?"
            : redirectUri[^1] is '?' or '&' ? "" : "&";
        return redirectUri + separator + encodedParameters;
    }

    private static (string Host, string Tail)? SplitLoopback(string uri)
    {
        const string scheme = "http://";
        if (!uri.StartsWith(scheme, StringComparison.Ordinal)) return null;
        var authority = uri.AsSpan(scheme.Length);
        var end = authority.IndexOfAny('/', '?', '#');
        var tail = end < 0 ? "" : authority[end..].ToString();
        if (end >= 0) authority = authority[..end];
        foreach (var host in (ReadOnlySpan<string>)["127.0.0.1", "[::1]", "localhost"])
        {
            if (!authority.StartsWith(host, StringComparison.Ordinal)) continue;
            var port = authority[host.Length..];
            if (port.IsEmpty) return (host, tail);
            if (port[0] == ':' && port.Length is > 1 and <= 6 && port[1..].IndexOfAnyExceptInRange('0', '9') < 0
                && int.Parse(port[1..], System.Globalization.CultureInfo.InvariantCulture) <= 65535) return (host, tail);
        }

        return null;
    }
}
