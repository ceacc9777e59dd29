using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;
using Latchkey.Server.Consent;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Pages;
using Latchkey.Server.Registration;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Device;

/// <summary>
/// Where a person brings a device's code and decides (RFC 8628 section 3.3). Whoever sends a person here with a code may be after their account
/// (RFC 10027): a link never decides anything, the code is always shown for comparison, and the page says which app asked, from where and when.
/// </summary>
internal sealed class DevicePageEndpoint(
    ConfigurationSource configurations, ClientDirectory directory, MetadataDocuments documents, Database database, SignInSessions sessions, LoginRedirect login, PageForms forms, RateLimits limits,
    Auditor auditor, ServerOptions options, TimeProvider clock)
{
    private const string Everybody = "";

    /// <summary><c>GET /device</c>: the field for the code or, with a code and signed in, the question.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        var parameters = RequestForm.ReadQuery(context);
        if (parameters.Error is { } error) await context.WriteErrorPageAsync(error).ConfigureAwait(false);
        else if (parameters[ParameterNames.UserCode] is { } typed) await ContinueAsync(context, typed).ConfigureAwait(false);
        else await AskForCodeAsync(context, null, null).ConfigureAwait(false);
    }

    /// <summary><c>POST /device</c>: a code was typed, or the question answered.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        if ((await forms.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
        else if (form["decision"] is { } decision)
            await DecideAsync(context, form, decision).ConfigureAwait(false);
        else
            await ContinueAsync(context, form[ParameterNames.UserCode] ?? "").ConfigureAwait(false);
    }

    private async Task ContinueAsync(HttpContext context, string typed)
    {
        var configuration = configurations.Current;
        var signedIn = await sessions.FindAsync(context).ConfigureAwait(false);

        // 1. Every code costs a permit, and a good one gives it back.
        var source = RateLimits.Source(context);
        if (!limits.UserCode.TryTake(source, out var retryAfter))
        {
            RateLimits.Refuse(context, retryAfter);
            await AskForCodeAsync(context, typed, DeviceError.TooManyAttempts, retryAfter).ConfigureAwait(false);
            return;
        }

        if (signedIn is null && !limits.UserCodeAnywhere.TryTake(Everybody, out _))
        {
            // Somebody guesses from many addresses. Those who sign in go on, so that nobody can shut others out.
            limits.UserCode.GiveBack(source);
            context.RedirectTo(login.ToLogin(Interaction.ForDevice(UserCode.Read(typed))));
            return;
        }

        if (await FindAsync(context, typed, configuration).ConfigureAwait(false) is not var (code, client))
        {
            await AskForCodeAsync(context, typed, DeviceError.NoSuchCode).ConfigureAwait(false);
            return;
        }

        limits.UserCode.GiveBack(source);
        if (signedIn is null) limits.UserCodeAnywhere.GiveBack(Everybody);

        // 2. Who decides.
        var interaction = Interaction.ForDevice(code.UserCode);
        if (signedIn is null)
        {
            context.RedirectTo(login.ToLogin(interaction));
            return;
        }

        if (HttpMethods.IsPost(context.Request.Method))
        {
            context.RedirectTo(login.Onward(interaction));
            return;
        }

        // 3. The question, sealed for this person: if somebody else is signed in when it is answered, it is asked again.
        var now = Now();
        var person = signedIn.User;
        await context.WritePageAsync(DeviceConfirmPage.Create(new DeviceConfirmView(
            forms.Token(context),
            UserCode.Show(code.UserCode),
            AppView.Of(client.Metadata),
            View(person),
            ScopeGroups.Of(code.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries), configuration),
            code.CreatedAt,
            now,
            (interaction with { RenderedFor = person.Subject }).Seal(configuration.Keys, now),
            code.Address,
            code.UserAgent))).ConfigureAwait(false);
    }

    private async Task DecideAsync(HttpContext context, Parameters form, string decision)
    {
        var configuration = configurations.Current;
        var now = Now();
        if (Interaction.Open(configuration.Keys, form[ParameterNames.Request]) is not { Kind: InteractionKind.Device, UserCode: { } userCode } interaction
            || interaction.IsExpired(options, now) || decision is not ("allow" or "deny"))
        {
            await context.WriteErrorPageAsync(OAuthError.InvalidRequest("The decision did not come from a page of this server, or the page was too old."))
                .ConfigureAwait(false);
            return;
        }

        if (await sessions.FindAsync(context).ConfigureAwait(false) is not { } signedIn)
        {
            context.RedirectTo(login.ToLogin(Interaction.ForDevice(userCode)));
            return;
        }

        if (interaction.RenderedFor != signedIn.User.Subject)
        {
            context.RedirectTo(login.Onward(Interaction.ForDevice(userCode)));
            return;
        }

        var allowed = decision == "allow";
        if (await FindAsync(context, userCode, configuration).ConfigureAwait(false) is not var (code, client)
            || !await WriteAsync(context, code, client, signedIn, allowed, now).ConfigureAwait(false))
        {
            await AskForCodeAsync(context, null, DeviceError.NoSuchCode).ConfigureAwait(false);
            return;
        }

        await context.WritePageAsync(DeviceDonePage.Create(new DeviceDoneView(AppView.Of(client.Metadata), View(signedIn.User), allowed))).ConfigureAwait(false);
    }

    /// <summary>A code that waits for a decision, with its client; null for one that is unknown, decided or over, which look the same.</summary>
    private async ValueTask<(DeviceCode Code, Client Client)?> FindAsync(HttpContext context, string typed, ServerConfiguration configuration)
    {
        if (UserCode.Read(typed) is not { } userCode) return null;
        var code = await database.ReadAsync(sql => DeviceCodes.FindByUserCodeAsync(sql, userCode)).ConfigureAwait(false);
        return code is { Status: DeviceCodeStatus.Pending } && Now() < code.ExpiresAt
            && (await directory.FindAsync(code.ClientId, configuration, context).ConfigureAwait(false)).Succeeded(out var client, out _)
            && client.Metadata.Allows(GrantTypes.DeviceCode)
            ? (code, client)
            : null;
    }

    private async ValueTask<bool> WriteAsync(HttpContext context, DeviceCode code, Client client, SignedIn signedIn, bool allowed, long now)
    {
        var (session, user) = signedIn;
        var audit = auditor.Event(context, allowed ? AuditEvents.DeviceApproved : AuditEvents.DeviceDenied) with
        {
            Actor = user.Subject,
            Subject = user.Subject,
            ClientId = code.ClientId,
        };
        return await database.WriteAsync(async sql =>
        {
            var written = allowed
                ? await DeviceCodes.ApproveAsync(
                    sql, code.UserCode, RowId.New(user.Subject, now), user.Subject, session.AuthTime, session.Acr, string.Join(' ', session.Amr), now)
                    .ConfigureAwait(false)
                : await DeviceCodes.DenyAsync(sql, code.UserCode, user.Subject, now).ConfigureAwait(false);
            if (!written) return false;
            if (allowed) await documents.NoteUsedAsync(sql, client, now).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    private Task AskForCodeAsync(HttpContext context, string? typed, DeviceError? error, TimeSpan wait = default) => context.WritePageAsync(
        DevicePage.Create(new DeviceView(forms.Token(context), typed, error, wait)),
        error is DeviceError.TooManyAttempts ? StatusCodes.Status429TooManyRequests : StatusCodes.Status200OK);

    private static PersonView View(User user) => new(user.DisplayName, user.Claim("email") ?? user.Username);

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();
}
