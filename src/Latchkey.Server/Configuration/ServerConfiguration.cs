using System.Collections.Frozen;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Keys;

namespace Latchkey.Server.Configuration;

/// <summary>
/// Clients, resources and keys as they stood at one moment: immutable, shared by all requests of a node, replaced as a whole when the version in
/// the database moves.
/// </summary>
internal sealed class ServerConfiguration
{
    private readonly FrozenDictionary<string, Client> _clients;
    private readonly FrozenDictionary<string, ResourceMetadata> _resources;
    private readonly FrozenDictionary<string, ResourceMetadata> _resourceOfScope;
    private readonly FrozenSet<string> _restricted;

    public ServerConfiguration(
        long version, IEnumerable<Client> clients, IReadOnlyList<ResourceMetadata> resources, KeyRing keys, IReadOnlyList<TrustedIssuer>? trustedIssuers = null,
        long notBefore = 0)
    {
        TrustedIssuers = trustedIssuers ?? [];
        Version = version;
        NotBefore = notBefore;
        Keys = keys;
        Resources = resources;
        _clients = clients.ToFrozenDictionary(client => client.Id, StringComparer.Ordinal);
        _resources = resources.ToFrozenDictionary(resource => resource.Resource, StringComparer.Ordinal);
        var owners = new Dictionary<string, ResourceMetadata>(StringComparer.Ordinal);
        foreach (var resource in resources)
        {
            foreach (var scope in resource.Scopes) owners.TryAdd(scope.Scope, resource);
        }

        _restricted = owners.Where(pair => pair.Value.Scopes.Any(scope => scope.Scope == pair.Key && scope.Restricted)).Select(pair => pair.Key).ToFrozenSet(StringComparer.Ordinal);
        _resourceOfScope = owners.ToFrozenDictionary(StringComparer.Ordinal);
        ScopesSupported = [.. Protocol.Names.Scopes.Identity.Concat(owners.Keys.Order(StringComparer.Ordinal))];
    }

    /// <summary>The version in the database that this was read at.</summary>
    public long Version { get; }

    /// <summary>Every grant that is older is dead, unix milliseconds.</summary>
    public long NotBefore { get; }

    public KeyRing Keys { get; }

    public IReadOnlyList<ResourceMetadata> Resources { get; }

    /// <summary>Whose JWTs are taken as grants (RFC 7523).</summary>
    public IReadOnlyList<TrustedIssuer> TrustedIssuers { get; }

    /// <summary>Every scope there is: the identity scopes, then the resources'.</summary>
    public IReadOnlyList<string> ScopesSupported { get; }

    public IEnumerable<Client> Clients => _clients.Values;

    /// <summary>Whether something is declared with an algorithm for which there is no key.</summary>
    /// <param name="now">Unix milliseconds.</param>
    public bool LacksKeys(long now)
    {
        var needs = new KeyNeeds(_clients.Values.Select(client => client.Metadata), Resources);
        return needs.Signing.Any(algorithm => !Keys.HasSigner(algorithm, now))
            || needs.Decrypting.Any(algorithm => !Keys.Decrypting.Any(key => key.Algorithm == algorithm));
    }

    /// <summary>A client that an operator declared. Who may be any other asks <see cref="ClientDirectory"/>.</summary>
    public Client? FindClient(string? clientId) => clientId is not null && _clients.TryGetValue(clientId, out var client) ? client : null;

    /// <summary>The resource of a name; a bare origin is found with and without its trailing slash.</summary>
    public ResourceMetadata? FindResource(string resource)
    {
        if (_resources.TryGetValue(resource, out var found)) return found;
        foreach (var candidate in Resources)
        {
            if (ResourceIndicator.Same(candidate.Resource, resource)) return candidate;
        }

        return null;
    }

    /// <summary>The resource that a scope belongs to; null for identity scopes and unknown ones.</summary>
    public ResourceMetadata? ResourceOf(string scope) => _resourceOfScope.GetValueOrDefault(scope);

    /// <summary>Whether a scope exists at all.</summary>
    public bool IsScope(string scope) => Protocol.Names.Scopes.Identity.Contains(scope) || _resourceOfScope.ContainsKey(scope);

    /// <summary>Whether clients that registered themselves may not ask for a scope.</summary>
    public bool IsRestricted(string scope) => _restricted.Contains(scope);

    /// <summary>What a scope lets an app do, in a person's words; null if its resource does not say.</summary>
    public string? DescribeScope(string scope) =>
        ResourceOf(scope)?.Scopes.FirstOrDefault(candidate => candidate.Scope == scope)?.Description;
}
