using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Pages;
using Latchkey.Server.Registration;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Consent;

/// <summary>Asks a person whether an app may have what it asks for, and remembers a yes (OpenID Connect Core section 3.1.2.4).</summary>
internal sealed class ConsentEndpoint(
    WaitingRequests waiting, NextStepDecision decision, SignInSessions sessions, AuthorizationCodes codes, InteractionPages pages, PageForms forms,
    MetadataDocuments documents, Database database, Auditor auditor)
{
    /// <summary>GET: the question.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        if (await waiting.ResumeAsync(context, RequestForm.ReadQuery(context)[ParameterNames.Request]).ConfigureAwait(false) is not { } waited) return;
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        if (await decision.DecideAsync(waited.Request, waited.Interaction, signedIn, waited.Now).ConfigureAwait(false) is not NextStep.AskConsent(var person))
        {
            context.RedirectTo(pages.Continue(waited.Interaction));
            return;
        }

        var request = waited.Request;
        var view = new ConsentView(
            forms.Token(context),
            pages.Seal(waited.Interaction with { RenderedFor = person.User.Subject }),
            AppView.Of(request.Client.Metadata),
            person.Person,
            ScopeGroups.Of(request.Scope, waited.Configuration, request.Claims.Names),
            DetailViews.Of(request.Details),
            DestinationView.Of(request.Return.RedirectUri),
            PublisherView.Of(request.Client));
        await context.WritePageAsync(ConsentPage.Create(view), formAction: request.Return.RedirectUri).ConfigureAwait(false);
    }

    /// <summary>POST: the answer.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        // 1. Is it an answer to a question of ours?
        if ((await forms.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        if (await waiting.ResumeAsync(context, form[ParameterNames.Request]).ConfigureAwait(false) is not { } waited) return;

        // 2. Does the person who was asked still sit here, and is the question still open?
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);
        var step = await decision.DecideAsync(waited.Request, waited.Interaction, signedIn, waited.Now).ConfigureAwait(false);
        if (signedIn is null || signedIn.User.Subject != waited.Interaction.RenderedFor || step is not (NextStep.AskConsent or NextStep.Answer))
        {
            context.RedirectTo(pages.Continue(waited.Interaction with { RenderedFor = null }));
            return;
        }

        // 3. What did they say?
        switch (form["decision"])
        {
            case "allow":
                await RememberAsync(context, waited, signedIn.User).ConfigureAwait(false);
                await codes.AnswerAsync(context, waited, signedIn).ConfigureAwait(false);
                break;
            case "deny":
                await database.WriteAsync(sql => NoteAsync(sql, Event(context, AuditEvents.ConsentDenied, waited.Request, signedIn.User))).ConfigureAwait(false);
                await waiting.DenyAsync(context, waited.Request, Denied, signedIn.User.Subject).ConfigureAwait(false);
                break;
            default:
                await context.WriteErrorPageAsync(OAuthError.InvalidRequest("The form has no decision; it is allow or deny.")).ConfigureAwait(false);
                break;
        }
    }

    private static OAuthError Denied => OAuthError.AccessDenied("The person did not agree.");

    // What was agreed to earlier stays agreed to.
    private ValueTask<bool> RememberAsync(HttpContext context, WaitingRequest waited, User user)
    {
        var request = waited.Request;
        var audit = Event(context, AuditEvents.ConsentGiven, request, user);
        return database.WriteAsync(async sql =>
        {
            var earlier = await Consents.FindAsync(sql, user.Subject, request.Client.Id).ConfigureAwait(false);
            // What was agreed to for other addresses or keys was agreed to for somebody else.
            if (earlier?.Fingerprint != request.Client.Fingerprint) earlier = null;
            await Consents.SaveAsync(sql, new(
                user.Subject,
                request.Client.Id,
                Union(earlier?.Scope, request.Scope),
                Union(earlier?.Resources, request.Resources.Select(resource => resource.Resource)),
                waited.Now,
                request.Client.Fingerprint)
            {
                // Only the very same details are agreed to the next time: those of today take the place of earlier ones.
                AuthorizationDetails = request.Details.Json ?? earlier?.AuthorizationDetails,
            }).ConfigureAwait(false);
            await documents.NoteUsedAsync(sql, request.Client, waited.Now).ConfigureAwait(false);
            return await NoteAsync(sql, audit).ConfigureAwait(false);
        });
    }

    private static string Union(string? earlier, IEnumerable<string> more) =>
        string.Join(' ', (earlier ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Union(more, StringComparer.Ordinal));

    private static async ValueTask<bool> NoteAsync(SqlSession sql, AuditEvent audit)
    {
        await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
        return true;
    }

    private AuditEvent Event(HttpContext context, string name, AuthorizationRequest request, User user) => auditor.Event(context, name) with
    {
        Actor = user.Subject,
        Subject = user.Subject,
        ClientId = request.Client.Id,
        Detail = JsonSerializer.Serialize(
            new ConsentDetail(
                request.Scope.ToString(), [.. request.Resources.Select(resource => resource.Resource)],
                request.Details.Json is null ? null : [.. request.Details.Entries.Select(entry => entry.Type.Type)]), ConsentJson.Default.ConsentDetail),
    };
}

/// <summary>What the audit says of a consent.</summary>
internal sealed record ConsentDetail(string Scope, IReadOnlyList<string> Resources, IReadOnlyList<string>? AuthorizationDetailsTypes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ConsentDetail))]
internal sealed partial class ConsentJson : JsonSerializerContext;
