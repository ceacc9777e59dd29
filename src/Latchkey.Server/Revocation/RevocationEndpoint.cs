using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Token;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Revocation;

/// <summary>
/// Token revocation, RFC 7009: a refresh token ends its grant, an access token dies alone. Whatever the token was, an authenticated client is told that
/// all is well (section 2.2); another client's token stays untouched (section 2.1).
/// </summary>
internal sealed class RevocationEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, AccessTokens accessTokens, StatusIndexes statusIndexes, Database database, Auditor auditor)
{
    private static readonly byte[] Done = "{}"u8.ToArray();

    /// <summary>Answers <c>POST /revoke</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
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

        if (form[ParameterNames.Token] is not { } token)
        {
            await context.WriteErrorAsync(OAuthError.InvalidRequest("token is missing.")).ConfigureAwait(false);
            return;
        }

        var audit = auditor.Event(context, AuditEvents.TokenRevoked) with { Actor = client.Id, ClientId = client.Id };
        // token_type_hint is not needed: a token shows what it is.
        if (RefreshToken.Read(configuration.Keys, token) is { } refreshToken)
            await database.WriteAsync(sql => EndGrantAsync(sql, refreshToken.GrantId, audit)).ConfigureAwait(false);
        else if (await accessTokens.ReadAsync(token, configuration).ConfigureAwait(false) is { } accessToken
            && accessToken.ClientId == client.Id && audit.At < accessToken.ExpiresAt * 1000)
            await database.WriteAsync(sql => KillAsync(sql, accessToken, audit)).ConfigureAwait(false);

        context.NoStore();
        await context.WriteJsonAsync(Done).ConfigureAwait(false);
    }

    private static async ValueTask<bool> EndGrantAsync(SqlSession sql, RowId grantId, AuditEvent audit)
    {
        if (await Grants.FindAsync(sql, grantId).ConfigureAwait(false) is not { } grant || grant.ClientId != audit.ClientId) return false;
        if (!await Grants.RevokeAsync(sql, grantId, RevocationReasons.Client, audit.At).ConfigureAwait(false)) return false;
        await AuditLog.AppendAsync(sql, audit with
        {
            Event = AuditEvents.GrantRevoked,
            Subject = grant.Subject,
            Detail = $"{{\"grant\":\"{grant.Id}\",\"reason\":\"{RevocationReasons.Client}\"}}",
        }).ConfigureAwait(false);
        return true;
    }

    private async ValueTask<bool> KillAsync(SqlSession sql, AccessTokenInfo token, AuditEvent audit)
    {
        if (!await RevokedTokens.AddAsync(sql, token.JwtId, token.ExpiresAt * 1000).ConfigureAwait(false)) return false;
        await StatusListIndexes.RevokeAsync(sql, token.StatusIndex, audit.At).ConfigureAwait(false);
        // All access tokens of a grant share one index: at APIs the others die too, and the next refresh brings one that is good.
        if (token is { GrantId: { } grantId, StatusIndex: { } index })
            await Grants.ReplaceStatusIndexAsync(sql, grantId, index, statusIndexes.Take()).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with
        {
            Subject = token.GrantId is null ? null : token.Subject,
            Detail = $"{{\"jti\":\"{token.JwtId}\"}}",
        }).ConfigureAwait(false);
        return true;
    }
}
