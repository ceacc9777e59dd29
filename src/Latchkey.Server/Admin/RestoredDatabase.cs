using Latchkey.Server.Keys;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>
/// What must be said to a database that comes from a backup: it does not know what was revoked, redeemed or signed out after that was taken.
/// </summary>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class RestoredDatabase(TimeProvider clock, string actor)
{
    /// <summary>
    /// Makes the codes that are still on their way worthless, since they may have been used already, and ends every grant, access token and session
    /// unless they are to be kept.
    /// </summary>
    /// <param name="database">The restored database, its schema in order.</param>
    /// <param name="takenAt">When the backup was taken, unix milliseconds.</param>
    /// <param name="keepsGrants">Whether grants and sessions live on, also those that were ended after the backup.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be written to.</exception>
    public async Task SettleAsync(Database database, long takenAt, bool keepsGrants)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        await database.WriteAsync(async sql =>
        {
            // What is sealed with this key lives for minutes; the server makes another when it starts.
            foreach (var key in await SigningKeys.ListAsync(sql).ConfigureAwait(false))
                if (key.Purpose == KeyPurposes.AuthorizationCode) await SigningKeys.DeleteAsync(sql, key.KeyId).ConfigureAwait(false);
            await DeviceCodes.DeleteAllAsync(sql).ConfigureAwait(false);
            await BackchannelRequests.DeleteAllAsync(sql).ConfigureAwait(false);
            if (!keepsGrants)
            {
                await ConfigurationVersion.SetNotBeforeAsync(sql, now).ConfigureAwait(false);
                await Sessions.EndAllAsync(sql, now).ConfigureAwait(false);
            }

            await AuditLog.AppendAsync(sql, new AuditEvent
            {
                At = now,
                Event = AuditEvents.DatabaseRestored,
                Actor = actor,
                Detail = AdminDetail.Of(
                    "restored",
                    ("taken_at", DateTimeOffset.FromUnixTimeMilliseconds(takenAt).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture)),
                    ("grants", keepsGrants ? "kept" : "ended")),
            }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }
}
