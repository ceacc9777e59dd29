using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Storage;

namespace Latchkey.Server.Configuration;

/// <summary>A registered client as the endpoints see it; part of the node's immutable configuration.</summary>
/// <param name="Metadata">What is known of it.</param>
/// <param name="Secrets">Its secrets; which of them are good depends on the time.</param>
/// <param name="NotBefore">Grants made before this are dead, unix milliseconds; the server-wide limit is in it.</param>
internal sealed record Client(ClientMetadata Metadata, IReadOnlyList<ClientSecret> Secrets, long NotBefore)
{
    public string Id => Metadata.ClientId;

    /// <summary>The scopes it may ask for.</summary>
    public ScopeSet Scope { get; } = ScopeSet.Parse(Metadata.Scope).Succeeded(out var scope, out _) ? scope : ScopeSet.Empty;

    /// <summary>What it gets when it asks for none.</summary>
    public ScopeSet DefaultScope { get; } = ScopeSet.Parse(Metadata.DefaultScope).Succeeded(out var scope, out _) ? scope : ScopeSet.Empty;

    /// <summary>Whether the port of its loopback redirect URIs is free (RFC 8252 section 7.3).</summary>
    public bool AnyLoopbackPort => Metadata.IsNative || Metadata.IsPublic;

    /// <summary>Whether a redirect URI is one of its own.</summary>
    public bool HasRedirectUri(string uri)
    {
        foreach (var registered in Metadata.RedirectUris)
        {
            if (RedirectUri.Matches(registered, uri, AnyLoopbackPort)) return true;
        }

        return false;
    }

    public override string ToString() => $"client {Id}";
}
