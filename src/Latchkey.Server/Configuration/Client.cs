using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Profiles;
using Latchkey.Storage;

namespace Latchkey.Server.Configuration;

/// <summary>A client as the endpoints see it; immutable, and shared by all requests of a node.</summary>
/// <param name="Metadata">What is known of it.</param>
/// <param name="Secrets">Its secrets; which of them are good depends on the time.</param>
/// <param name="NotBefore">Grants made before this are dead, unix milliseconds; the server-wide limit is in it.</param>
internal sealed record Client(ClientMetadata Metadata, IReadOnlyList<ClientSecret> Secrets, long NotBefore)
{
    public string Id => Metadata.ClientId;

    /// <summary>What is asked of its requests beyond its metadata.</summary>
    public ClientRequirements Requirements { get; init; } = ClientRequirements.None;

    /// <summary>Who vouches for it.</summary>
    public ClientOrigin Origin { get; init; }

    /// <summary>Whether nobody but the client itself says what it is.</summary>
    public bool IsSelfRegistered => Origin != ClientOrigin.Declared;

    /// <summary>
    /// What people agree to when they agree to a client that can change by itself: a hash of its redirect URIs and keys. Null for a declared one.
    /// </summary>
    public string? Fingerprint { get; init; }

    /// <summary>The scopes it may ask for; ask <see cref="MayAsk"/>.</summary>
    public ScopeSet Scope { get; } = ScopeSet.Parse(Metadata.Scope).Succeeded(out var scope, out _) ? scope : ScopeSet.Empty;

    /// <summary>What it gets when it asks for none.</summary>
    public ScopeSet DefaultScope { get; } = ScopeSet.Parse(Metadata.DefaultScope).Succeeded(out var scope, out _) ? scope : ScopeSet.Empty;

    /// <summary>
    /// The host that its pairwise subjects are made for (OpenID Connect Core section 8.1): that of its <c>sector_identifier_uri</c>, else of its redirect
    /// URIs, which all have the same. Null where people are known by their own <c>sub</c>.
    /// </summary>
    public string? SectorIdentifier { get; } = Metadata.SubjectType == "pairwise" ? SectorOf(Metadata) : null;

    /// <summary>Whether the port of its loopback redirect URIs is free (RFC 8252 section 7.3).</summary>
    public bool AnyLoopbackPort => Metadata.IsNative || Metadata.IsPublic || IsSelfRegistered;

    /// <summary>
    /// Whether it may ask for a scope that exists. A declared client may where an operator said so; one that registered itself may ask for whatever
    /// is not restricted, and keeps to its own <c>scope</c> if it has one.
    /// </summary>
    public bool MayAsk(string scope, ServerConfiguration configuration) => IsSelfRegistered
        ? !configuration.IsRestricted(scope) && (Scope.Count == 0 || Scope.Contains(scope))
        : Scope.Contains(scope) || DefaultScope.Contains(scope);

    /// <summary>Whether a redirect URI is one of its own.</summary>
    public bool HasRedirectUri(string uri)
    {
        foreach (var registered in Metadata.RedirectUris)
        {
            if (RedirectUri.Matches(registered, uri, AnyLoopbackPort)) return true;
        }

        return false;
    }

    /// <summary>
    /// The addresses that say which sector a client is of: where answers go to, and the keys of one that asks by the back channel (OpenID Connect Core
    /// section 8.1, CIBA Core section 4).
    /// </summary>
    public static IEnumerable<string> SectorAddresses(ClientMetadata metadata) =>
        metadata.Allows(GrantTypes.Ciba) && metadata.JwksUri is { } keys ? metadata.RedirectUris.Append(keys) : metadata.RedirectUris;

    // One without any address is a sector of its own.
    private static string SectorOf(ClientMetadata metadata) =>
        new Uri(metadata.SectorIdentifierUri ?? SectorAddresses(metadata).FirstOrDefault() ?? $"https://{Uri.EscapeDataString(metadata.ClientId)}.invalid").IdnHost;

    public override string ToString() => $"client {Id}";
}

/// <summary>Where a client comes from.</summary>
internal enum ClientOrigin
{
    /// <summary>An operator declared or made it.</summary>
    Declared,

    /// <summary>It registered itself (RFC 7591).</summary>
    Registered,

    /// <summary>Its id is the URL of its metadata document.</summary>
    Document,
}
