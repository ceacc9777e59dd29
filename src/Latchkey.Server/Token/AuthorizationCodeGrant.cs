using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Authorize;
using Latchkey.Server.SenderConstraint;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// RFC 6749 section 4.1.3 with PKCE. A code works once: redeeming it inserts the grant whose id it carries. A request that is wrong in anything uses
/// nothing up; one that is right in everything but comes again ends what the code gave.
/// </summary>
internal sealed class AuthorizationCodeGrant(ServerOptions options, Database database, TokenIssuer issuer, StatusIndexes statusIndexes) : IGrant
{
    public string GrantType => GrantTypes.AuthorizationCode;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        var (parameters, client, configuration, now) = (request.Parameters, request.Client, request.Configuration, request.Now);
        if (parameters[ParameterNames.Code] is not { } text) return OAuthError.InvalidRequest("code is missing.");
        if (AuthorizationCode.Open(configuration.Keys, text) is not { } code
            || code.ClientId != client.Id
            || RowId.Parse(code.GrantId) is not { } grantId
            || RowId.Parse(code.SessionId) is not { } sessionId) return Unknown;
        if (now >= code.IssuedAt + (long)options.AuthorizationCodeLifetime.TotalMilliseconds)
            return OAuthError.InvalidGrant("The code has expired; redeem it as soon as it arrives.");
        if (code.IssuedAt < client.NotBefore) return Unknown;
        if (CheckRedirectUri(parameters[ParameterNames.RedirectUri], code, request) is { } misled) return misled;
        if (CheckVerifier(parameters[ParameterNames.CodeVerifier], code) is { } unproven) return unproven;
        if (CheckKey(request.Confirmation, code) is { } otherKey) return otherKey;
        if (ScopeSet.Parse(code.Scope).Refused(out var error, out var granted)) return error;
        if (ResourceSelection.Narrow(configuration, granted, code.Resources, granted, parameters.All(ParameterNames.Resource)).Refused(out error, out var selection))
            return error;

        if (RequestedDetails.Granted(code.AuthorizationDetails, configuration)
            .Narrow(parameters[ParameterNames.AuthorizationDetails], selection.Resources, client, configuration).Refused(out error, out var details)) return error;

        if (await database.ReadAsync(sql => Sessions.FindWithUserAsync(sql, sessionId)).ConfigureAwait(false) is not var (session, user)
            || user is null or { DisabledAt: not null } || user.Subject != code.Subject) return Over;

        var grant = NewGrant(request, code, grantId, session, selection);
        var outcome = await database.WriteAsync(sql => RedeemOnceAsync(sql, grant, sessionId, request)).ConfigureAwait(false);
        return outcome switch
        {
            Outcome.Redeemed => new Issuance
            {
                User = user,
                Grant = grant,
                Scope = selection.Scope,
                Resources = selection.Resources,
                RefreshGeneration = grant.Generation > 0 ? grant.Generation : null,
                WithIdToken = granted.Contains(Scopes.OpenId),
                AuthorizationDetails = details.Json,
                Nonce = code.Nonce,
                SessionId = sessionId,
                IsOneTime = true,
            },
            Outcome.Replayed => OAuthError.InvalidGrant("The code was redeemed before; what it gave has been revoked."),
            _ => Over,
        };
    }

    private static OAuthError Unknown => OAuthError.InvalidGrant("The code is not one that was given to this client, or no longer valid.");

    private static OAuthError Over => OAuthError.InvalidGrant("The sign-in that the code came from is over; start again at the authorization endpoint.");

    private Grant NewGrant(TokenRequest request, AuthorizationCode code, RowId grantId, Session session, ResourceSelection selection)
    {
        var (client, now) = (request.Client, request.Now);
        var refreshable = client.Metadata.Allows(GrantTypes.RefreshToken);
        var outlives = refreshable && (client.Metadata.IsNative || client.IsSelfRegistered || HasOfflineAccess(code.Scope));
        var expires = now + (refreshable
            ? (long)options.RefreshTokenAbsoluteLifetime.TotalMilliseconds
            : issuer.AccessTokenLifetime(selection.Resources, client) * 1000L);
        return new Grant
        {
            Id = grantId,
            ClientId = client.Id,
            Subject = code.Subject,
            SessionId = outlives ? null : session.Id,
            Terms = new GrantTerms(code.Scope, code.Resources, code.Acr, code.Amr, code.Claims) { AuthorizationDetails = code.AuthorizationDetails },
            Generation = refreshable ? 1 : 0,
            RotatedAt = now,
            IdleSeconds = (int)options.RefreshTokenIdleLifetime.TotalSeconds,
            KeyThumbprint = request.RefreshConfirmation?.KeyThumbprint,
            CertificateThumbprint = request.RefreshConfirmation?.CertificateThumbprint,
            AuthTime = code.AuthTime,
            CreatedAt = now,
            ExpiresAt = outlives ? expires : Math.Min(expires, session.ExpiresAt),
            StatusIndex = statusIndexes.Take(),
        };
    }

    private static bool HasOfflineAccess(string scope) => scope.Split(' ').Contains(Scopes.OfflineAccess);

    private static OAuthError? CheckRedirectUri(string? sent, AuthorizationCode code, TokenRequest request)
    {
        if (sent is null)
        {
            // PKCE ties the code to its request already (OAuth 2.1 section 10.2); without it the redirect URI has to (RFC 6749 section 4.1.3).
            return code.CodeChallenge is null && code.RedirectUri is not null
                ? OAuthError.InvalidRequest("redirect_uri is missing; send the one of the authorization request.")
                : null;
        }

        var right = code.RedirectUri is { } uri ? sent == uri : request.Client.HasRedirectUri(sent);
        return right ? null : OAuthError.InvalidGrant("redirect_uri is not the one of the authorization request.");
    }

    private static OAuthError? CheckVerifier(string? verifier, AuthorizationCode code)
    {
        if (code.CodeChallenge is not { } challenge)
        {
            // Whoever strips the challenge from a request must not have its verifier ignored (RFC 9700 section 2.1.1).
            return verifier is null ? null : OAuthError.InvalidGrant("code_verifier was sent, but the authorization request had no code_challenge.");
        }

        if (verifier is null) return OAuthError.InvalidGrant("code_verifier is missing.");
        return Pkce.IsVerifier(verifier) && Pkce.Verify(verifier, challenge)
            ? null
            : OAuthError.InvalidGrant("code_verifier does not match the code_challenge of the authorization request.");
    }

    // RFC 9449 section 10: the code is good only with a proof of the key that the authorization request named.
    private static OAuthError? CheckKey(Confirmation? confirmation, AuthorizationCode code)
    {
        if (code.DPoPKeyThumbprint is not { } bound || confirmation?.KeyThumbprint == bound) return null;
        return confirmation?.KeyThumbprint is null
            ? OAuthError.InvalidDPoPProof("The code is bound to a key (dpop_jkt), and the request has no DPoP header; send a proof of that key.")
            : OAuthError.InvalidGrant("The code is bound to another key than the proof's; sign the proof with the key that dpop_jkt named.");
    }

    private static async ValueTask<Outcome> RedeemOnceAsync(SqlSession sql, Grant grant, RowId sessionId, TokenRequest request)
    {
        var isAlive = await Sessions.FindForUpdateAsync(sql, sessionId).ConfigureAwait(false) is { } session && session.IsAlive(request.Now);
        if (isAlive && await Grants.InsertAsync(sql, grant).ConfigureAwait(false))
        {
            await Sessions.AddClientAsync(sql, sessionId, grant.ClientId).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, Event(request, grant, AuditEvents.GrantCreated) with { Detail = Detail(grant, "scope", grant.Terms.Scope) }).ConfigureAwait(false);
            return Outcome.Redeemed;
        }

        if (!isAlive && await Grants.FindAsync(sql, grant.Id).ConfigureAwait(false) is null) return Outcome.SessionOver;

        await AuditLog.AppendAsync(
            sql, Event(request, grant, AuditEvents.CodeReplay) with { Outcome = AuditOutcomes.Refused, Detail = Detail(grant) }).ConfigureAwait(false);
        if (await Grants.RevokeAsync(sql, grant.Id, RevocationReasons.CodeReplay, request.Now).ConfigureAwait(false))
        {
            await AuditLog.AppendAsync(
                sql, Event(request, grant, AuditEvents.GrantRevoked) with { Actor = "server", Detail = Detail(grant, "reason", RevocationReasons.CodeReplay) }).ConfigureAwait(false);
        }

        return Outcome.Replayed;
    }

    private static AuditEvent Event(TokenRequest request, Grant grant, string name) => request.Audit with { Event = name, Subject = grant.Subject };

    private static string Detail(Grant grant) => $"{{\"grant\":\"{grant.Id}\"}}";

    // Scopes and reasons hold nothing that JSON escapes (RFC 6749 section 3.3).
    private static string Detail(Grant grant, string name, string value) => $"{{\"grant\":\"{grant.Id}\",\"{name}\":\"{value}\"}}";

    private enum Outcome
    {
        Redeemed,
        Replayed,
        SessionOver,
    }
}
