using System.Globalization;
using Microsoft.AspNetCore.Authorization;

namespace Latchkey.Samples.Api;

/// <summary>The token must have a scope.</summary>
internal sealed class ScopeRequirement(string scope) : AuthorizationHandler<ScopeRequirement>, IAuthorizationRequirement
{
    public string Scope => scope;

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, ScopeRequirement requirement)
    {
        var scopes = (context.User.FindFirst("scope")?.Value ?? "").Split(' ');
        if (scopes.Contains(requirement.Scope)) context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

/// <summary>The person must have signed in lately.</summary>
internal sealed class RecencyRequirement(int maxAge, TimeProvider clock) : AuthorizationHandler<RecencyRequirement>, IAuthorizationRequirement
{
    /// <summary>Seconds.</summary>
    public int MaxAge => maxAge;

    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RecencyRequirement requirement)
    {
        // A service's token has no auth_time: nobody signed in for it.
        if (long.TryParse(context.User.FindFirst("auth_time")?.Value, CultureInfo.InvariantCulture, out var signedIn)
            && clock.GetUtcNow().ToUnixTimeSeconds() - signedIn <= requirement.MaxAge)
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;
    }
}
