using Latchkey.Protocol;

namespace Latchkey.Client.Endpoints;

/// <summary>Addresses of a provider: https, or http on loopback (OAuth 2.1 section 1.5), before anything is sent or opened.</summary>
internal static class Endpoint
{
    /// <summary>What is wrong with an address, as the end of a sentence; null if nothing is.</summary>
    public static string? Fault(string? address)
    {
        if (string.IsNullOrEmpty(address)) return "is empty";
        // Nothing that a shell, a header or a person could take for something else.
        if (address.Any(character => character is <= ' ' or > '~' or '"' or '<' or '>' or '\\' or '^' or '`' or '{' or '|' or '}'))
            return "holds a character that a URL can't have";
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Host.Length == 0) return "is not an absolute URL";
        if (address.Contains('#', StringComparison.Ordinal)) return "has a fragment";
        if (uri.UserInfo.Length > 0) return "has a user name in it";
        return uri.Scheme switch
        {
            "https" => null,
            "http" => RedirectUri.IsLoopback(address) ? null : "uses http, which only 127.0.0.1, [::1] and localhost may",
            _ => "is neither https nor http",
        };
    }

    /// <summary>An endpoint that the metadata names and that may be spoken to.</summary>
    /// <param name="address">The address in the metadata; null if it has none.</param>
    /// <param name="name">The metadata's name for it, such as <c>token_endpoint</c>.</param>
    /// <param name="issuer">Whose metadata it is.</param>
    /// <exception cref="OAuthException">There is none, or it is no address to trust.</exception>
    public static string Require(string? address, string name, string issuer)
    {
        if (string.IsNullOrEmpty(address)) throw new OAuthException(ClientRefusals.NoEndpoint(name, issuer));
        return Fault(address) is { } fault ? throw new OAuthException(ClientRefusals.BadEndpoint(name, issuer, fault)) : address;
    }
}
