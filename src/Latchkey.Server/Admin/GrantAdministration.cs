using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with grants: what people gave clients.</summary>
/// <param name="database">Where the grants are kept.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class GrantAdministration(Database database, TimeProvider clock, string actor)
{
    /// <summary>Grants, newest first.</summary>
    /// <param name="subject">Only this user's, if set.</param>
    /// <param name="clientId">Only to this client, if set.</param>
    /// <param name="limit">How many at most.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<Grant>> ListAsync(string? subject, string? clientId, int limit) => database.ReadAsync(async sql => subject is null
        ? await Grants.ListAsync(sql, clientId, limit).ConfigureAwait(false)
        : [.. (await Grants.ListByUserAsync(sql, subject).ConfigureAwait(false)).Where(grant => clientId is null || grant.ClientId == clientId).Take(limit)]);

    /// <summary>Finds a grant by its id.</summary>
    /// <exception cref="AdministrationException">There is no such grant.</exception>
    public async ValueTask<Grant> FindAsync(string id) =>
        RowId.Parse(id) is { } row && await database.ReadAsync(sql => Grants.FindAsync(sql, row)).ConfigureAwait(false) is { } grant
            ? grant
            : throw new AdministrationException($"There is no grant {id}; see latchkey grant list.");

    /// <summary>Ends every grant that was given until now, and the access tokens that clients got for themselves, in one write however many there are.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; nothing was changed.</exception>
    public async Task RevokeAllAsync()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.SetNotBeforeAsync(sql, now).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, new AuditEvent { At = now, Event = AuditEvents.GrantsRevoked, Actor = actor, Detail = AdminDetail.Of(RevocationReasons.Operator) })
                .ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>What a grant is worth now: <c>alive</c>, <c>revoked</c> (or its client's grants were) or <c>expired</c>.</summary>
    /// <param name="grant">The grant.</param>
    /// <param name="client">Its client, with the server-wide limit in its own; null if it is gone.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static string StateOf(Grant grant, ClientRow? client, long now) =>
        grant.RevokedAt is not null || client is null || grant.CreatedAt < client.NotBefore ? "revoked" : grant.IsAlive(now) ? "alive" : "expired";

    /// <summary>Ends a grant: its refresh token is dead, its access tokens are wherever servers ask.</summary>
    /// <returns>False if it was over already.</returns>
    /// <exception cref="AdministrationException">There is no such grant.</exception>
    public async Task<bool> RevokeAsync(string id)
    {
        var grant = await FindAsync(id).ConfigureAwait(false);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        return await database.WriteAsync(async sql =>
        {
            if (!await Grants.RevokeAsync(sql, grant.Id, RevocationReasons.Operator, now).ConfigureAwait(false)) return false;
            await AuditLog.AppendAsync(sql, new AuditEvent
            {
                At = now,
                Event = AuditEvents.GrantRevoked,
                Actor = actor,
                Subject = grant.Subject,
                ClientId = grant.ClientId,
                Detail = AdminDetail.Of(RevocationReasons.Operator, ("grant", grant.Id.ToString())),
            }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }
}
