using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Pages;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Logout;

/// <summary>
/// The end session endpoint (OpenID Connect RP-Initiated Logout). An app that proves with an ID token of ours that it means the very session of this
/// browser is believed; anyone else makes us ask the person. The browser goes back only to a registered address of a client that is known.
/// </summary>
internal sealed partial class LogoutEndpoint(
    SignInSessions sessions, IdTokenHint hints, PageForms forms, ConfigurationSource configuration, ClientDirectory directory, LogoutSignal logouts, Auditor auditor,
    ServerOptions options, TimeProvider clock, ILogger<LogoutEndpoint> logger)
{
    private const string Decision = "decision";
    private const string SignOut = "logout";

    // Apps are told before the browser goes back (section 3), but one that hangs does not keep the person.
    private static readonly TimeSpan WaitForApps = TimeSpan.FromSeconds(1);

    /// <summary>GET: an app has sent the person here, or they came by themselves.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        var current = configuration.Current;
        var parameters = RequestForm.ReadQuery(context);
        if (parameters is { Error: null } && parameters[ParameterNames.Request] is { } sealedRequest)
        {
            if (Open(sealedRequest, current) is not { } opened)
            {
                await context.WriteErrorPageAsync(Unreadable).ConfigureAwait(false);
                return;
            }

            parameters = opened;
        }

        if ((await LogoutRequest.ReadAsync(parameters, hints, directory, current).ConfigureAwait(false)).Refused(out var error, out var request))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        if (request.Refused is not null) LogRefused(logger, request.Client?.Id, request.Refused);
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        if (signedIn is null || IsMeant(request, signedIn.Session))
        {
            // Without a session there is nothing to protect; but only a hint of ours shows that the app has sent the person here.
            await SignOutAsync(context, request, signedIn, mayReturn: request.Hint is not null).ConfigureAwait(false);
            return;
        }

        var view = new LogoutView(
            forms.Token(context), signedIn.Person, request.Client is { } client ? AppView.Of(client.Metadata) : null,
            parameters.Pairs.Count == 0 ? null : Seal(parameters, current));
        await context.WritePageAsync(LogoutPage.Create(view), formAction: request.ReturnUri).ConfigureAwait(false);
    }

    /// <summary>POST: an app's form, or the answer to our question.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        var current = configuration.Current;
        if (form[PageForms.TokenField] is null && form[Decision] is null)
        {
            // An app's form: browsers leave our cookie out of it, and bring it along to our own GET.
            context.RedirectTo($"{options.PathBase}/logout{(form.Pairs.Count == 0 ? "" : $"?{ParameterNames.Request}={Seal(form, current)}")}");
            return;
        }

        if ((await forms.ValidateAsync(context, form).ConfigureAwait(false)) is { } invalid)
        {
            await context.WriteErrorPageAsync(invalid).ConfigureAwait(false);
            return;
        }

        var parameters = form[ParameterNames.Request] is { } sealedRequest ? Open(sealedRequest, current) : Parameters.Empty;
        if (parameters is null || form[Decision] != SignOut)
        {
            await context.WriteErrorPageAsync(Unreadable).ConfigureAwait(false);
            return;
        }

        // What was judged when the page was made is judged again: a client may have changed since.
        if ((await LogoutRequest.ReadAsync(parameters, hints, directory, current).ConfigureAwait(false)).Refused(out var refused, out var request))
        {
            await context.WriteErrorPageAsync(refused).ConfigureAwait(false);
            return;
        }

        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        await SignOutAsync(context, request, signedIn, mayReturn: true).ConfigureAwait(false);
    }

    private async Task SignOutAsync(HttpContext context, LogoutRequest request, SignedIn? signedIn, bool mayReturn)
    {
        var ended = EndedSession.Alone;
        if (signedIn is not null)
        {
            using var listener = logouts.Listen(signedIn.Session.Id);
            var audit = auditor.Event(context, AuditEvents.SignOut) with { Actor = signedIn.User.Subject, ClientId = request.Client?.Id };
            ended = await sessions.EndAsync(signedIn.Session, "logout", audit).ConfigureAwait(false);
            await listener.WaitAsync(ended.Told.Count, WaitForApps, clock).ConfigureAwait(false);
        }

        sessions.ForgetCookie(context);
        var frames = signedIn is null ? [] : Frames(ended, signedIn.Session.Id.ToString());
        if (mayReturn && request.ReturnUri is { } uri)
        {
            // The frames must be loaded first; the header goes back where no script runs.
            if (frames.Count > 0) context.Response.Headers["Refresh"] = $"{FrontchannelLogout.Stay}; url={uri}";
            else
            {
                context.RedirectTo(uri);
                return;
            }
        }

        var app = request.Client is { } client ? AppView.Of(client.Metadata) : null;
        var way = request.ReturnUri ?? HomePageOf(request.Client);
        var left = ended.NotTold.Where(id => id != request.Client?.Id && !ended.InFrames.Contains(id));
        var view = new LoggedOutView(
            app, way, await AppsAsync(ended.Told.Concat(ended.InFrames).Distinct(StringComparer.Ordinal)).ConfigureAwait(false), await AppsAsync(left).ConfigureAwait(false), frames);
        await context.WritePageAsync(LoggedOutPage.Create(view), frames: frames).ConfigureAwait(false);
    }

    /// <summary>Whether the hint is about the session of this browser: by <c>sid</c>, or by <c>sub</c> where it names no session.</summary>
    private bool IsMeant(LogoutRequest request, Session session) =>
        request.Hint is { } hint && hint.IsAbout(session.Subject, request.Client, configuration.Current.Keys)
        && (hint.SessionId is null || hint.SessionId == session.Id.ToString());

    private async ValueTask<List<AppView>> AppsAsync(IEnumerable<string> clientIds) =>
        (await directory.FindKnownAsync(clientIds, configuration.Current).ConfigureAwait(false)).ConvertAll(client => AppView.Of(client.Metadata));

    private List<string> Frames(EndedSession ended, string sessionId) =>
        [.. ended.InFrames.Select(id => FrontchannelLogout.AddressOf(configuration.Current.FindClient(id), options.Issuer, sessionId)).OfType<string>()];

    private static string? HomePageOf(Client? client) =>
        Uri.TryCreate(client?.Metadata.ClientUri, UriKind.Absolute, out var home) && home.Scheme is "https" or "http" ? home.AbsoluteUri : null;

    private string Seal(Parameters parameters, ServerConfiguration current) =>
        SealedBlob.Seal(current.Keys, clock.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.UTF8.GetBytes(parameters.Encode()), "logout"u8);

    private static Parameters? Open(string sealedRequest, ServerConfiguration current) =>
        SealedBlob.Open(current.Keys, sealedRequest, "logout"u8) is { } plain ? Parameters.Parse(plain) : null;

    private static OAuthError Unreadable =>
        OAuthError.InvalidRequest("The form did not come from the sign-out page of this server; open the sign-out page again.");

    [LoggerMessage(Level = LogLevel.Information, Message = "A sign-out by client {ClientId} named the post_logout_redirect_uri {Uri}, which can't be used: "
        + "it is not registered for the client, or nothing proved which client asks (send id_token_hint or client_id)")]
    private static partial void LogRefused(ILogger logger, string? clientId, string uri);
}
