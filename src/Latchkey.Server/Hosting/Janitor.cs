using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;
using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Hosting;

/// <summary>
/// Removes rows whose time is long over, a few at a time, so that no request waits behind it: each step is queued like any other write. A round goes
/// on until nothing is left, so that rows can't come faster than they go. What it has not got round to is harmless: every statement that reads such
/// a row looks at its end.
/// </summary>
internal sealed partial class Janitor(
    ServerOptions options, ConfigurationSource source, Database database, TimeProvider clock, ILogger<Janitor> logger) : BackgroundService
{
    private const int StepSize = 32;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    // A look at grants reads this many rows at once, and so many looks make a round: 14 million grants a day, for a few milliseconds a minute.
    private const int LookSize = 500;
    private const int LooksPerRound = 10;

    private static readonly TimeSpan GrantsAfter = TimeSpan.FromDays(30);

    // How long each kind stays after its end: a grant as long as a person or an operator may ask what became of it, a device code as long as
    // its device may still poll and deserves to hear expired_token.
    private readonly (Func<SqlSession, long, int, ValueTask<int>> Prune, TimeSpan After)[] _kinds =
    [
        (ReplayGuard.PruneAsync, TimeSpan.FromMinutes(1)),
        (RevokedTokens.PruneAsync, TimeSpan.FromMinutes(1)),
        (PushedRequests.PruneAsync, TimeSpan.FromMinutes(1)),
        (DeviceCodes.PruneAsync, TimeSpan.FromHours(1)),
        (BackchannelRequests.PruneAsync, TimeSpan.FromHours(1)),
        (Sessions.PruneAsync, TimeSpan.FromDays(7)),
        (Grants.PruneAsync, GrantsAfter),
        (AuditLog.PruneAsync, options.AuditRetention),
        // A client that registered itself and that nobody used has a week; a document that nobody asked for has longer than any grant lives.
        (RegisteredClients.PruneAsync, TimeSpan.FromDays(7)),
        (ClientDocuments.PruneAsync, TimeSpan.FromDays(400)),
    ];

    // Where the last look at grants ended.
    private RowId? _lastGrant;

    /// <summary>One round over all kinds.</summary>
    /// <returns>How many rows went.</returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public async Task<int> SweepAsync(CancellationToken cancellation = default)
    {
        var removed = 0;
        // A revoked index counts until the last token that has it expired.
        var tokens = KeyKeeper.LongestTokenLifetime(options, source.Current.Resources, source.Current.Clients.Select(client => client.Metadata)) + TimeSpan.FromHours(1);
        foreach (var (prune, after) in _kinds.Append((StatusListIndexes.PruneAsync, tokens)))
        {
            var before = (clock.GetUtcNow() - after).ToUnixTimeMilliseconds();
            while (!cancellation.IsCancellationRequested)
            {
                var count = await database.WriteAsync(sql => prune(sql, before, StepSize)).ConfigureAwait(false);
                removed += count;
                if (count < StepSize) break;
            }
        }

        return removed + await SweepGrantsAsync(cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                try
                {
                    var removed = await SweepAsync(stoppingToken).ConfigureAwait(false);
                    if (removed > 0) LogRemoved(logger, removed);
                }
#pragma warning disable CA1031 // a fault in one round must not end the server; the next one comes
                catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
                {
                    LogLater(logger, exception);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The server stops.
        }
    }

    /// <summary>Walks on through the grants, for those that were revoked or left idle long before their time.</summary>
    private async Task<int> SweepGrantsAsync(CancellationToken cancellation)
    {
        var before = (clock.GetUtcNow() - GrantsAfter).ToUnixTimeMilliseconds();
        var removed = 0;
        for (var look = 0; look < LooksPerRound && !cancellation.IsCancellationRequested; look++)
        {
            var after = _lastGrant;
            var (over, last) = await database.ReadAsync(sql => Grants.FindOverAsync(sql, after, before, LookSize)).ConfigureAwait(false);
            foreach (var step in over.Chunk(StepSize))
            {
                removed += await database.WriteAsync(async sql =>
                {
                    var count = 0;
                    foreach (var id in step) count += await Grants.DeleteOverAsync(sql, id, before).ConfigureAwait(false);
                    return count;
                }).ConfigureAwait(false);
            }

            _lastGrant = last;
            if (last is null) break;
        }

        return removed;
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Count} rows whose time was over were removed")]
    private static partial void LogRemoved(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rows whose time is over could not be removed; it is tried again in half a minute")]
    private static partial void LogLater(ILogger logger, Exception exception);
}
