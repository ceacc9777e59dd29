using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Storage;

namespace Latchkey.Server.Logout;

/// <summary>What a logout token tells a client, as it waits in the outbox; the token itself is made when it is sent.</summary>
/// <param name="ClientId">Whom to tell.</param>
/// <param name="Sub">Whose session ended.</param>
/// <param name="Sid">Which session ended.</param>
internal sealed record LogoutEndedSession(string ClientId, string Sub, string Sid);

/// <summary>Ends sessions with all that hangs on them. Every way out (logout, password change, the operator) goes through here.</summary>
internal static class SessionEnding
{
    /// <summary>
    /// Ends a session inside the caller's transaction: the row, the grants that end with it, a message to each of its clients that takes logout
    /// tokens (OpenID Connect Back-Channel Logout section 2.5), and the audit.
    /// </summary>
    /// <param name="sql">The transaction.</param>
    /// <param name="session">The session.</param>
    /// <param name="reason">Why, for the audit.</param>
    /// <param name="audit">The event to complete: its name, address, request and actor are the caller's.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <returns>The session's clients; null if the session was over already, and nothing was done then.</returns>
    public static async ValueTask<EndedSession?> EndAsync(SqlSession sql, Session session, string reason, AuditEvent audit, long now)
    {
        if (!await Sessions.EndAsync(sql, session.Id, now).ConfigureAwait(false)) return null;
        var revoked = await Grants.RevokeBySessionAsync(sql, session.Id, session.Subject, now).ConfigureAwait(false);

        List<string> told = [], notTold = [], frames = [];
        foreach (var clientId in await Sessions.ClientsAsync(sql, session.Id).ConfigureAwait(false))
        {
            // Read in the transaction, not from a node's snapshot, so that the command line can end sessions as well.
            var client = await Clients.FindAsync(sql, clientId).ConfigureAwait(false);
            if (client is { Metadata.FrontchannelLogoutUri: not null }) frames.Add(clientId);
            if (client is not { Metadata.BackchannelLogoutUri: not null })
            {
                notTold.Add(clientId);
                continue;
            }

            var message = new LogoutEndedSession(clientId, session.Subject, session.Id.ToString());
            await Outbox.AddAsync(sql, Outbox.BackchannelLogout, clientId, JsonSerializer.Serialize(message, LogoutJson.Default.LogoutEndedSession), now).ConfigureAwait(false);
            told.Add(clientId);
        }

        var detail = new SessionEndDetail(session.Id.ToString(), reason, revoked, told);
        await AuditLog.AppendAsync(sql, audit with
        {
            Subject = session.Subject,
            Detail = JsonSerializer.Serialize(detail, LogoutJson.Default.SessionEndDetail),
        }).ConfigureAwait(false);
        return new(told, notTold, frames);
    }

    /// <summary>Ends every session of a user inside the caller's transaction, and forgets nothing of what <see cref="EndAsync"/> does.</summary>
    public static async ValueTask EndAllAsync(SqlSession sql, string subject, string reason, AuditEvent audit, long now)
    {
        foreach (var session in await Sessions.ListByUserAsync(sql, subject, now).ConfigureAwait(false))
            await EndAsync(sql, session, reason, audit with { Event = AuditEvents.SessionEnded }, now).ConfigureAwait(false);
    }
}

/// <summary>The clients of a session that was ended.</summary>
/// <param name="Told">Those that will be sent a logout token.</param>
/// <param name="NotTold">Those that take none: the person may still be signed in there.</param>
/// <param name="InFrames">Those of either kind that the person's browser can tell (OpenID Connect Front-Channel Logout).</param>
internal sealed record EndedSession(IReadOnlyList<string> Told, IReadOnlyList<string> NotTold, IReadOnlyList<string> InFrames)
{
    /// <summary>A session without clients.</summary>
    public static EndedSession Alone { get; } = new([], [], []);
}

/// <summary>What the audit says of the end of a session.</summary>
internal sealed record SessionEndDetail(string Sid, string Reason, int GrantsRevoked, IReadOnlyList<string> ClientsTold);

/// <summary>What the audit says of a logout token or a ping that was sent.</summary>
internal sealed record LogoutDelivery(string? Sid, int Tries, string Answer, long? NextTryAt);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LogoutEndedSession))]
[JsonSerializable(typeof(SessionEndDetail))]
[JsonSerializable(typeof(LogoutDelivery))]
internal sealed partial class LogoutJson : JsonSerializerContext;
