using Latchkey.ResourceServer.Authorization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;

namespace Latchkey.ResourceServer;

/// <summary>What an endpoint, a group of them or a policy may want of the caller's token. Each implies that there is a token at all.</summary>
public static class EndpointRequirements
{
    /// <summary>All of these scopes; a token that lacks one gets 403 <c>insufficient_scope</c> naming them all (RFC 6750 section 3.1).</summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="scopes">The scopes, each one token.</param>
    public static TBuilder RequireScope<TBuilder>(this TBuilder builder, params string[] scopes) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.RequireScope(scopes));

    /// <summary>
    /// A sign-in in one of these authentication contexts; any other gets 401 <c>insufficient_user_authentication</c> with <c>acr_values</c>
    /// (RFC 9470 section 3).
    /// </summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="values">The values of <c>acr</c> that will do, the dearest first.</param>
    public static TBuilder RequireAcr<TBuilder>(this TBuilder builder, params string[] values) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.RequireAcr(values));

    /// <summary>
    /// A sign-in no longer ago than this; an older one, or none, gets 401 <c>insufficient_user_authentication</c> with <c>max_age</c>
    /// (RFC 9470 section 3).
    /// </summary>
    /// <param name="builder">The endpoint or group.</param>
    /// <param name="age">How long ago at most, in whole seconds.</param>
    public static TBuilder RequireRecentLogin<TBuilder>(this TBuilder builder, TimeSpan age) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.RequireRecentLogin(age));

    /// <summary>A person, not a client that acts for itself (RFC 9700 section 4.15).</summary>
    /// <param name="builder">The endpoint or group.</param>
    public static TBuilder RequireUser<TBuilder>(this TBuilder builder) where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(policy => policy.RequireUser());

    /// <inheritdoc cref="RequireScope{TBuilder}"/>
    /// <param name="policy">The policy.</param>
    /// <param name="scopes">The scopes, each one token.</param>
    public static AuthorizationPolicyBuilder RequireScope(this AuthorizationPolicyBuilder policy, params string[] scopes)
    {
        if (scopes.Length == 0 || !Array.TrueForAll(scopes, ScopeHierarchy.IsScope))
            throw new ArgumentException("Each scope is one token of printable ASCII (RFC 6749 section 3.3), and there is at least one.", nameof(scopes));
        return policy.Add(new ScopeRequirement([.. scopes]));
    }

    /// <inheritdoc cref="RequireAcr{TBuilder}"/>
    /// <param name="policy">The policy.</param>
    /// <param name="values">The values of <c>acr</c> that will do, the dearest first.</param>
    public static AuthorizationPolicyBuilder RequireAcr(this AuthorizationPolicyBuilder policy, params string[] values)
    {
        if (values.Length == 0 || Array.Exists(values, value => value.Length == 0 || value.Contains(' ', StringComparison.Ordinal)))
            throw new ArgumentException("Each value of acr is not empty and without spaces, and there is at least one.", nameof(values));
        return policy.Add(new AcrRequirement([.. values]));
    }

    /// <inheritdoc cref="RequireRecentLogin{TBuilder}"/>
    /// <param name="policy">The policy.</param>
    /// <param name="age">How long ago at most, in whole seconds.</param>
    public static AuthorizationPolicyBuilder RequireRecentLogin(this AuthorizationPolicyBuilder policy, TimeSpan age)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(age, TimeSpan.Zero);
        return policy.Add(new RecentLoginRequirement(age));
    }

    /// <inheritdoc cref="RequireUser{TBuilder}"/>
    /// <param name="policy">The policy.</param>
    public static AuthorizationPolicyBuilder RequireUser(this AuthorizationPolicyBuilder policy) => policy.Add(new UserRequirement());

    private static AuthorizationPolicyBuilder Add(this AuthorizationPolicyBuilder policy, AccessRequirement requirement) =>
        policy.RequireAuthenticatedUser().AddRequirements(requirement);
}
