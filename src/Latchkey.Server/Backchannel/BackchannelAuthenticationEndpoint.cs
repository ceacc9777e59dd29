using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Backchannel;

/// <summary>
/// The backchannel authentication endpoint, OpenID Connect CIBA Core section 7: a client asks a person who is elsewhere, and who decides on the account
/// page. Whom it asks it says by a hint; the person sees who asks, what for, and the client's binding message.
/// </summary>
internal sealed class BackchannelAuthenticationEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, SignedBackchannelRequests signedRequests, IdTokenHint idTokens, UserDirectory users, Database database,
    Auditor auditor,
    ServerOptions options, TimeProvider clock)
{
    /// <summary>What every <c>auth_req_id</c> begins with, so that secret scanners find it.</summary>
    public const string Prefix = "lkb_";

    // A person who is asked again and again says yes in the end to be left alone.
    private const int WaitingPerPerson = 5;
    private const int LongestBindingMessage = 100;
    private const int LongestNotificationToken = 1024;

    /// <summary>Answers <c>POST /backchannel-authentication</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1. The form, and who asks: as at the token endpoint.
        var configuration = configurations.Current;
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        if ((await authenticator.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)).Refused(out error, out var client))
        {
            await authenticator.WriteFailureAsync(context, error).ConfigureAwait(false);
            return;
        }

        // 2. For what, of whom.
        if ((await OpenAsync(form, client).ConfigureAwait(false)).Refused(out error, out var opened)
            || (await JudgeAsync(opened.Parameters, client, configuration).ConfigureAwait(false)).Refused(out error, out var asked))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        // 3. The row knows the id only by its hash.
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var id = Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var row = new BackchannelRequest
        {
            IdHash = BackchannelRequests.Hash(id),
            Subject = asked.User.Subject,
            ClientId = client.Id,
            Scope = asked.Access.Scope.ToString(),
            Resources = string.Join(' ', asked.Access.Resources.Select(resource => resource.Resource)),
            BindingMessage = asked.BindingMessage,
            Notification = asked.NotificationToken is { } token ? new BackchannelNotification(id, token).Seal(configuration.Keys, now) : null,
            IntervalSeconds = options.DevicePollingInterval,
            CreatedAt = now,
            ExpiresAt = now + (asked.LifetimeSeconds * 1000L),
            Address = context.Address(),
        };
        var audit = auditor.Event(context, AuditEvents.BackchannelRequested) with { Actor = client.Id, ClientId = client.Id, Subject = asked.User.Subject };
        if (await database.WriteAsync(sql => WriteAsync(sql, row, opened, audit)).ConfigureAwait(false) is { Error: { } refusal })
        {
            await context.WriteErrorAsync(refusal).ConfigureAwait(false);
            return;
        }

        context.NoStore();
        await context.WriteJsonAsync(
            new BackchannelAuthenticationAnswer(id, asked.LifetimeSeconds, row.IntervalSeconds), BackchannelJson.Default.BackchannelAuthenticationAnswer).ConfigureAwait(false);
    }

    // A signed request is used up only by a request that is written: whoever is told to wait may send it again.
    private static async ValueTask<Result<BackchannelRequest>> WriteAsync(SqlSession sql, BackchannelRequest row, OpenedBackchannelRequest opened, AuditEvent audit)
    {
        if (await BackchannelRequests.CountWaitingAsync(sql, row.Subject, row.CreatedAt).ConfigureAwait(false) >= WaitingPerPerson)
            return OAuthError.AccessDenied($"{WaitingPerPerson} requests wait for this person already; let them decide or expire first.") with { Status = StatusCodes.Status403Forbidden };
        if (opened.ReplayId is { } id && !await ReplayGuard.UseAsync(sql, id, opened.ReplayUntil).ConfigureAwait(false))
            return OAuthError.InvalidRequest("The signed request was used before; sign a new one with its own jti for each request.");
        await BackchannelRequests.InsertAsync(sql, row).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with { Detail = $"{{\"scope\":\"{row.Scope}\"}}" }).ConfigureAwait(false);
        return row;
    }

    private async ValueTask<Result<OpenedBackchannelRequest>> OpenAsync(Parameters form, Client client)
    {
        if (!client.Metadata.Allows(GrantTypes.Ciba))
            return OAuthError.UnauthorizedClient($"This client may not use the grant {GrantTypes.Ciba}; add it to its grant_types.");
        if (client.Metadata.IsPublic) return OAuthError.UnauthorizedClient("A public client can't ask people by the back channel; give it a secret or a key.");
        return await signedRequests.OpenAsync(form, client).ConfigureAwait(false);
    }

    private async ValueTask<Result<Asked>> JudgeAsync(Parameters form, Client client, ServerConfiguration configuration)
    {
        // Section 7.1: what it asks for.
        if (RequestedAccess.Read(form, client, configuration).Refused(out var error, out var access)) return error;
        if (!access.Scope.Contains(Scopes.OpenId)) return OAuthError.InvalidScope("The scope openid is missing; CIBA is for OpenID Connect.");
        var message = form[ParameterNames.BindingMessage];
        if (message is not null && (message.Length > LongestBindingMessage || message.EnumerateRunes().Any(IsUnshowable)))
            return OAuthError.InvalidBindingMessage($"binding_message is longer than {LongestBindingMessage} characters or has some that can't be shown; send a short word or number.");
        var lifetime = (int)options.BackchannelRequestLifetime.TotalSeconds;
        if (form[ParameterNames.RequestedExpiry] is { } expiry)
        {
            if (!int.TryParse(expiry, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds <= 0)
                return OAuthError.InvalidRequest("requested_expiry is not a positive number of seconds.");
            lifetime = Math.Min(lifetime, seconds);
        }

        var token = form[ParameterNames.ClientNotificationToken];
        if (client.Metadata.BackchannelTokenDeliveryMode == "ping")
        {
            if (token is null) return OAuthError.InvalidRequest("client_notification_token is missing; a client that is pinged has to send one.");
            if (token.Length > LongestNotificationToken || !token.All(IsTokenCharacter))
                return OAuthError.InvalidRequest($"client_notification_token has a character that bearer tokens can't have (RFC 6750 section 2.1), or more than {LongestNotificationToken}.");
        }

        // Whom it asks: one hint, not two that could disagree.
        var (hint, idToken) = (form[ParameterNames.LoginHint], form[ParameterNames.IdTokenHint]);
        if (form[ParameterNames.LoginHintToken] is not null) return OAuthError.InvalidRequest("login_hint_token is not taken; send login_hint or id_token_hint.");
        if ((hint is null) == (idToken is null)) return OAuthError.InvalidRequest("Send one of login_hint and id_token_hint, and not both.");
        User? user;
        if (idToken is not null)
        {
            if ((await idTokens.ReadAsync(idToken, configuration).ConfigureAwait(false)).Refused(out error, out var identity)) return error;
            if (identity.ClientId != client.Id) return OAuthError.InvalidRequest("The id_token_hint was issued to another client; send one that this client got.");
            user = await idTokens.FindSubjectAsync(identity, client, configuration.Keys).ConfigureAwait(false) is { } subject
                ? await database.ReadAsync(sql => Users.FindAsync(sql, subject)).ConfigureAwait(false)
                : null;
        }
        else
        {
            user = users.Normalise(hint!) is { } loginName
                ? await database.ReadAsync(async sql =>
                    await Users.FindByLoginNameAsync(sql, loginName).ConfigureAwait(false) ?? await Users.FindAsync(sql, hint!).ConfigureAwait(false)).ConfigureAwait(false)
                : null;
        }

        return user is null or { DisabledAt: not null }
            ? OAuthError.UnknownUserId("The hint names nobody who has an account here.")
            : new Asked(user, access, message, client.Metadata.BackchannelTokenDeliveryMode == "ping" ? token : null, lifetime);
    }

    // What could turn the text around, or hide in it: the person is to compare what they see.
    private static bool IsUnshowable(System.Text.Rune rune) => System.Text.Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate;

    private static bool IsTokenCharacter(char character) => char.IsAsciiLetterOrDigit(character) || character is '-' or '.' or '_' or '~' or '+' or '/' or '=';

    private sealed record Asked(User User, RequestedAccess Access, string? BindingMessage, string? NotificationToken, int LifetimeSeconds)
    {
        public override string ToString() => $"backchannel request for {Access.Scope}";
    }
}
