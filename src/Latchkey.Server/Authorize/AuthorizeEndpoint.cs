using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>The authorization endpoint (OAuth 2.1 section 3.1, OpenID Connect Core section 3.1.2).</summary>
internal sealed class AuthorizeEndpoint(
    ConfigurationSource configuration, AuthorizationRequests requests, WaitingRequests waiting, NextStepDecision decision, SignInSessions sessions,
    AuthorizationCodes codes, InteractionPages pages, TimeProvider clock)
{
    /// <summary>GET: judge, then do what comes next.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        var current = configuration.Current;
        var parameters = RequestForm.ReadQuery(context);

        // 1. Is the request right?
        var outcome = await requests.ReadAsync(context, parameters, current).ConfigureAwait(false);
        if (outcome is not AuthorizationRequestOutcome.Right(var request))
        {
            await waiting.RefuseAsync(context, outcome).ConfigureAwait(false);
            return;
        }

        // 2. What does it need?
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var interaction = Interaction.ForAuthorize(request.Received) with { StartedAt = now };
        await GoOnAsync(context, new WaitingRequest(interaction, request, current, now)).ConfigureAwait(false);
    }

    /// <summary>
    /// POST: judge, then go on by a GET of our own. A form that another site posts comes without our session's cookie, which is Lax.
    /// </summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        if ((await RequestForm.ReadLenientAsync(context).ConfigureAwait(false)).Refused(out var error, out var parameters))
        {
            await waiting.RefuseAsync(context, new AuthorizationRequestOutcome.Unproven(error, null)).ConfigureAwait(false);
            return;
        }

        var outcome = await requests.ReadAsync(context, parameters, configuration.Current).ConfigureAwait(false);
        if (outcome is not AuthorizationRequestOutcome.Right(var request))
        {
            await waiting.RefuseAsync(context, outcome).ConfigureAwait(false);
            return;
        }

        context.RedirectTo(pages.Continue(Interaction.ForAuthorize(request.Received)));
    }

    /// <summary>GET <c>/authorize/continue</c>: after a page, or after a POST.</summary>
    public async Task ContinueAsync(HttpContext context)
    {
        if (await waiting.ResumeAsync(context, RequestForm.ReadQuery(context)[ParameterNames.Request]).ConfigureAwait(false) is { } waited)
            await GoOnAsync(context, waited).ConfigureAwait(false);
    }

    private async Task GoOnAsync(HttpContext context, WaitingRequest waited)
    {
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        switch (await decision.DecideAsync(waited.Request, waited.Interaction, signedIn, waited.Now).ConfigureAwait(false))
        {
            case NextStep.Refuse(var error):
                await waiting.RefuseAsync(context, waited.Request, error, signedIn?.User.Subject).ConfigureAwait(false);
                break;
            case NextStep.SignIn:
                context.RedirectTo(pages.Login(waited.Interaction));
                break;
            case NextStep.ChooseAccount:
                context.RedirectTo(pages.SelectAccount(waited.Interaction));
                break;
            case NextStep.AskConsent:
                context.RedirectTo(pages.Consent(waited.Interaction));
                break;
            case NextStep.Answer(var person):
                await codes.AnswerAsync(context, waited, person).ConfigureAwait(false);
                break;
        }
    }
}
