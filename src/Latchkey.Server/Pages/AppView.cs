using Latchkey.Protocol.Messages;

namespace Latchkey.Server.Pages;

/// <summary>An app as pages show it: its words are foreign, so they are shortened, isolated and encoded.</summary>
public sealed record AppView
{
    /// <summary>Takes what a client says of itself.</summary>
    /// <param name="clientId">Its id; shown where its name is not enough to know it by.</param>
    /// <param name="name">Its name; the id stands in for a missing one.</param>
    /// <param name="logoUri">Its logo; anything but <c>https:</c> and <c>data:image/</c> is not shown.</param>
    public AppView(string clientId, string? name = null, string? logoUri = null)
    {
        ClientId = clientId;
        Name = Shown.Shorten(string.IsNullOrWhiteSpace(name) ? clientId : name.Trim());
        LogoUri = logoUri is not null && IsShowable(logoUri) ? logoUri : null;
    }

    /// <summary>The client's id.</summary>
    public string ClientId { get; }

    /// <summary>The name people see, at most 80 characters.</summary>
    public string Name { get; }

    /// <summary>Where its logo is; null if it has none that may be shown.</summary>
    public string? LogoUri { get; }

    /// <summary>What stands in for a logo.</summary>
    public string Initial => Shown.Initials(Name, 1);

    /// <summary>A registered client.</summary>
    /// <param name="client">What is known of it.</param>
    public static AppView Of(ClientMetadata client) => new(client.ClientId, client.ClientName, client.LogoUri);

    private static bool IsShowable(string uri) =>
        uri.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase);
}
