using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Diagnostics;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// RFC 6749 section 6 with rotation (RFC 9700 section 4.14.2): one row per grant, one compare-and-swap per use. A client whose answer was lost may
/// try again within the leeway and gets the very same successor; anything else that comes twice ends the grant.
/// </summary>
internal sealed class RefreshTokenGrant(ServerOptions options, Database database) : IGrant
{
    private const long TouchInterval = 5 * 60 * 1000;

    private readonly long _leeway = (long)options.RefreshTokenLeeway.TotalMilliseconds;

    public string GrantType => GrantTypes.RefreshToken;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        var (parameters, client, configuration, now) = (request.Parameters, request.Client, request.Configuration, request.Now);
        if (parameters[ParameterNames.RefreshToken] is not { } text) return OAuthError.InvalidRequest("refresh_token is missing.");
        if (RefreshToken.Read(configuration.Keys, text) is not { } token)
        {
            ServerTelemetry.RefreshForged();
            return Unknown;
        }

        if (await database.FindGrantAsync(token.GrantId).ConfigureAwait(false) is not var (grant, user, session)) return Unknown;
        if (grant.ClientId != client.Id || grant.Generation == 0) return Unknown;
        if (!grant.IsAlive(now) || grant.CreatedAt < client.NotBefore || user is null or { DisabledAt: not null }) return Over;
        if (grant.SessionId is not null && session?.IsAlive(now) != true) return Over;

        if (CheckConfirmation(grant, request) is { } otherKey) return otherKey;

        // Everything that can be wrong with the request is found before the token is used up.
        if (ScopeSet.Parse(grant.Terms.Scope).Refused(out var error, out var granted)) return error;
        var scope = granted;
        if (parameters[ParameterNames.Scope] is { } asked)
        {
            if (ScopeSet.Parse(asked).Refused(out error, out scope)) return error;
            if (!scope.IsSubsetOf(granted)) return OAuthError.InvalidScope("The scope is wider than what was granted; ask for more at the authorization endpoint.");
        }

        if (ResourceSelection.Narrow(configuration, granted, grant.Terms.Resources, scope, parameters.All(ParameterNames.Resource)).Refused(out error, out var selection))
            return error;

        if (RequestedDetails.Granted(grant.Terms.AuthorizationDetails, configuration)
            .Narrow(parameters[ParameterNames.AuthorizationDetails], selection.Resources, client, configuration).Refused(out error, out var details)) return error;

        var keeps = client.Metadata is { RefreshTokenRotation: "keep", IsPublic: false };
        if ((await UseAsync(token, grant, keeps, request).ConfigureAwait(false)).Refused(out error, out var use)) return error;
        return new Issuance
        {
            User = user,
            Grant = grant,
            Scope = selection.Scope,
            Resources = selection.Resources,
            AuthorizationDetails = details.Json,
            RefreshGeneration = use.Generation,
            WithIdToken = client.Metadata.IdTokenOnRefresh && selection.Scope.Contains(Scopes.OpenId),
            SessionId = grant.SessionId,
            IsOneTime = use.IsOneTime,
        };
    }

    /// <summary>Whether the request proves the key or the certificate that the refresh token is bound to; a retry within the leeway no less.</summary>
    private static OAuthError? CheckConfirmation(Grant grant, TokenRequest request)
    {
        if (grant.KeyThumbprint is { } key && request.Confirmation?.KeyThumbprint != key)
        {
            return request.Confirmation?.KeyThumbprint is null
                ? OAuthError.InvalidDPoPProof("The refresh token is bound to a key, and the request has no DPoP header; send a proof of the key that it was given for.")
                : OAuthError.InvalidGrant("The refresh token is bound to another key than the proof's; sign the proof with the key that it was given for.");
        }

        return grant.CertificateThumbprint is { } certificate && request.Confirmation?.CertificateThumbprint != certificate
            ? OAuthError.InvalidGrant("The refresh token is bound to another certificate than that of the connection; connect with the one that it was given for.")
            : null;
    }

    private static OAuthError Unknown => OAuthError.InvalidGrant("The refresh token is not one that was given to this client.");

    private static OAuthError Over => OAuthError.InvalidGrant("The refresh token is no longer valid; start again at the authorization endpoint.");

    private static OAuthError Reused => OAuthError.InvalidGrant("The refresh token was used before, so its grant has been revoked; start again at the authorization endpoint.");

    /// <summary>Uses the token up.</summary>
    /// <returns>What came of it, or the error.</returns>
    private async ValueTask<Result<Use>> UseAsync(RefreshToken token, Grant grant, bool keeps, TokenRequest request)
    {
        if (keeps && token.Generation == grant.Generation)
        {
            if (request.Now - grant.RotatedAt > TouchInterval)
                await database.WriteAsync(sql => Grants.TouchAsync(sql, grant.Id, request.Now)).ConfigureAwait(false);
            return new Use(token.Generation, false);
        }

        // A retry needs no write, and must get none: the successor stays as unused as it was.
        if (IsRetry(token, grant, request.Now)) return new Use(grant.Generation, false);
        // A public client that begins to prove a key: what it is given from now on is bound to it.
        var binds = request.RefreshConfirmation is { } confirmation
            && ((grant.KeyThumbprint is null && confirmation.KeyThumbprint is not null) || (grant.CertificateThumbprint is null && confirmation.CertificateThumbprint is not null));
        if (!binds && token.Generation == grant.Generation && await database.RotateAsync(token.GrantId, token.Generation, request.Now).ConfigureAwait(false))
            return new Use(token.Generation + 1, true);
        return await database.WriteAsync(async sql =>
        {
            var outcome = await RotateAsync(sql, token, request).ConfigureAwait(false);
            if (binds && outcome.Error is null)
                await Grants.BindAsync(sql, grant.Id, request.RefreshConfirmation!.KeyThumbprint, request.RefreshConfirmation.CertificateThumbprint).ConfigureAwait(false);
            return outcome;
        }).ConfigureAwait(false);
    }

    private bool IsRetry(RefreshToken token, Grant grant, long now) => token.Generation == grant.Generation - 1 && now < grant.RotatedAt + _leeway;

    private async ValueTask<Result<Use>> RotateAsync(SqlSession sql, RefreshToken token, TokenRequest request)
    {
        if (await Grants.RotateAsync(sql, token.GrantId, token.Generation, request.Now).ConfigureAwait(false)) return new Use(token.Generation + 1, true);

        // It was not the current one. Another request may have been faster since the grant was read, so the row is judged as it is now.
        if (await Grants.FindAsync(sql, token.GrantId).ConfigureAwait(false) is not { } grant || !grant.IsAlive(request.Now)) return Over;
        // That request may have bound it, too.
        if (CheckConfirmation(grant, request) is { } otherKey) return otherKey;
        if (IsRetry(token, grant, request.Now)) return new Use(grant.Generation, false);
        return token.Generation > grant.Generation
            ? await FollowAsync(sql, token, grant, request).ConfigureAwait(false)
            : await EndAsync(sql, token, grant, request).ConfigureAwait(false);
    }

    // The MAC is ours and the row is behind: this database has lost a write that was acknowledged. The client is right, the operator must know.
    private static async ValueTask<Result<Use>> FollowAsync(SqlSession sql, RefreshToken token, Grant grant, TokenRequest request)
    {
        if (token.Generation == int.MaxValue || !await Grants.FastForwardAsync(sql, grant.Id, token.Generation + 1, request.Now).ConfigureAwait(false)) return Over;
        await AuditLog.AppendAsync(
            sql, Event(request, grant, AuditEvents.RefreshFromFuture) with { Outcome = AuditOutcomes.Failed, Detail = Detail(token, grant) }).ConfigureAwait(false);
        ServerTelemetry.RefreshFromFuture();
        return new Use(token.Generation + 1, true);
    }

    private static async ValueTask<Result<Use>> EndAsync(SqlSession sql, RefreshToken token, Grant grant, TokenRequest request)
    {
        // Of several who see the reuse at once one ends the grant and tells of it.
        if (!await Grants.RevokeAsync(sql, grant.Id, RevocationReasons.RefreshReuse, request.Now).ConfigureAwait(false)) return Over;
        await AuditLog.AppendAsync(
            sql, Event(request, grant, AuditEvents.RefreshReuse) with { Outcome = AuditOutcomes.Refused, Detail = Detail(token, grant) }).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, Event(request, grant, AuditEvents.GrantRevoked) with
        {
            Actor = "server",
            Detail = $"{{\"grant\":\"{grant.Id}\",\"reason\":\"{RevocationReasons.RefreshReuse}\"}}",
        }).ConfigureAwait(false);
        ServerTelemetry.RefreshReused();
        return Reused;
    }

    private static AuditEvent Event(TokenRequest request, Grant grant, string name) => request.Audit with { Event = name, Subject = grant.Subject };

    private static string Detail(RefreshToken token, Grant grant) =>
        $"{{\"grant\":\"{grant.Id}\",\"presented\":{token.Generation},\"current\":{grant.Generation}}}";

    /// <summary>What came of using a token.</summary>
    /// <param name="Generation">The generation to hand out.</param>
    /// <param name="IsOneTime">Whether the token can't be used so again: one that is kept, or tried again within the leeway, can.</param>
    private readonly record struct Use(int Generation, bool IsOneTime);
}
