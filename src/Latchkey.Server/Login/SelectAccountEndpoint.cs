using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Hosting;
using Latchkey.Server.Pages;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Login;

/// <summary>Lets a person go on as who they are, or as another (<c>prompt=select_account</c>, OpenID Connect Core section 3.1.2.1).</summary>
internal sealed class SelectAccountEndpoint(WaitingRequests waiting, SignInSessions sessions, InteractionPages pages, PageForms forms)
{
    /// <summary>GET: the choice.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        if (await waiting.ResumeAsync(context, RequestForm.ReadQuery(context)[ParameterNames.Request]).ConfigureAwait(false) is not { } waited) return;
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        var view = new SelectAccountView(
            forms.Token(context),
            pages.Seal(waited.Interaction with { RenderedFor = signedIn?.User.Subject }),
            AppView.Of(waited.Request.Client.Metadata),
            signedIn?.Person);
        await context.WritePageAsync(SelectAccountPage.Create(view), formAction: waited.Request.Return.RedirectUri).ConfigureAwait(false);
    }

    /// <summary>POST: the answer.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        if ((await forms.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        if (await waiting.ResumeAsync(context, form[ParameterNames.Request]).ConfigureAwait(false) is not { } waited) return;
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        var (offered, interaction) = (waited.Interaction.RenderedFor, waited.Interaction with { RenderedFor = null });
        switch (form["account"])
        {
            case "continue" when signedIn is not null && signedIn.User.Subject == offered:
                context.RedirectTo(pages.Continue(interaction with { ChosenSubject = offered }));
                break;
            case "continue":
                // Somebody else sits here by now: the choice is theirs.
                context.RedirectTo(pages.SelectAccount(interaction));
                break;
            case "other":
                context.RedirectTo(pages.Login(interaction with { ChosenSubject = null, AuthenticatedSubject = null }));
                break;
            default:
                await context.WriteErrorPageAsync(OAuthError.InvalidRequest("The form has no account; it is continue or other.")).ConfigureAwait(false);
                break;
        }
    }
}
