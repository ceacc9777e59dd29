using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Server.Authorize;
using Latchkey.Server.Backchannel;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Logout;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Account;

/// <summary>A person's own page: change the password, end sessions, take access back from apps.</summary>
internal sealed class AccountEndpoint(
    SignInSessions sessions, UserDirectory users, AccountOverview overview, PageForms forms, LoginRedirect login, ConfigurationSource configuration,
    LogoutSignal outbox, Database database, Auditor auditor, ServerOptions options, TimeProvider clock)
{
    private const string NoticeField = "notice";

    private static readonly string[] PasswordOnly = ["pwd"];
    private static readonly TimeSpan NoticeLifetime = TimeSpan.FromMinutes(1);

    /// <summary>GET: the page.</summary>
    public async Task HandleGetAsync(HttpContext context)
    {
        if (await sessions.FindAsync(context).ConfigureAwait(false) is not { } signedIn)
        {
            context.RedirectTo(login.ToLogin(Interaction.ForAccount()));
            return;
        }

        await WriteAsync(context, signedIn, OpenNotice(RequestForm.ReadQuery(context)[NoticeField], signedIn.Session)).ConfigureAwait(false);
    }

    /// <summary>POST: one of the page's forms.</summary>
    public async Task HandlePostAsync(HttpContext context)
    {
        if ((await forms.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorPageAsync(error).ConfigureAwait(false);
            return;
        }

        if (await sessions.FindAsync(context).ConfigureAwait(false) is not { } signedIn)
        {
            context.RedirectTo(login.ToLogin(Interaction.ForAccount()));
            return;
        }

        if (form["end_session"] is { } sessionId) await EndSessionAsync(context, signedIn, sessionId).ConfigureAwait(false);
        else if (form["backchannel_request"] is { } request) await DecideAsync(context, signedIn, request, form["decision"]).ConfigureAwait(false);
        else if (form["revoke"] is { } clientId) await RevokeAsync(context, signedIn, clientId).ConfigureAwait(false);
        else await ChangePasswordAsync(context, signedIn, form["current_password"] ?? "", form["new_password"] ?? "").ConfigureAwait(false);
    }

    private async Task ChangePasswordAsync(HttpContext context, SignedIn signedIn, string currentPassword, string newPassword)
    {
        var user = signedIn.User;
        var audit = auditor.Event(context, AuditEvents.PasswordChanged) with { Actor = user.Subject };

        // The new password is judged first: what is wrong with it must not cost a try, nor tell whether the current one was right.
        var fault = newPassword.Length < UserDirectory.MinimumPasswordLength ? AccountNotice.PasswordTooShort
            : newPassword.Length > UserDirectory.MaximumPasswordLength ? AccountNotice.PasswordTooLong
            : UserDirectory.JudgePassword(user, newPassword) is not null ? AccountNotice.PasswordIsUsername
            : (AccountNotice?)null;
        if (fault is null && await users.CheckPasswordAsync(user, currentPassword, audit).ConfigureAwait(false) is { User: null } refused)
            fault = refused.Refusal == SignInResult.Locked ? AccountNotice.TooManyAttempts : AccountNotice.WrongPassword;
        if (fault is not null)
        {
            await WriteAsync(context, signedIn, fault, StatusCodes.Status400BadRequest).ConfigureAwait(false);
            return;
        }

        await users.SetPasswordAsync(user.Subject, newPassword, audit).ConfigureAwait(false);
        if (await users.FindAsync(user.Subject).ConfigureAwait(false) is not { } changed)
        {
            context.RedirectTo(login.ToLogin(Interaction.ForAccount()));
            return;
        }

        var begun = await sessions.BeginAsync(context, changed, PasswordOnly).ConfigureAwait(false);
        Redirect(context, begun.Session, AccountNotice.PasswordChanged);
    }

    private async Task EndSessionAsync(HttpContext context, SignedIn signedIn, string sessionId)
    {
        var subject = signedIn.User.Subject;
        var session = RowId.Parse(sessionId) is { } id ? await database.ReadAsync(sql => Sessions.FindAsync(sql, id)).ConfigureAwait(false) : null;
        if (session?.Subject == subject)
        {
            var audit = auditor.Event(context, AuditEvents.SessionEnded) with { Actor = subject };
            await sessions.EndAsync(session, RevocationReasons.User, audit).ConfigureAwait(false);
        }

        // One that is over already, or was never theirs, is as ended as they wished.
        if (session?.Id == signedIn.Session.Id) sessions.ForgetCookie(context);
        Redirect(context, signedIn.Session, AccountNotice.SessionEnded);
    }

    /// <summary>Writes what the person says to a request of the back channel (OpenID Connect CIBA Core section 8), and pings a client that waits for that.</summary>
    private async Task DecideAsync(HttpContext context, SignedIn signedIn, string id, string? decision)
    {
        var (session, user) = signedIn;
        var now = Now;
        var allowed = decision == "allow";
        var hash = Base64Url.IsValid(id) ? Base64Url.DecodeFromChars(id) : [];
        var waiting = await database.ReadAsync(sql => BackchannelRequests.FindAsync(sql, hash)).ConfigureAwait(false);
        var written = false;
        if (waiting is not null && waiting.Subject == user.Subject && decision is "allow" or "deny")
        {
            var audit = auditor.Event(context, allowed ? AuditEvents.BackchannelApproved : AuditEvents.BackchannelDenied) with
            {
                Actor = user.Subject,
                Subject = user.Subject,
                ClientId = waiting.ClientId,
            };
            written = await database.WriteAsync(async sql =>
            {
                var first = allowed
                    ? await BackchannelRequests.ApproveAsync(
                        sql, hash, user.Subject, RowId.New(user.Subject, now), session.AuthTime, session.Acr, string.Join(' ', session.Amr), now).ConfigureAwait(false)
                    : await BackchannelRequests.DenyAsync(sql, hash, user.Subject, now).ConfigureAwait(false);
                if (!first) return false;
                await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
                if (waiting.Notification is { } notification)
                {
                    var ping = new BackchannelPing(waiting.ClientId, user.Subject, notification, waiting.ExpiresAt);
                    await Outbox.AddAsync(
                        sql, Outbox.BackchannelPing, waiting.ClientId, JsonSerializer.Serialize(ping, BackchannelJson.Default.BackchannelPing), now).ConfigureAwait(false);
                }

                return true;
            }).ConfigureAwait(false);
            outbox.Raise();
        }

        Redirect(context, session, !written ? AccountNotice.RequestOver : allowed ? AccountNotice.RequestAllowed : AccountNotice.RequestDenied);
    }

    private async Task RevokeAsync(HttpContext context, SignedIn signedIn, string clientId)
    {
        var subject = signedIn.User.Subject;
        var now = Now;
        var audit = auditor.Event(context, AuditEvents.GrantRevoked) with { Actor = subject, Subject = subject, ClientId = clientId };
        await database.WriteAsync(async sql =>
        {
            var grants = await Grants.RevokeByUserAsync(sql, subject, clientId, RevocationReasons.User, now).ConfigureAwait(false);
            var consent = await Consents.DeleteAsync(sql, subject, clientId).ConfigureAwait(false);
            var detail = new AccessRevocation(RevocationReasons.User, grants);
            if (grants > 0) await AuditLog.AppendAsync(sql, audit with { Detail = JsonSerializer.Serialize(detail, AccountJson.Default.AccessRevocation) }).ConfigureAwait(false);
            if (consent) await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ConsentRevoked }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        Redirect(context, signedIn.Session, AccountNotice.AccessRevoked);
    }

    private async Task WriteAsync(HttpContext context, SignedIn signedIn, AccountNotice? notice, int status = StatusCodes.Status200OK)
    {
        var view = await overview.ReadAsync(signedIn, forms.Token(context), notice).ConfigureAwait(false);
        await context.WritePageAsync(AccountPage.Create(view), status).ConfigureAwait(false);
    }

    private void Redirect(HttpContext context, Session session, AccountNotice notice) =>
        context.RedirectTo($"{options.PathBase}/account?{NoticeField}={SealNotice(notice, session)}");

    // Sealed for the session and a minute: a link from elsewhere must not make this page say that something was done.
    private string SealNotice(AccountNotice notice, Session session)
    {
        Span<byte> plain = stackalloc byte[1 + sizeof(long) + RowId.Size];
        plain[0] = (byte)notice;
        BinaryPrimitives.WriteInt64BigEndian(plain[1..], Now);
        session.Id.Write(plain[(1 + sizeof(long))..]);
        return SealedBlob.Seal(configuration.Current.Keys, Now, plain, "notice"u8);
    }

    private AccountNotice? OpenNotice(string? text, Session session)
    {
        if (text is null || SealedBlob.Open(configuration.Current.Keys, text, "notice"u8) is not { } plain) return null;
        var age = Now - BinaryPrimitives.ReadInt64BigEndian(plain.AsSpan(1));
        return RowId.From(plain.AsSpan(1 + sizeof(long))) == session.Id && age < NoticeLifetime.TotalMilliseconds ? (AccountNotice)plain[0] : null;
    }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();
}

/// <summary>What the audit says of access that was taken back.</summary>
internal sealed record AccessRevocation(string Reason, int Grants);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AccessRevocation))]
internal sealed partial class AccountJson : JsonSerializerContext;
