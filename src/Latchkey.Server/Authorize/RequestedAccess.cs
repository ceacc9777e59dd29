using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Token;

namespace Latchkey.Server.Authorize;

/// <summary>What a request asks for and can have: scopes (RFC 6749 section 3.3) and resources (RFC 8707).</summary>
internal sealed record RequestedAccess(ScopeSet Scope, IReadOnlyList<ResourceMetadata> Resources)
{
    /// <summary>Reads <c>scope</c> and <c>resource</c>. Scopes that are unknown or not the client's are left out if any remain.</summary>
    /// <returns>The access, or <c>invalid_scope</c> or <c>invalid_target</c>.</returns>
    public static Result<RequestedAccess> Read(Parameters parameters, Client client, ServerConfiguration configuration)
    {
        if (ScopeSet.Parse(parameters[ParameterNames.Scope]).Refused(out var malformed, out var asked)) return malformed;
        if (asked.Count == 0) asked = client.DefaultScope;
        if (asked.Count == 0) return OAuthError.InvalidScope("The parameter scope is missing; name the scopes that the client needs.");

        var scope = asked.Where(token => configuration.IsScope(token) && client.MayAsk(token, configuration));
        if (scope.Count == 0) return OAuthError.InvalidScope("None of the scopes is registered for the client; ask for those that are, or register them.");

        if (ResourceSelection.Select(configuration, scope, parameters.All(ParameterNames.Resource)).Refused(out var wrongTarget, out var selection)) return wrongTarget;
        foreach (var resource in selection.Resources)
        {
            // A token for an API that the client has nothing to do with would pass there for one that it may use.
            if (resource.Scopes.Count > 0 && !resource.Scopes.Any(candidate => client.MayAsk(candidate.Scope, configuration)))
                return OAuthError.InvalidTarget("The client is not registered for any scope of a resource that was named.");
        }

        return selection.Scope.Count == 0
            ? OAuthError.InvalidScope("None of the scopes belongs to a resource that was named; ask for scopes of these resources.")
            : new RequestedAccess(selection.Scope, selection.Resources);
    }
}
