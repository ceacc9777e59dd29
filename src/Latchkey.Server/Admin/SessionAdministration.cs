using Latchkey.Server.Logout;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with sign-in sessions.</summary>
/// <param name="database">Where the sessions are kept.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class SessionAdministration(Database database, TimeProvider clock, string actor)
{
    /// <summary>Sessions that are alive.</summary>
    /// <param name="subject">Only this user's, if set.</param>
    /// <param name="limit">How many at most.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<Session>> ListAsync(string? subject, int limit) => database.ReadAsync(async sql => subject is null
        ? await Sessions.ListAsync(sql, Now, limit).ConfigureAwait(false)
        : [.. (await Sessions.ListByUserAsync(sql, subject, Now).ConfigureAwait(false)).Take(limit)]);

    /// <summary>A session with the clients that have tokens of it.</summary>
    /// <exception cref="AdministrationException">There is no such session.</exception>
    public async ValueTask<(Session Session, IReadOnlyList<string> Clients)> FindAsync(string id)
    {
        if (RowId.Parse(id) is { } row)
        {
            var (session, clients) = await database.ReadAsync(async sql =>
                (await Sessions.FindAsync(sql, row).ConfigureAwait(false), await Sessions.ClientsAsync(sql, row).ConfigureAwait(false))).ConfigureAwait(false);
            if (session is not null) return (session, clients);
        }

        throw new AdministrationException($"There is no session {id}; see latchkey session list.");
    }

    /// <summary>Ends a session with the grants that hang on it; the running server sends its clients logout tokens.</summary>
    /// <returns>False if it was over already.</returns>
    /// <exception cref="AdministrationException">There is no such session.</exception>
    public async Task<bool> EndAsync(string id)
    {
        var (session, _) = await FindAsync(id).ConfigureAwait(false);
        return await database.WriteAsync(async sql => await SessionEnding.EndAsync(sql, session, RevocationReasons.Operator, Audit(), Now).ConfigureAwait(false) is not null).ConfigureAwait(false);
    }

    /// <summary>Ends every session of a user.</summary>
    /// <returns>How many there were.</returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; nothing was changed.</exception>
    public async Task<int> EndAllAsync(string subject) => await database.WriteAsync(async sql =>
    {
        var count = (await Sessions.ListByUserAsync(sql, subject, Now).ConfigureAwait(false)).Count;
        await SessionEnding.EndAllAsync(sql, subject, RevocationReasons.Operator, Audit(), Now).ConfigureAwait(false);
        return count;
    }).ConfigureAwait(false);

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private AuditEvent Audit() => new() { At = Now, Event = AuditEvents.SessionEnded, Actor = actor };
}
