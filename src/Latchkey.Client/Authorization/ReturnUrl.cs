namespace Latchkey.Client.Authorization;

/// <summary>Where people go in the application after signing in: never anywhere else (RFC 9700 section 4.11.1).</summary>
public static class ReturnUrl
{
    /// <summary>Whether this is a path of the application itself, such as <c>/orders?page=2</c>.</summary>
    /// <param name="returnUrl">As it came, possibly from a stranger.</param>
    public static bool IsLocal(string? returnUrl) =>
        returnUrl is { Length: > 0 and <= 2048 } && returnUrl[0] == '/'
        // Browsers take // and /\ for the start of a host, and drop tabs and line breaks before they look.
        && (returnUrl.Length == 1 || returnUrl[1] is not ('/' or '\\'))
        && !returnUrl.Any(character => char.IsControl(character) || character == '\\');
}
