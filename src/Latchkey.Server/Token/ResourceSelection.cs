using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Token;

/// <summary>
/// Which resources a token is for and which scopes it keeps (RFC 8707): a scope that belongs to a resource brings it along, <c>resource</c>
/// parameters narrow, and scopes of resources that are not chosen go. Identity scopes belong to no resource and stay.
/// </summary>
/// <param name="Scope">The scopes that remain.</param>
/// <param name="Resources">The resources, as registered; empty for the issuer itself.</param>
internal sealed record ResourceSelection(ScopeSet Scope, IReadOnlyList<ResourceMetadata> Resources)
{
    /// <summary>What a client gets that must name what its tokens are for, and does not (RFC 8707 section 2).</summary>
    public static OAuthError Missing => OAuthError.InvalidTarget("The parameter resource is missing; name the API that the token is for, by its identifier.");

    /// <summary>What a new request comes to: at the authorization endpoint, the device endpoint, and for client_credentials.</summary>
    /// <param name="configuration">The resources there are.</param>
    /// <param name="scope">The scopes that the client asked for and may have.</param>
    /// <param name="requested">The <c>resource</c> parameters.</param>
    /// <returns>The selection, or <c>invalid_target</c> for a resource that is malformed or unknown.</returns>
    public static Result<ResourceSelection> Select(ServerConfiguration configuration, ScopeSet scope, IReadOnlyList<string> requested)
    {
        if (requested.Count == 0) return new ResourceSelection(scope, OwnersOf(configuration, scope));
        if (Find(configuration, requested).Refused(out var error, out var chosen)) return error;
        return new ResourceSelection(WithoutOthers(configuration, scope, chosen), chosen);
    }

    /// <summary>What a token request may take of a grant: never more than was granted.</summary>
    /// <param name="configuration">The resources there are.</param>
    /// <param name="granted">The scopes of the grant.</param>
    /// <param name="grantedResources">The resources of the grant, as registered.</param>
    /// <param name="scope">The scopes asked for, all of them granted; the granted ones if none was named.</param>
    /// <param name="requested">The <c>resource</c> parameters.</param>
    /// <returns>
    /// The selection, <c>invalid_target</c> for a resource that was not granted, or <c>invalid_scope</c> if the choice of resources leaves no scope.
    /// </returns>
    public static Result<ResourceSelection> Narrow(
        ServerConfiguration configuration, ScopeSet granted, IReadOnlyList<string> grantedResources, ScopeSet scope, IReadOnlyList<string> requested)
    {
        // What was granted once may have been removed from the configuration since.
        scope = scope.Where(configuration.IsScope);
        var resources = new List<ResourceMetadata>(grantedResources.Count);
        foreach (var name in grantedResources)
        {
            if (configuration.FindResource(name) is { } resource && (Owns(resource, scope) || !Owns(resource, granted))) resources.Add(resource);
        }

        if (requested.Count > 0)
        {
            if (Find(configuration, requested).Refused(out var error, out var chosen)) return error;
            foreach (var resource in chosen)
            {
                if (!Contains(grantedResources, resource))
                    return OAuthError.InvalidTarget("A resource of the request is not among those that were granted; ask for it at the authorization endpoint.");
            }

            resources = chosen;
        }

        var narrowed = WithoutOthers(configuration, scope, resources);
        if (narrowed.Count == 0 && granted.Count > 0) return OAuthError.InvalidScope("None of the granted scopes is left for the scope and resource parameters of the request.");
        return new ResourceSelection(narrowed, resources);
    }

    private static List<ResourceMetadata> OwnersOf(ServerConfiguration configuration, ScopeSet scope)
    {
        var owners = new List<ResourceMetadata>(1);
        foreach (var token in scope)
        {
            if (configuration.ResourceOf(token) is { } owner && !owners.Contains(owner)) owners.Add(owner);
        }

        return owners;
    }

    private static Result<List<ResourceMetadata>> Find(ServerConfiguration configuration, IReadOnlyList<string> requested)
    {
        var found = new List<ResourceMetadata>(requested.Count);
        foreach (var name in requested)
        {
            if (!ResourceIndicator.IsWellFormed(name))
                return OAuthError.InvalidTarget("A resource of the request is no absolute URI without a fragment (RFC 8707 section 2).");
            if (configuration.FindResource(name) is not { } resource)
                return OAuthError.InvalidTarget(
                    $"A resource of the request is not registered here; send its identifier exactly as it is registered. There is {KnownTo(configuration)}.");
            if (!found.Contains(resource)) found.Add(resource);
        }

        return found;
    }

    // The metadata lists them too (protected_resources), so nothing is given away.
    private static string KnownTo(ServerConfiguration configuration)
    {
        const int shown = 5;
        var known = configuration.Resources.Select(resource => resource.Resource).Where(name => name.All(character => character is > ' ' and <= '~' and not '"' and not '\\'));
        var list = string.Join(", ", known.Take(shown));
        return list.Length == 0 ? "none" : configuration.Resources.Count > shown ? $"{list} and more" : list;
    }

    private static ScopeSet WithoutOthers(ServerConfiguration configuration, ScopeSet scope, List<ResourceMetadata> chosen) =>
        scope.Where(token => configuration.ResourceOf(token) is not { } owner || chosen.Contains(owner));

    private static bool Owns(ResourceMetadata resource, ScopeSet scope)
    {
        foreach (var candidate in resource.Scopes)
        {
            if (scope.Contains(candidate.Scope)) return true;
        }

        return false;
    }

    private static bool Contains(IReadOnlyList<string> names, ResourceMetadata resource)
    {
        foreach (var name in names)
        {
            if (ResourceIndicator.Same(name, resource.Resource)) return true;
        }

        return false;
    }
}
