using Latchkey.Protocol;
using Latchkey.Server.Diagnostics;
using Latchkey.Server.Pages;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Hosting;

/// <summary>Tells a person that something can't go on, and the developer of the app why.</summary>
internal static class ErrorPage
{
    /// <summary>Writes the error page.</summary>
    /// <param name="context">The request.</param>
    /// <param name="error">What the developer is told; its status is the page's, except that a page never answers 401.</param>
    /// <param name="app">The app that sent the person, if it is known.</param>
    /// <param name="title">What happened, a few words; the error's own words by default.</param>
    /// <param name="text">What happened, a sentence or two.</param>
    /// <param name="advice">What the person can do.</param>
    /// <param name="appUri">The app's home page, if it has one.</param>
    /// <param name="returnUri">Where the app waits for the answer, proven to be its own; goes before its home page.</param>
    public static Task WriteErrorPageAsync(
        this HttpContext context, OAuthError error, AppView? app = null, string? title = null, string? text = null, string? advice = null,
        string? appUri = null, string? returnUri = null)
    {
        ServerTelemetry.Refused(context, error.Code);
        var words = Words(error);
        var clock = context.RequestServices.GetRequiredService<TimeProvider>();
        var view = new ErrorView(
            title ?? words.Title, text ?? words.Text, advice ?? words.Advice,
            error.Code, error.Description, context.RequestId(), clock.GetUtcNow().ToUnixTimeMilliseconds(), app,
            returnUri ?? (appUri is not null && Uri.TryCreate(appUri, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" ? appUri : null));
        // 401 would oblige us to offer an authentication scheme, and browsers to ask for a password by themselves.
        var status = error.Status == StatusCodes.Status401Unauthorized ? StatusCodes.Status400BadRequest : error.Status;
        context.NameRequest();
        return context.WritePageAsync(Pages.ErrorPage.Create(view), status);
    }

    private static (string Title, string Text, string Advice) Words(OAuthError error)
    {
        if (error == PageForms.Expired)
        {
            return ("This page had expired",
                "It was open for a long time, or your browser did not keep the cookie that belongs to it.",
                "Go back, reload the page and try again. If that does not help, start again from the app, and let your browser keep cookies of this site.");
        }

        return error.Status switch
        {
            StatusCodes.Status404NotFound => (
                "There is nothing here",
                "The address is mistyped, or what was here is gone.",
                "Check the address, or go to the start page."),
            StatusCodes.Status405MethodNotAllowed => (
                "There is nothing to see here",
                "This address is for the forms of other pages.",
                "Go to the start page."),
            StatusCodes.Status429TooManyRequests => (
                "Too many attempts",
                "To keep accounts safe, this server answers only so many attempts in a while.",
                "Wait a few minutes, then try again."),
            StatusCodes.Status503ServiceUnavailable => (
                "Not available at the moment",
                "This server can't reach what it needs to answer you.",
                "Wait a moment, then reload the page. Nothing you did is at fault."),
            >= 500 => (
                "Something broke on our side",
                "This server made a mistake while it answered you. Nothing you did is at fault.",
                "Go back and try again. If it keeps happening, tell the people who run this server, and give them the request ID below."),
            _ => (
                "This could not go on",
                "Your browser was sent here with a request that this server can't answer. To protect you, it stopped here.",
                "Go back to the app you came from and start again. If it keeps happening, tell the people who run it, "
                + "and give them what you find under “For the developer”."),
        };
    }
}
