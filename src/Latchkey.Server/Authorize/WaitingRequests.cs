using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Pages;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>A request that waited for a person, judged anew.</summary>
/// <param name="Interaction">What has been settled since it came.</param>
/// <param name="Request">The request.</param>
/// <param name="Configuration">What it was judged by.</param>
/// <param name="Now">Unix milliseconds.</param>
internal sealed record WaitingRequest(Interaction Interaction, AuthorizationRequest Request, ServerConfiguration Configuration, long Now);

/// <summary>Takes up requests that waited, and answers those that can't go on.</summary>
internal sealed class WaitingRequests(
    ConfigurationSource configuration, ClientDirectory directory, AuthorizationRequests requests, AuthorizationResponse response, SignInSessions sessions,
    Database database, Auditor auditor, ServerOptions options, TimeProvider clock)
{
    /// <summary>Takes up what a page's URL or form carries, by today's configuration.</summary>
    /// <returns>The request, or null where an error has been answered.</returns>
    public async ValueTask<WaitingRequest?> ResumeAsync(HttpContext context, string? request)
    {
        var current = configuration.Current;
        if (Interaction.Open(current.Keys, request) is not { Kind: InteractionKind.Authorize } interaction)
        {
            await context.WriteErrorPageAsync(NotOurs).ConfigureAwait(false);
            return null;
        }

        return await ResumeAsync(context, interaction, current).ConfigureAwait(false);
    }

    /// <summary>The same for an interaction that is open already.</summary>
    public async ValueTask<WaitingRequest?> ResumeAsync(HttpContext context, Interaction interaction, ServerConfiguration current)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        if (interaction.IsExpired(options, now))
        {
            var clientId = Parameters.Parse(interaction.Parameters)[ParameterNames.ClientId];
            await WriteExpiredAsync(context, await directory.FindKnownAsync(clientId, current).ConfigureAwait(false)).ConfigureAwait(false);
            return null;
        }

        var outcome = await requests.ReadAsync(context, interaction, current).ConfigureAwait(false);
        if (outcome is AuthorizationRequestOutcome.Right right) return new(interaction, right.Request, current, now);
        await RefuseAsync(context, outcome).ConfigureAwait(false);
        return null;
    }

    /// <summary>Answers a request that is wrong: as a page, or to the client.</summary>
    public async Task RefuseAsync(HttpContext context, AuthorizationRequestOutcome outcome)
    {
        switch (outcome)
        {
            case AuthorizationRequestOutcome.Unproven(var error, var client):
                NoteRefusal(context, client, null, error);
                await context.WriteErrorPageAsync(error, client is null ? null : AppView.Of(client.Metadata)).ConfigureAwait(false);
                return;
            case AuthorizationRequestOutcome.Refused(var address, var client, var error):
                NoteRefusal(context, client, null, error);
                await AnswerAsync(context, address, client, error, null).ConfigureAwait(false);
                return;
            default:
                throw new ArgumentException("The request is right and has nothing to be refused for.", nameof(outcome));
        }
    }

    /// <summary>Tells the client that a request which is right can't be answered with a code.</summary>
    public async Task RefuseAsync(HttpContext context, AuthorizationRequest request, OAuthError error, string? subject)
    {
        // This is the request's answer, and the only one.
        if (!await requests.UseUpAsync(request).ConfigureAwait(false)) error = AuthorizationRequests.Answered;
        NoteRefusal(context, request.Client, subject, error);
        await AnswerAsync(context, request.Return, request.Client, error, subject).ConfigureAwait(false);
    }

    /// <summary>Tells the client that the person said no: who has just answered a question knows where they go.</summary>
    public async Task DenyAsync(HttpContext context, AuthorizationRequest request, OAuthError error, string subject)
    {
        if (!await requests.UseUpAsync(request).ConfigureAwait(false)) error = AuthorizationRequests.Answered;
        NoteRefusal(context, request.Client, subject, error);
        await response.WriteErrorAsync(context, request.Return, request.Client, error).ConfigureAwait(false);
    }

    // Anybody can be a client that registers itself, so a link to this server must not lead on to any site without a word (RFC 9700 section 4.11.2):
    // the person is told, and goes on themselves, unless they have agreed to this client before.
    private async Task AnswerAsync(HttpContext context, ReturnAddress address, Client client, OAuthError error, string? subject)
    {
        if (client.IsSelfRegistered && !await IsTrustedAsync(context, client, subject).ConfigureAwait(false))
        {
            await context.WriteErrorPageAsync(
                error,
                AppView.Of(client.Metadata),
                title: "This could not go on",
                text: "An app that nobody here has checked sent your browser with a request that this server can't answer.",
                advice: "If you have just started this app yourself, you can go back to it and try again. Otherwise close this page.",
                returnUri: await response.ErrorUriAsync(address, client, error).ConfigureAwait(false)).ConfigureAwait(false);
            return;
        }

        await response.WriteErrorAsync(context, address, client, error).ConfigureAwait(false);
    }

    private async ValueTask<bool> IsTrustedAsync(HttpContext context, Client client, string? subject)
    {
        subject ??= (await sessions.FindAsync(context).ConfigureAwait(false))?.User.Subject;
        return subject is not null
            && await database.ReadAsync(sql => Consents.FindAsync(sql, subject, client.Id)).ConfigureAwait(false) is { } consent
            && consent.Fingerprint == client.Fingerprint;
    }

    /// <summary>Tells a person that they took too long.</summary>
    public static Task WriteExpiredAsync(HttpContext context, Client? client) => context.WriteErrorPageAsync(
        Expired,
        client is null ? null : AppView.Of(client.Metadata),
        title: "That took too long",
        text: "This sign-in was started a while ago, and to keep your account safe it does not wait for ever.",
        advice: client is null ? "Start again." : "Go back to the app and start again.",
        appUri: client?.Metadata.ClientUri);

    /// <summary>What does not come from a page of ours.</summary>
    public static OAuthError NotOurs =>
        OAuthError.InvalidRequest("The parameter request was not made by this server, or not by its present keys; start again at the authorization endpoint.");

    private static OAuthError Expired => OAuthError.InvalidRequest("The request waited longer for the person than it may; start again at the authorization endpoint.");

    private void NoteRefusal(HttpContext context, Client? client, string? subject, OAuthError error) =>
        auditor.Note(auditor.Event(context, AuditEvents.AuthorizationRefused) with
        {
            Outcome = AuditOutcomes.Refused,
            Actor = client?.Id,
            ClientId = client?.Id,
            Subject = subject,
            Detail = $$"""{"error":"{{error.Code}}"}""",
        });
}
