using Latchkey.Protocol;

namespace Latchkey.Server.Consent;

/// <summary>Where the browser goes after the answer: what tells a real app from one that borrowed its name.</summary>
/// <param name="Kind">What is there.</param>
/// <param name="Name">The host with its port, or the private-use scheme.</param>
public sealed record DestinationView(DestinationKind Kind, string Name)
{
    /// <summary>Reads a redirect URI.</summary>
    /// <param name="redirectUri">A registered one.</param>
    public static DestinationView Of(string redirectUri)
    {
        if (!Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri)) return new(DestinationKind.App, redirectUri);
        if (RedirectUri.IsLoopback(redirectUri)) return new(DestinationKind.ThisComputer, uri.Authority);
        return uri.Scheme is "https" or "http" ? new(DestinationKind.Site, uri.IdnHost + Port(uri)) : new(DestinationKind.App, uri.Scheme + ":");
    }

    private static string Port(Uri uri) => uri.IsDefaultPort ? "" : $":{uri.Port}";
}

/// <summary>What a redirect URI leads to.</summary>
public enum DestinationKind
{
    /// <summary>A web site.</summary>
    Site,

    /// <summary>A program on the person's computer that listens on a loopback address (RFC 8252 section 7.3).</summary>
    ThisComputer,

    /// <summary>An app that claimed a private-use scheme (RFC 8252 section 7.1).</summary>
    App,
}
