using System.Runtime.CompilerServices;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Token;

/// <summary>RFC 6749 section 4.4: a confidential client acts for itself. Nothing is written, no refresh token is given.</summary>
internal sealed class ClientCredentialsGrant : IGrant
{
    // What a client gets that names neither scope nor resource does not change as long as its configuration stands.
    private readonly ConditionalWeakTable<Client, ResourceSelection> _defaults = [];

    public string GrantType => GrantTypes.ClientCredentials;

    public ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request) => new(Redeem(request));

    private Result<Issuance> Redeem(TokenRequest request)
    {
        var (parameters, client, configuration) = (request.Parameters, request.Client, request.Configuration);
        if (client.Metadata.IsPublic)
            return OAuthError.UnauthorizedClient("A public client can't use client_credentials; give it a secret or a key.");

        if (parameters[ParameterNames.AuthorizationDetails] is not null)
            return OAuthError.InvalidAuthorizationDetails("Details are what a person agrees to; client_credentials takes none. Ask for scopes.");

        var requested = parameters.All(ParameterNames.Resource);
        if (requested.Count == 0 && client.Requirements.Resource) return ResourceSelection.Missing;
        if (parameters[ParameterNames.Scope] is not { } text)
        {
            if (requested.Count == 0)
            {
                var usual = _defaults.GetValue(client, _ => Default(client, configuration));
                return usual.Scope.Count == 0 ? NoScope : Issue(usual);
            }

            return ResourceSelection.Select(configuration, ApiScopes(client, configuration), requested).Refused(out var misfit, out var narrowed) ? misfit
                : HasScopeOfEach(narrowed) ? Issue(narrowed)
                : OAuthError.InvalidTarget("The client has no scope of a resource that the request names; register one of its scopes for the client.");
        }

        if (ScopeSet.Parse(text).Refused(out var error, out var scope)) return error;
        foreach (var token in scope)
        {
            if (configuration.ResourceOf(token) is null)
                return OAuthError.InvalidScope("A scope of the request belongs to no resource: client_credentials gives scopes of APIs only, since no person is present.");
            if (!client.MayAsk(token, configuration)) return OAuthError.InvalidScope("A scope of the request is not registered for this client.");
        }

        if (ResourceSelection.Select(configuration, scope, requested).Refused(out error, out var selection)) return error;
        if (selection.Scope.Count == 0) return OAuthError.InvalidScope("None of the scopes of the request belongs to the resource of the request.");
        return HasScopeOfEach(selection)
            ? Issue(selection)
            : OAuthError.InvalidTarget("The request names a resource but none of its scopes; add one of its scopes, or leave the resource out.");
    }

    private static OAuthError NoScope => OAuthError.InvalidScope("The client has no API scopes; register those of its resources for it.");

    private static Issuance Issue(ResourceSelection selection) => new() { Scope = selection.Scope, Resources = selection.Resources };

    private static ResourceSelection Default(Client client, ServerConfiguration configuration) =>
        ResourceSelection.Select(configuration, ApiScopes(client, configuration), []).Value;

    private static ScopeSet ApiScopes(Client client, ServerConfiguration configuration) =>
        client.Scope.Where(token => configuration.ResourceOf(token) is not null && client.MayAsk(token, configuration));

    // Without a scope of it, a token for a resource would still open what that resource does not guard by scope.
    private static bool HasScopeOfEach(ResourceSelection selection)
    {
        foreach (var resource in selection.Resources)
        {
            if (!resource.Scopes.Any(candidate => selection.Scope.Contains(candidate.Scope))) return false;
        }

        return true;
    }
}
