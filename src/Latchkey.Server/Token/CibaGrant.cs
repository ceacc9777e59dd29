using System.Security.Cryptography;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// The CIBA grant, OpenID Connect CIBA Core section 10.1: a client asks for the tokens of a request that a person was to decide on the account page.
/// Its grant outlives the session in which the person agreed, since the client is not in that browser.
/// </summary>
internal sealed class CibaGrant(ServerOptions options, Database database, TokenIssuer issuer, StatusIndexes statusIndexes) : IGrant
{
    /// <summary>How much the interval grows with every poll that comes too early (CIBA Core section 11).</summary>
    private const int SlowDownSeconds = 5;

    // A client that waits exactly its interval must not be told off because the network was faster this time.
    private const int ToleranceMilliseconds = 500;

    public string GrantType => GrantTypes.Ciba;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        // 1. The request, and whether it is this client's. To everybody else it is none at all.
        if (request.Parameters[ParameterNames.AuthReqId] is not { } id)
            return OAuthError.InvalidRequest("auth_req_id is missing; send the one that the backchannel authentication endpoint gave.");
        var hash = BackchannelRequests.Hash(id);
        var (waiting, user) = await database.ReadAsync(async sql =>
        {
            var found = await BackchannelRequests.FindAsync(sql, hash).ConfigureAwait(false);
            return (found, found is null ? null : await Users.FindAsync(sql, found.Subject).ConfigureAwait(false));
        }).ConfigureAwait(false);
        if (waiting is null || waiting.ClientId != request.Client.Id || waiting.Status == BackchannelRequestStatus.Used
            || waiting.CreatedAt < request.Client.NotBefore || !CryptographicOperations.FixedTimeEquals(waiting.IdHash, hash))
            return OAuthError.InvalidGrant("The auth_req_id is unknown, was used already, or belongs to another client.");

        // 2. What the person said.
        if (request.Now >= waiting.ExpiresAt) return OAuthError.ExpiredToken("The time of the request is over; make a new one.");
        if (waiting.Status == BackchannelRequestStatus.Denied) return OAuthError.AccessDenied("The person denied the request.");
        if (waiting.Status != BackchannelRequestStatus.Approved) return await WaitAsync(waiting, request.Now).ConfigureAwait(false);

        // 3. Approved: for what of it now.
        if (user is null or { DisabledAt: not null }) return OAuthError.AccessDenied("The account of the person who agreed is closed.");
        var granted = ScopeSet.Of(waiting.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        IReadOnlyList<string> resources = waiting.Resources.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var requested = request.Parameters.All(ParameterNames.Resource);
        if (ResourceSelection.Narrow(request.Configuration, granted, resources, granted, requested).Refused(out var error, out var selection)) return error;

        // 4. Used up and turned into a grant in one transaction; of many at once, one gets here.
        var refreshes = request.Client.Metadata.Allows(GrantTypes.RefreshToken);
        var grant = new Grant
        {
            Id = waiting.GrantId!.Value,
            ClientId = request.Client.Id,
            Subject = user.Subject,
            Terms = new GrantTerms(waiting.Scope, resources, waiting.Acr, waiting.Amr?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? []),
            Generation = refreshes ? 1 : 0,
            RotatedAt = request.Now,
            IdleSeconds = (int)options.RefreshTokenIdleLifetime.TotalSeconds,
            KeyThumbprint = request.RefreshConfirmation?.KeyThumbprint,
            CertificateThumbprint = request.RefreshConfirmation?.CertificateThumbprint,
            AuthTime = waiting.AuthTime!.Value,
            CreatedAt = request.Now,
            ExpiresAt = request.Now + (refreshes
                ? (long)options.RefreshTokenAbsoluteLifetime.TotalMilliseconds
                : issuer.AccessTokenLifetime(selection.Resources, request.Client) * 1000L),
            StatusIndex = statusIndexes.Take(),
        };
        var won = await database.WriteAsync(async sql =>
        {
            if (!await BackchannelRequests.UseAsync(sql, hash, request.Now).ConfigureAwait(false)) return false;
            if (!await Grants.InsertAsync(sql, grant).ConfigureAwait(false)) return false;
            await AuditLog.AppendAsync(sql, request.Audit with
            {
                Event = AuditEvents.GrantCreated,
                Subject = user.Subject,
                // Scopes hold nothing that JSON escapes (RFC 6749 section 3.3).
                Detail = $$"""{"grant":"{{grant.Id}}","scope":"{{waiting.Scope}}"}""",
            }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        if (!won) return OAuthError.InvalidGrant("The auth_req_id was used already.");

        return new Issuance
        {
            User = user,
            Grant = grant,
            Scope = selection.Scope,
            Resources = selection.Resources,
            RefreshGeneration = refreshes ? grant.Generation : null,
            WithIdToken = true,
            IsOneTime = true,
        };
    }

    private async ValueTask<OAuthError> WaitAsync(BackchannelRequest waiting, long now)
    {
        var early = waiting.PolledAt is { } last && now < last + waiting.IntervalSeconds * 1000L - ToleranceMilliseconds;
        var interval = early ? waiting.IntervalSeconds + SlowDownSeconds : waiting.IntervalSeconds;
        await database.WriteAsync(async sql =>
        {
            await BackchannelRequests.NotePollAsync(sql, waiting.IdHash, interval, now).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return early
            ? OAuthError.SlowDown($"The client polls too often; wait {interval} seconds between polls from now on.")
            : OAuthError.AuthorizationPending($"The person has not decided yet; ask again in {interval} seconds.");
    }
}
