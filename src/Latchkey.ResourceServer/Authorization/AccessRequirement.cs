using System.Globalization;
using System.Security.Claims;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Tokens;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Authorization;

/// <summary>
/// What an endpoint wants of the caller's token. It judges itself, and notes for the challenge what is wanted, whether the token has it or not.
/// </summary>
internal abstract class AccessRequirement : IAuthorizationRequirement, IAuthorizationHandler
{
    public Task HandleAsync(AuthorizationHandlerContext context)
    {
        // Called by way of the requirements themselves, so that a policy needs no services of ours. Once for each that is pending.
        if (!context.PendingRequirements.Contains(this)) return Task.CompletedTask;
        var http = context.Resource as HttpContext;
        var wanted = http is null ? new Wanted() : Wanted.Of(http);
        // Nobody is asked to step up who has not brought a token at all.
        var caller = context.User.Identity is { IsAuthenticated: true } ? context.User : null;
        if (Judge(caller, wanted, ClockOf(http))) context.Succeed(this);
        return Task.CompletedTask;
    }

    /// <summary>Notes what is wanted, and judges the caller, who is null for a stranger.</summary>
    protected abstract bool Judge(ClaimsPrincipal? caller, Wanted wanted, TimeProvider clock);

    private static TimeProvider ClockOf(HttpContext? http) =>
        http?.Features.Get<Guard>()?.Clock ?? http?.RequestServices.GetService(typeof(TimeProvider)) as TimeProvider ?? TimeProvider.System;
}

/// <summary>All of these scopes.</summary>
internal sealed class ScopeRequirement(IReadOnlyList<string> scopes) : AccessRequirement
{
    protected override bool Judge(ClaimsPrincipal? caller, Wanted wanted, TimeProvider clock)
    {
        wanted.AddScopes(scopes);
        if (caller is null) return false;
        var holds = scopes.All(caller.HasScope);
        wanted.LacksScope |= !holds;
        return holds;
    }
}

/// <summary>A sign-in in one of these authentication contexts.</summary>
internal sealed class AcrRequirement(IReadOnlyList<string> values) : AccessRequirement
{
    protected override bool Judge(ClaimsPrincipal? caller, Wanted wanted, TimeProvider clock)
    {
        wanted.AddAcrValues(values);
        if (caller is null) return false;
        var holds = caller.FindFirst(ClaimNames.AuthenticationContext) is { } acr && values.Contains(acr.Value);
        wanted.LacksAuthentication |= !holds;
        return holds;
    }
}

/// <summary>A sign-in no longer ago than this.</summary>
internal sealed class RecentLoginRequirement(TimeSpan age) : AccessRequirement
{
    // What the clock of the authorization server may be ahead.
    private const long Skew = 30;

    protected override bool Judge(ClaimsPrincipal? caller, Wanted wanted, TimeProvider clock)
    {
        var seconds = (long)age.TotalSeconds;
        wanted.AddMaxAge(seconds);
        if (caller is null) return false;
        // A service's token has no auth_time: nobody signed in for it.
        var holds = long.TryParse(caller.FindFirst(ClaimNames.AuthenticationTime)?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var signedIn)
            && clock.GetUtcNow().ToUnixTimeSeconds() - signedIn is var ago && ago <= seconds && ago >= -Skew;
        wanted.LacksAuthentication |= !holds;
        return holds;
    }
}

/// <summary>A person, not a client that acts for itself.</summary>
internal sealed class UserRequirement : AccessRequirement
{
    protected override bool Judge(ClaimsPrincipal? caller, Wanted wanted, TimeProvider clock)
    {
        if (caller is null) return false;
        var holds = caller.IsUser();
        wanted.LacksUser |= !holds;
        return holds;
    }
}
