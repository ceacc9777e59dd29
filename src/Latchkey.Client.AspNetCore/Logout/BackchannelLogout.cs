using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.SignIn;
using Latchkey.Protocol;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Client.AspNetCore.Logout;

/// <summary>Hears from the provider that somebody signed out elsewhere (OpenID Connect Back-Channel Logout 1.0 sections 2.5 to 2.8).</summary>
internal static class BackchannelLogout
{
    public static async Task HandleAsync(HttpContext context, SignInPart part, ILogger logger)
    {
        try
        {
            var refusal = await ReadAsync(context.Request, context.RequestAborted) is { } token
                ? await part.LogoutTokens.ObeyAsync(token, part.Sessions, context.RequestAborted)
                : SignInRefusals.LogoutTokenMissing;
            if (refusal is not null)
            {
                SignInLog.LogoutRefused(logger, refusal);
                await NoticePage.WriteErrorAsync(context, StatusCodes.Status400BadRequest, "invalid_request", refusal.ToString());
                return;
            }

            context.Response.Headers.CacheControl = "no-store";
        }
        catch (ProviderException exception)
        {
            // The keys can't be had: the provider may try again.
            SignInLog.LogoutNotJudged(logger, exception);
            await NoticePage.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "temporarily_unavailable", exception.Refusal.Reason);
        }
    }

    private static async Task<string?> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (request.ContentType?.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase) != true) return null;
        if (await FormBody.ReadAsync(request, cancellation) is not { } body) return null;
        var form = Parameters.Parse(body);
        return form.Error is null ? form["logout_token"] : null;
    }
}
