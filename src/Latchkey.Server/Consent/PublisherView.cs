using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;

namespace Latchkey.Server.Consent;

/// <summary>Who says what an app is, where no operator vouches for it: all that a person can check.</summary>
/// <param name="Host">The host of its metadata document (Client ID Metadata Document section 8.5); null for an app that registered itself.</param>
/// <param name="IsThisComputer">Whether that host is the person's own computer.</param>
public sealed record PublisherView(string? Host, bool IsThisComputer)
{
    /// <summary>Reads it off a client.</summary>
    internal static PublisherView? Of(Client client) => client.Origin switch
    {
        ClientOrigin.Document when Uri.TryCreate(client.Id, UriKind.Absolute, out var url) =>
            new(url.IdnHost + (url.IsDefaultPort ? "" : $":{url.Port}"), GuardedConnections.IsLoopback(client.Id)),
        ClientOrigin.Document or ClientOrigin.Registered => new(null, false),
        _ => null,
    };
}
