using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.AspNetCore.SignIn;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Client.AspNetCore.Logout;

/// <summary>Signs a person out: of this app, and of the provider and so of all other apps (OpenID Connect RP-Initiated Logout 1.0).</summary>
internal static class SignOut
{
    /// <summary>Answers the logout path. Another site may lead here, but it may not sign anybody out: then the person is asked.</summary>
    public static async Task HandleAsync(HttpContext context, SignInPart part, ILogger logger)
    {
        var (request, response) = (context.Request, context.Response);
        NoticePage.Harden(response, null);
        if (!RequestOrigin.IsOwn(request, orPerson: true))
        {
            await AskAsync(context, part);
            return;
        }

        var to = await EndAsync(context, part, logger);
        response.StatusCode = HttpMethods.IsPost(request.Method) ? StatusCodes.Status303SeeOther : StatusCodes.Status302Found;
        response.Headers.Location = to;
    }

    /// <summary>Ends the session here, then the grant at the provider.</summary>
    /// <returns>Where the browser goes: to the provider, to end its session there, or to a page of this app.</returns>
    public static async Task<string> EndAsync(HttpContext context, SignInPart part, ILogger logger, string? back = null)
    {
        var home = back ?? part.Options.SignedOutUrl;
        if (SessionCookie.Find(context, part.Scheme) is not { } key) return home;
        var session = await part.Sessions.FindAsync(key, context.RequestAborted);
        SessionCookie.Delete(context, part.Scheme);
        if (session is null) return home;
        try
        {
            // Not broken off with the request: half a sign-out would leave the grant alive.
            await part.Tokens.RevokeAsync(key, CancellationToken.None);
        }
        catch (Exception exception) when (exception is OAuthException or ProviderException or FormatException)
        {
            SignInLog.NotRevoked(logger, exception);
        }
        finally
        {
            // Whatever became of the tokens, even if what was kept of them can't be read.
            await part.Sessions.RemoveAsync(key, CancellationToken.None);
        }

        return await ProviderUrlAsync(context, part, session, logger) ?? home;
    }

    private static async Task<string?> ProviderUrlAsync(HttpContext context, SignInPart part, SignInSession session, ILogger logger)
    {
        try
        {
            var back = part.Client.Options.PostLogoutRedirectUri ?? Absolute(context.Request, part.Options.SignedOutUrl);
            var hint = session.IdToken is { } token ? IdToken.FromStored(token) : null;
            return (await part.Client.LogoutUrlAsync(hint, postLogoutRedirectUri: back, cancellationToken: context.RequestAborted))?.AbsoluteUri;
        }
        catch (Exception exception) when (exception is OAuthException or ProviderException)
        {
            SignInLog.NotRevoked(logger, exception);
            return null;
        }
    }

    private static async Task AskAsync(HttpContext context, SignInPart part)
    {
        string? provider = null;
        try
        {
            var endpoint = (await part.Client.Provider.MetadataAsync(context.RequestAborted)).EndSessionEndpoint;
            provider = endpoint is null ? null : new Uri(endpoint).GetLeftPart(UriPartial.Authority);
        }
        catch (ProviderException)
        {
            // Then the form leads no further than this app.
        }

        var path = context.Request.PathBase.Add(part.Options.LogoutPath).ToUriComponent();
        await new NoticePage(200, "Do you want to sign out?", "Another site sent you here.", new PageAction("Sign out", path, IsPost: true), new PageAction("Stay signed in", part.Options.SignedOutUrl))
        {
            FormTarget = provider,
        }.WriteAsync(context);
    }

    private static string Absolute(HttpRequest request, string path) => $"{request.Scheme}://{request.Host.ToUriComponent()}{path}";
}
