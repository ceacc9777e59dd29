using System.Text.Json;
using Latchkey.Client.AspNetCore.Logout;
using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.AspNetCore.SignIn;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>What a single-page app's script asks its backend: who is signed in, and the way in and out.</summary>
internal sealed class BffEndpoints(BffOptions options, string scheme, ILogger logger)
{
    /// <summary><c>GET /bff/user</c>: the person's claims, each under its own name; 401 where nobody is signed in.</summary>
    public async Task UserAsync(HttpContext context)
    {
        if (!await BffGuard.AllowsAsync(context, options)) return;
        if (await CurrentSession.OfAsync(context, scheme) is not { } current)
        {
            await NoticePage.WriteErrorAsync(context, StatusCodes.Status401Unauthorized, TokenUnavailableException.LoginRequired, "Nobody is signed in.");
            return;
        }

        NoticePage.Harden(context.Response, null);
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Claims(current.Session), context.RequestAborted);
    }

    /// <summary><c>GET /bff/login?return_url=/</c>: where a link or <c>location.assign</c> leads; it goes on to the sign-in.</summary>
    public static Task LoginAsync(HttpContext context, LatchkeySignInOptions signIn)
    {
        NoticePage.Harden(context.Response, null);
        context.Response.Redirect(SignInHandler.LoginUrl(context, signIn, ReturnUrl.Of(context.Request)));
        return Task.CompletedTask;
    }

    /// <summary>
    /// <c>POST /bff/logout</c>: a form goes on to the provider; a script gets <c>{"location"}</c> to go to, since fetch can't follow to another site.
    /// </summary>
    public async Task LogoutAsync(HttpContext context, SignInPart part)
    {
        if (!context.Request.Headers.ContainsKey(options.Header))
        {
            await SignOut.HandleAsync(context, part, logger);
            return;
        }

        if (!await BffGuard.AllowsAsync(context, options)) return;
        NoticePage.Harden(context.Response, null);
        var location = await SignOut.EndAsync(context, part, logger);
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(Json(writer => writer.WriteString("location", location)), context.RequestAborted);
    }

    /// <summary>Each as the provider wrote it: a list stays one, though it has one value or none.</summary>
    private static byte[] Claims(SignInSession session) => Json(writer =>
    {
        foreach (var claim in session.Claims.DistinctBy(claim => claim.Type, StringComparer.Ordinal))
        {
            writer.WritePropertyName(claim.Type);
            if (claim.ValueType == System.Security.Claims.ClaimValueTypes.String) writer.WriteStringValue(claim.Value);
            else writer.WriteRawValue(claim.Value);
        }
    });

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
