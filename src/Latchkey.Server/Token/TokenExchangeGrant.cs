using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Token;

/// <summary>
/// Token exchange, RFC 8693: a token for a token, for another API, with who acts written into it. The client's policy says what it may get; a subject
/// token never gets wider or older by it, and what was exchanged ends with the grant that the subject token came from.
/// </summary>
internal sealed class TokenExchangeGrant(ServerOptions options, SubjectTokens tokens) : IGrant
{
    /// <summary>How many may have acted one after the other; more is a loop, and would make tokens too long for headers.</summary>
    private const int LongestChain = 8;

    public string GrantType => GrantTypes.TokenExchange;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        var (parameters, client, configuration) = (request.Parameters, request.Client, request.Configuration);
        if (client.Metadata.IsPublic)
            return OAuthError.UnauthorizedClient("A public client can't exchange tokens: whoever finds one could. Give it a secret or a key.");
        if (client.Metadata.TokenExchange is not { Targets.Count: > 0 } policy)
            return OAuthError.UnauthorizedClient("The client may exchange tokens for nothing; give it a token_exchange with targets.");

        // 1. Its own parameters.
        if (ReadForm(parameters, policy).Refused(out var error, out var form)) return error;

        // 2. On whose behalf, and who acts.
        if ((await tokens.VerifyAsync(ParameterNames.SubjectToken, form.SubjectToken, form.SubjectTokenType, request).ConfigureAwait(false)).Refused(out error, out var subject))
            return error;
        SubjectToken? actor = null;
        if (form.ActorToken is not null)
        {
            if ((await tokens.VerifyAsync(ParameterNames.ActorToken, form.ActorToken, form.ActorTokenType!, request).ConfigureAwait(false)).Refused(out error, out actor)) return error;
            // Who was seen with somebody's token does not become that somebody.
            if (actor.ClientId != client.Id) return OAuthError.InvalidRequest("actor_token was given to another client; send one that this client got itself.");
            if (actor.Actor is not null) return OAuthError.InvalidRequest("actor_token is itself one for which somebody acts; send a token of the actor's own.");
        }

        if (DecideActor(subject, actor, client, policy).Refused(out error, out var acting)) return error;

        // 3. For what.
        if (SelectTargets(parameters, client, policy, configuration).Refused(out error, out var targets)) return error;
        if (SelectScope(parameters[ParameterNames.Scope], subject, targets, configuration).Refused(out error, out var selection)) return error;

        return new Issuance
        {
            User = subject.User,
            Subject = subject.Subject,
            Grant = subject.Grant,
            Scope = selection.Scope,
            Resources = selection.Resources,
            Actor = acting.Claim,
            ExpiresAt = actor is null ? subject.ExpiresAt : Math.Min(subject.ExpiresAt, actor.ExpiresAt),
            IssuedTokenType = form.RequestedTokenType,
            AuditDetail = Detail(subject, selection, acting.Claim),
        };
    }

    private static Result<Form> ReadForm(Parameters parameters, TokenExchangePolicy policy)
    {
        if (parameters[ParameterNames.SubjectToken] is not { } subjectToken) return OAuthError.InvalidRequest("subject_token is missing.");
        if (parameters[ParameterNames.SubjectTokenType] is not { } subjectTokenType)
            return OAuthError.InvalidRequest("subject_token_type is missing; say what subject_token is.");
        if (!SubjectTokens.TypesSupported.Contains(subjectTokenType))
            return OAuthError.InvalidRequest($"Tokens of this subject_token_type can't be exchanged; send one of {string.Join(", ", SubjectTokens.TypesSupported)}.");
        if (!policy.SubjectTokenTypes.Contains(subjectTokenType))
            return OAuthError.InvalidRequest("The client may not exchange tokens of this subject_token_type; add it to subject_token_types of its token_exchange.");

        var actorToken = parameters[ParameterNames.ActorToken];
        var actorTokenType = parameters[ParameterNames.ActorTokenType];
        if (actorToken is null && actorTokenType is not null)
            return OAuthError.InvalidRequest("actor_token_type is there without actor_token; send both or neither.");
        if (actorToken is not null && actorTokenType is null)
            return OAuthError.InvalidRequest("actor_token_type is missing; say what actor_token is.");
        if (actorTokenType is not (null or TokenTypeIdentifiers.AccessToken or TokenTypeIdentifiers.Jwt))
            return OAuthError.InvalidRequest("actor_token_type is not that of an access token; send an access token of the actor.");

        var requested = parameters[ParameterNames.RequestedTokenType] ?? TokenTypeIdentifiers.AccessToken;
        return requested is TokenTypeIdentifiers.AccessToken or TokenTypeIdentifiers.Jwt
            ? new Form(subjectToken, subjectTokenType, actorToken, actorTokenType, requested)
            : OAuthError.InvalidRequest($"A token exchange gives no tokens of this requested_token_type; it gives {TokenTypeIdentifiers.AccessToken}, which is a JWT.");
    }

    /// <summary>Who acts, RFC 8693 sections 1.1, 4.1 and 4.4. Who acted before stays written down, whatever comes after.</summary>
    private Result<Acting> DecideActor(SubjectToken subject, SubjectToken? actor, Client client, TokenExchangePolicy policy)
    {
        // A client that narrows a token of its own takes nobody's place.
        if (actor is null && subject.ClientId == client.Id) return new Acting(subject.Actor?.GetRawText());

        var acting = actor?.Subject ?? client.Id;
        if (subject.MayAct is { } allowed && !IsAllowed(allowed, acting, actor?.ClientId ?? client.Id))
            return OAuthError.InvalidRequest("subject_token says in may_act who may act for its subject, and that is somebody else.");
        if (actor is null && policy.Impersonation) return new Acting(subject.Actor?.GetRawText());
        if (Depth(subject.Actor) >= LongestChain)
            return OAuthError.InvalidRequest($"subject_token has passed through {LongestChain} actors already; no more can act for its subject.");
        var name = JsonEncodedText.Encode(acting).Value;
        return new Acting(subject.Actor is { } earlier ? $"{{\"sub\":\"{name}\",\"act\":{earlier.GetRawText()}}}" : $"{{\"sub\":\"{name}\"}}");
    }

    // Every member must fit: what is not understood can't be passed over, since it narrows.
    private bool IsAllowed(JsonElement mayAct, string subject, string clientId)
    {
        var named = false;
        foreach (var member in mayAct.EnumerateObject())
        {
            var fits = member.Value.ValueKind == JsonValueKind.String && member.Name switch
            {
                ClaimNames.Subject => member.Value.ValueEquals(subject),
                ClaimNames.ClientId => member.Value.ValueEquals(clientId),
                ClaimNames.Issuer => member.Value.ValueEquals(options.Issuer),
                _ => false,
            };
            if (!fits) return false;
            named |= member.Name != ClaimNames.Issuer;
        }

        return named;
    }

    private static int Depth(JsonElement? actor)
    {
        var depth = 0;
        for (var next = actor; next is { ValueKind: JsonValueKind.Object } current; next = current.TryGetProperty("act"u8, out var inner) ? inner : null) depth++;
        return depth;
    }

    /// <summary>The targets of the request, all of them in the policy; <c>resource</c> and <c>audience</c> both name a registered resource here.</summary>
    private static Result<List<Target>> SelectTargets(Parameters parameters, Client client, TokenExchangePolicy policy, ServerConfiguration configuration)
    {
        var targets = new List<Target>(1);
        foreach (var name in (IEnumerable<string>)[.. parameters.All(ParameterNames.Resource), .. parameters.All(ParameterNames.Audience)])
        {
            if (configuration.FindResource(name) is not { } resource)
                return OAuthError.InvalidTarget("A resource or audience of the request is not registered here; send the identifier of a resource exactly as it is registered.");
            if (policy.Targets.FirstOrDefault(target => ResourceIndicator.Same(target.Resource, resource.Resource)) is not { } allowed)
                return OAuthError.InvalidTarget("The client may not exchange tokens for a resource of the request; add it to the targets of its token_exchange.");
            if (!targets.Exists(target => target.Resource == resource)) targets.Add(new(resource, allowed));
        }

        if (targets.Count > 0) return targets;
        if (client.Requirements.Resource) return ResourceSelection.Missing;

        // None is named: the scopes tell, or there is but one.
        foreach (var allowed in policy.Targets)
        {
            if (configuration.FindResource(allowed.Resource) is not { } resource) continue;
            var asked = parameters[ParameterNames.Scope]?.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (asked is null ? policy.Targets.Count == 1 : asked.Any(scope => configuration.ResourceOf(scope) == resource)) targets.Add(new(resource, allowed));
        }

        return targets.Count > 0 ? targets : OAuthError.InvalidTarget("The request does not say for which API the token is to be; send resource.");
    }

    private static Result<ResourceSelection> SelectScope(string? asked, SubjectToken subject, List<Target> targets, ServerConfiguration configuration)
    {
        var allowed = targets.Aggregate(ScopeSet.Empty, (scopes, target) => scopes.Union(AllowedScope(target, subject, configuration)));
        var scope = allowed;
        if (asked is not null)
        {
            if (ScopeSet.Parse(asked).Refused(out var error, out scope)) return error;
            if (!scope.IsSubsetOf(allowed))
                return OAuthError.InvalidScope("The scope is more than the subject token and the client's token_exchange allow for this target.");
        }

        if (scope.Count == 0) return OAuthError.InvalidScope("The subject token has no scope that the client's token_exchange allows for this target.");

        // Without a scope of it, a token for an API would still open what that API does not guard by scope.
        return targets.TrueForAll(target => target.Resource.Scopes.Any(candidate => scope.Contains(candidate.Scope)))
            ? new ResourceSelection(scope, targets.ConvertAll(target => target.Resource))
            : OAuthError.InvalidTarget("The token would have no scope of a resource that the request names; ask for one of its scopes, or leave the resource out.");
    }

    private static ScopeSet AllowedScope(Target target, SubjectToken subject, ServerConfiguration configuration)
    {
        var scope = target.Allowed.Scope is { } listed
            ? ScopeSet.Of(listed.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Where(token => configuration.ResourceOf(token) == target.Resource || (subject.User is not null && Scopes.Identity.Contains(token)))
            : ScopeSet.Of(target.Resource.Scopes.Select(candidate => candidate.Scope));
        if (target.Allowed.SubjectScope is not { } needed) return scope.Intersect(subject.Scope);
        if (!ScopeSet.Of(needed.Split(' ', StringSplitOptions.RemoveEmptyEntries)).IsSubsetOf(subject.Scope)) return ScopeSet.Empty;
        // What the person is, a subject token must tell by itself.
        return scope.Where(token => !Scopes.Identity.Contains(token) || subject.Scope.Contains(token));
    }

    private static string Detail(SubjectToken subject, ResourceSelection selection, string? actor)
    {
        // Client ids, resources and scopes hold nothing that JSON escapes.
        var detail = $"\"subject_client\":\"{subject.ClientId}\",\"resource\":\"{string.Join(' ', selection.Resources.Select(resource => resource.Resource))}\",\"scope\":\"{selection.Scope}\"";
        return actor is null ? detail : $"{detail},\"act\":{actor}";
    }

    private sealed record Form(string SubjectToken, string SubjectTokenType, string? ActorToken, string? ActorTokenType, string RequestedTokenType)
    {
        public override string ToString() => $"exchange of {SubjectTokenType}";
    }

    /// <summary>Who acts, as the value of <c>act</c>; null for nobody.</summary>
    private readonly record struct Acting(string? Claim);

    private sealed record Target(ResourceMetadata Resource, TokenExchangeTarget Allowed);
}
