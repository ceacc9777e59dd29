using System.Security.Cryptography;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.TokenStatus;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// The device code grant, RFC 8628 section 3.4: the device polls until a person has decided. Its grant outlives the session in which the person
/// agreed, since the device is not the browser that signs out.
/// </summary>
internal sealed class DeviceCodeGrant(ServerOptions options, Database database, TokenIssuer issuer, StatusIndexes statusIndexes) : IGrant
{
    /// <summary>How much the interval grows with every poll that comes too early (RFC 8628 section 3.5).</summary>
    private const int SlowDownSeconds = 5;

    // A device that waits exactly its interval must not be told off because the network was faster this time.
    private const int ToleranceMilliseconds = 500;

    public string GrantType => GrantTypes.DeviceCode;

    public async ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request)
    {
        // 1. The code, and whether it is this client's. To everybody else it is no code at all.
        if (request.Parameters[ParameterNames.DeviceCode] is not { } deviceCode)
            return OAuthError.InvalidRequest("The parameter device_code is missing; send the one that the device authorization endpoint gave.");
        var hash = DeviceCodes.Hash(deviceCode);
        var (code, user) = await database.ReadAsync(async sql =>
        {
            var found = await DeviceCodes.FindAsync(sql, hash).ConfigureAwait(false);
            return (found, found?.Subject is { } subject ? await Users.FindAsync(sql, subject).ConfigureAwait(false) : null);
        }).ConfigureAwait(false);
        if (code is null || code.ClientId != request.Client.Id || code.Status == DeviceCodeStatus.Used || !CryptographicOperations.FixedTimeEquals(code.CodeHash, hash))
            return OAuthError.InvalidGrant("The device code is unknown, was used already, or belongs to another client.");

        if (code.CreatedAt < request.Client.NotBefore) return OAuthError.InvalidGrant("The device code was made before all that was granted to the client was revoked; ask for a new one.");

        // 2. What the person said.
        if (request.Now >= code.ExpiresAt) return OAuthError.ExpiredToken("The time of the device code is over; ask for a new one.");
        if (code.Status == DeviceCodeStatus.Denied) return OAuthError.AccessDenied("The person denied the request.");
        if (code.Status != DeviceCodeStatus.Approved) return await WaitAsync(code, request.Now).ConfigureAwait(false);

        // 3. Approved: for whom, and for what of it now.
        if (user is null or { DisabledAt: not null }) return OAuthError.AccessDenied("The account of the person who agreed is closed.");
        var granted = ScopeSet.Of(code.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        IReadOnlyList<string> resources = code.Resources.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var requested = request.Parameters.All(ParameterNames.Resource);
        if (ResourceSelection.Narrow(request.Configuration, granted, resources, granted, requested).Refused(out var error, out var selection)) return error;

        // 4. Used up and turned into a grant in one transaction; of many at once, one gets here.
        var refreshes = request.Client.Metadata.Allows(GrantTypes.RefreshToken);
        var grant = new Grant
        {
            Id = code.GrantId!.Value,
            ClientId = request.Client.Id,
            Subject = user.Subject,
            Terms = new GrantTerms(code.Scope, resources, code.Acr, code.Amr?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? []),
            Generation = refreshes ? 1 : 0,
            RotatedAt = request.Now,
            IdleSeconds = (int)options.RefreshTokenIdleLifetime.TotalSeconds,
            KeyThumbprint = request.RefreshConfirmation?.KeyThumbprint,
            CertificateThumbprint = request.RefreshConfirmation?.CertificateThumbprint,
            AuthTime = code.AuthTime!.Value,
            CreatedAt = request.Now,
            ExpiresAt = request.Now + (refreshes
                ? (long)options.RefreshTokenAbsoluteLifetime.TotalMilliseconds
                : issuer.AccessTokenLifetime(selection.Resources, request.Client) * 1000L),
            StatusIndex = statusIndexes.Take(),
        };
        var won = await database.WriteAsync(async sql =>
        {
            if (!await DeviceCodes.UseAsync(sql, hash, request.Now).ConfigureAwait(false)) return false;
            if (!await Grants.InsertAsync(sql, grant).ConfigureAwait(false)) return false;
            await AuditLog.AppendAsync(sql, request.Audit with
            {
                Event = AuditEvents.GrantCreated,
                Subject = user.Subject,
                // Scopes hold nothing that JSON escapes (RFC 6749 section 3.3).
                Detail = $$"""{"grant":"{{grant.Id}}","scope":"{{code.Scope}}"}""",
            }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        if (!won) return OAuthError.InvalidGrant("The device code was used already.");

        return new Issuance
        {
            User = user,
            Grant = grant,
            Scope = selection.Scope,
            Resources = selection.Resources,
            RefreshGeneration = refreshes ? grant.Generation : null,
            WithIdToken = granted.Contains(Scopes.OpenId),
            IsOneTime = true,
        };
    }

    private async ValueTask<OAuthError> WaitAsync(DeviceCode code, long now)
    {
        var early = code.PolledAt is { } last && now < last + code.IntervalSeconds * 1000L - ToleranceMilliseconds;
        var interval = early ? code.IntervalSeconds + SlowDownSeconds : code.IntervalSeconds;
        await database.WriteAsync(async sql =>
        {
            await DeviceCodes.NotePollAsync(sql, code.CodeHash, interval, now).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return early
            ? OAuthError.SlowDown($"The device polls too often; wait {interval} seconds between polls from now on.")
            : OAuthError.AuthorizationPending($"The person has not decided yet; ask again in {interval} seconds.");
    }
}
