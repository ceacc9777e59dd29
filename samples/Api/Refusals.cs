using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;

namespace Latchkey.Samples.Api;

/// <summary>Tells a refused caller what to bring: the challenges of RFC 6750, RFC 9470 and RFC 9728 section 5.1.</summary>
internal sealed class Refusals(string metadataUrl) : IAuthorizationMiddlewareResultHandler
{
    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult result)
    {
        if (result.Succeeded)
        {
            await next(context);
            return;
        }

        if (result.Forbidden)
        {
            var failed = result.AuthorizationFailure!.FailedRequirements.ToList();
            if (failed.OfType<RecencyRequirement>().FirstOrDefault() is { } recency)
            {
                await RefuseAsync(context, 401, "insufficient_user_authentication", "Sign in again: it was too long ago.", $", max_age=\"{recency.MaxAge}\"");
                return;
            }

            if (failed.OfType<ScopeRequirement>().FirstOrDefault() is { } scope)
            {
                await RefuseAsync(context, 403, "insufficient_scope", $"The token lacks the scope {scope.Scope}.", $", scope=\"{scope.Scope}\"");
                return;
            }
        }

        // A request without a token is not told of an error (RFC 6750 section 3.1): it just has to bring one.
        var wanted = policy.Requirements.OfType<ScopeRequirement>().FirstOrDefault()?.Scope;
        var more = wanted is null ? "" : $", scope=\"{wanted}\"";
        var presented = await context.AuthenticateAsync();
        if (presented.Failure is null) await RefuseAsync(context, 401, null, "Bring an access token.", more);
        else await RefuseAsync(context, 401, "invalid_token", "The access token is malformed, expired, or not for this API.", more);
    }

    private Task RefuseAsync(HttpContext context, int status, string? error, string description, string more)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.WWWAuthenticate = error is null
            ? $"Bearer resource_metadata=\"{metadataUrl}\"{more}"
            : $"Bearer error=\"{error}\", error_description=\"{description}\"{more}, resource_metadata=\"{metadataUrl}\"";
        return context.Response.WriteAsJsonAsync(new { error = error ?? "unauthorized", error_description = description });
    }
}
