namespace Latchkey.Protocol;

/// <summary>The name of an API that tokens are meant for, RFC 8707 section 2.</summary>
public static class ResourceIndicator
{
    /// <summary>Whether this can name a resource: an absolute URI without a fragment.</summary>
    public static bool IsWellFormed(string resource) =>
        resource.Length <= 2048
        && !resource.Contains('#', StringComparison.Ordinal)
        && resource.All(character => character is > ' ' and <= '~')
        && Uri.TryCreate(resource, UriKind.Absolute, out var uri)
        && resource.StartsWith(uri.Scheme + ":", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Whether two names mean one resource: equal as strings, or a bare origin with and without its trailing slash,
    /// which client libraries add and drop at will.
    /// </summary>
    public static bool Same(string left, string right) =>
        string.Equals(left, right, StringComparison.Ordinal)
        || (left.Length == right.Length + 1 ? IsSlashed(left, right) : right.Length == left.Length + 1 && IsSlashed(right, left));

    private static bool IsSlashed(string longer, string shorter)
    {
        if (longer[^1] != '/' || !longer.StartsWith(shorter, StringComparison.Ordinal)) return false;
        var authority = shorter.IndexOf("://", StringComparison.Ordinal);
        return authority > 0 && shorter.AsSpan(authority + 3).IndexOfAny('/', '?') < 0;
    }
}
