using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore;

/// <summary>What happens when a page needs a token and only the person can help.</summary>
public static class LatchkeySignInAgain
{
    private const string Mark = "-renewed";
    private static readonly TimeSpan Brief = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Sends people to sign in when a call for them failed because their grant is over (<see cref="TokenUnavailableException.NeedsSignIn"/>), once: if the
    /// tokens of a sign-in that was only just finished are no good either, a page says so instead. Put it before the endpoints.
    /// </summary>
    /// <param name="app">The app.</param>
    /// <param name="scheme">The scheme that signs them in; the app's default one if null.</param>
    public static IApplicationBuilder UseLatchkeySignInAgain(this IApplicationBuilder app, string? scheme = null)
    {
        ArgumentNullException.ThrowIfNull(app);
        return app.Use(async (context, next) =>
        {
            try
            {
                await next(context);
            }
            catch (TokenUnavailableException exception) when (exception.NeedsSignIn && !context.Response.HasStarted)
            {
                context.Response.Clear();
                await AgainAsync(context, scheme ?? await DefaultAsync(context), exception);
            }
        });
    }

    private static Task AgainAsync(HttpContext context, string scheme, TokenUnavailableException exception)
    {
        // Only just done, and the tokens were no good either: going round once more would not help.
        var name = BrowserCookie.Name(context.Request, scheme, Mark);
        if (!BrowserCookie.IsSafe(context.Request)) return context.ChallengeAsync(scheme);
        if (context.Request.Cookies.ContainsKey(name)) return LoopAsync(context, exception);
        var options = BrowserCookie.Options(context.Request);
        options.MaxAge = Brief;
        context.Response.Cookies.Append(name, "1", options);
        return context.ChallengeAsync(scheme);
    }

    private static async ValueTask<string> DefaultAsync(HttpContext context) =>
        (await context.RequestServices.GetRequiredService<IAuthenticationSchemeProvider>().GetDefaultChallengeSchemeAsync())?.Name
            ?? throw new InvalidOperationException("The app has several authentication schemes; say to UseLatchkeySignInAgain which one signs people in.");

    private static Task LoopAsync(HttpContext context, TokenUnavailableException exception) =>
        new NoticePage(StatusCodes.Status502BadGateway, "That did not work", "You are signed in, but the sign-in server gave this app no token that it can use. Try again in a moment.",
            new PageAction("Home", context.Request.PathBase.Add("/").ToUriComponent())) { Code = exception.Error }.WriteAsync(context);
}
