using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Configuration;
using Latchkey.Server.Token;

namespace Latchkey.Server.Authorize;

/// <summary>What a request asks for and can have: scopes (RFC 6749 section 3.3), resources (RFC 8707) and details (RFC 9396).</summary>
internal sealed record RequestedAccess(ScopeSet Scope, IReadOnlyList<ResourceMetadata> Resources, RequestedDetails Details)
{
    /// <summary>
    /// Reads <c>scope</c> and <c>resource</c>, where a person can be shown no details. Scopes that are unknown or not the client's are left out if any remain.
    /// </summary>
    /// <returns>The access, or <c>invalid_scope</c>, <c>invalid_target</c> or <c>invalid_authorization_details</c>.</returns>
    public static Result<RequestedAccess> Read(Parameters parameters, Client client, ServerConfiguration configuration) =>
        parameters[ParameterNames.AuthorizationDetails] is null
            ? Read(parameters, RequestedDetails.None, client, configuration)
            : OAuthError.InvalidAuthorizationDetails("This endpoint takes no authorization_details; ask for scopes, or use the authorization endpoint.");

    /// <summary>Reads <c>authorization_details</c> too.</summary>
    public static Result<RequestedAccess> ReadDetailed(Parameters parameters, Client client, ServerConfiguration configuration) =>
        RequestedDetails.Read(parameters[ParameterNames.AuthorizationDetails], client, configuration).Refused(out var error, out var details)
            ? error
            : Read(parameters, details, client, configuration);

    private static Result<RequestedAccess> Read(Parameters parameters, RequestedDetails details, Client client, ServerConfiguration configuration)
    {
        if (ScopeSet.Parse(parameters[ParameterNames.Scope]).Refused(out var malformed, out var asked)) return malformed;
        if (asked.Count == 0) asked = client.DefaultScope;
        // Details say what is wanted as scopes do (RFC 9396 section 3).
        var detailed = details.Entries.Count > 0;
        if (asked.Count == 0 && !detailed) return OAuthError.InvalidScope("The parameter scope is missing; name the scopes that the client needs.");

        var scope = asked.Where(token => configuration.IsScope(token) && client.MayAsk(token, configuration));
        if (scope.Count == 0 && asked.Count > 0) return OAuthError.InvalidScope("None of the scopes is registered for the client; ask for those that are, or register them.");

        var requested = parameters.All(ParameterNames.Resource);
        if (requested.Count == 0 && client.Requirements.Resource && scope.Any(token => configuration.ResourceOf(token) is not null)) return ResourceSelection.Missing;
        if (ResourceSelection.Select(configuration, scope, requested).Refused(out var wrongTarget, out var selection)) return wrongTarget;
        foreach (var resource in details.Resources)
        {
            if (selection.Resources.Contains(resource)) continue;
            if (requested.Count > 0) return OAuthError.InvalidTarget("The authorization_details are for a resource that the request leaves out; name it in resource too.");
            selection = selection with { Resources = [.. selection.Resources, resource] };
        }

        foreach (var resource in selection.Resources)
        {
            // A token for an API that the client has nothing to do with would pass there for one that it may use.
            if (resource.Scopes.Count > 0 && !details.Resources.Contains(resource) && !resource.Scopes.Any(candidate => client.MayAsk(candidate.Scope, configuration)))
                return OAuthError.InvalidTarget("The client is not registered for any scope of a resource that was named.");
        }

        return selection.Scope.Count == 0 && !detailed
            ? OAuthError.InvalidScope("None of the scopes belongs to a resource that was named; ask for scopes of these resources.")
            : new RequestedAccess(selection.Scope, selection.Resources, details);
    }
}
