using Latchkey.Server.Fetching;

namespace Latchkey.Server.Registration;

/// <summary>A client id that is the URL of the client's metadata document (Client ID Metadata Document section 3).</summary>
internal static class ClientIdUrl
{
    private const int MaximumLength = 255;

    /// <summary>Whether an id means a URL at all. The server's own ids never begin like this.</summary>
    public static bool IsMeant(string clientId) =>
        clientId.StartsWith("https://", StringComparison.Ordinal) || clientId.StartsWith("http://", StringComparison.Ordinal);

    /// <summary>What is wrong with the URL, as the end of a sentence; null if nothing is.</summary>
    public static string? Fault(string clientId, Reach reach)
    {
        if (clientId.Length > MaximumLength) return $"is longer than {MaximumLength} characters";
        if (GuardedConnections.Fault(clientId, reach) is { } fault) return fault;
        if (clientId.Any(character => character is '"' or '<' or '>' or '^' or '`' or '{' or '|' or '}')) return "holds a character that a URL can't have";
        if (clientId.Contains('#', StringComparison.Ordinal)) return "has a fragment, which a client_id can't have";
        var afterScheme = clientId.AsSpan(clientId.IndexOf("://", StringComparison.Ordinal) + 3);
        if (afterScheme.Contains('@') && new Uri(clientId).UserInfo.Length > 0) return "has user information in it";
        var path = afterScheme;
        var query = path.IndexOf('?');
        if (query >= 0) path = path[..query];
        var slash = path.IndexOf('/');
        if (slash < 0) return "has no path; the URL of a document does";
        foreach (var segment in path[slash..].ToString().Split('/'))
        {
            if (Uri.UnescapeDataString(segment) is "." or "..") return "has a dot segment in its path";
        }

        return null;
    }
}
