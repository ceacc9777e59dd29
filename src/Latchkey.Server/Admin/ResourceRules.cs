using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.AuthorizationDetails;

namespace Latchkey.Server.Admin;

/// <summary>What a resource may be registered with.</summary>
internal static class ResourceRules
{
    private const int LongLifetime = 3600;

    /// <summary>What is wrong with a resource by itself, as a sentence; null if nothing is.</summary>
    public static string? Fault(ResourceMetadata resource)
    {
        if (resource.Resource.Length == 0) return "resource is missing; give the API's identifier, such as https://api.example.com.";
        if (!ResourceIndicator.IsWellFormed(resource.Resource))
            return "resource is not an absolute URI without a fragment, of at most 2048 characters (RFC 8707 section 2); write one such as https://api.example.com.";
        foreach (var scope in resource.Scopes)
        {
            if (scope.Scope.Length == 0) return "a scope has no name; give \"scope\".";
            if (scope.Scope.Contains(' ', StringComparison.Ordinal) || ScopeSet.Parse(scope.Scope).Refused(out _, out _))
                return $"the scope {scope.Scope} has a character that scopes can't have; use printable ASCII without space, quote and backslash.";
            if (Scopes.Identity.Contains(scope.Scope)) return $"the scope {scope.Scope} belongs to OpenID Connect; choose another name.";
        }

        if (resource.Scopes.GroupBy(scope => scope.Scope, StringComparer.Ordinal).FirstOrDefault(group => group.Skip(1).Any()) is { } twice)
            return $"the scope {twice.Key} is there twice; keep one.";
        if (resource.AccessTokenLifetime is < 10) return "access_token_lifetime is below 10 seconds; give more.";
        if (resource.AccessTokenLifetime is > LongLifetime && !resource.AllowLongLivedAccessTokens)
            return "access_token_lifetime is more than an hour; shorten it, or set allow_long_lived_access_tokens to true if it must be.";
        if (resource.AccessTokenSignedResponseAlg is { } alg && !SigningAlgorithms.Supported.Contains(alg))
            return $"access_token_signed_response_alg {alg} is not supported; use one of {string.Join(", ", SigningAlgorithms.Supported)}.";
        foreach (var claim in resource.AccessTokenClaims)
        {
            if (!UserRules.IsClaim(claim)) return $"the claim {claim} in access_token_claims is unknown; use standard claims such as email.";
        }

        return DetailsFault(resource);
    }

    private static string? DetailsFault(ResourceMetadata resource)
    {
        foreach (var type in resource.AuthorizationDetailsTypes)
        {
            if (type.Type.Length is 0 or > 255 || type.Type.Any(character => character is <= ' ' or > '~' or '"' or '\\'))
                return "an entry of authorization_details_types has no type, or one with a character other than printable ASCII; give \"type\".";
            if (type.Schema is { } schema && DetailsSchema.Fault(schema, $"the schema of {type.Type}") is { } fault) return fault;
        }

        return resource.AuthorizationDetailsTypes.GroupBy(type => type.Type, StringComparer.Ordinal).FirstOrDefault(group => group.Skip(1).Any()) is { } twice
            ? $"the authorization details type {twice.Key} is there twice; keep one."
            : null;
    }

    /// <summary>What is wrong with a resource among the others, as a sentence; null if nothing is.</summary>
    /// <param name="resource">The resource.</param>
    /// <param name="others">Every resource there will be; the one of the same identifier is passed over.</param>
    public static string? FaultAmong(ResourceMetadata resource, IEnumerable<ResourceMetadata> others)
    {
        foreach (var other in others)
        {
            if (other.Resource == resource.Resource) continue;
            if (ResourceIndicator.Same(other.Resource, resource.Resource))
                return $"the resource {other.Resource} differs only by a slash at its end and counts as the same; use that one.";
            foreach (var type in resource.AuthorizationDetailsTypes)
            {
                if (other.AuthorizationDetailsTypes.Any(candidate => candidate.Type == type.Type))
                    return $"the authorization details type {type.Type} belongs to {other.Resource} already; a type belongs to one resource.";
            }

            foreach (var scope in resource.Scopes)
            {
                if (other.Scopes.Any(candidate => candidate.Scope == scope.Scope))
                    return $"the scope {scope.Scope} belongs to {other.Resource} already; a scope belongs to one resource.";
            }
        }

        return null;
    }
}
