using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Hosting;

/// <summary>
/// Removes rows whose time is long over, a few at a time, so that no request waits behind it. What it has not got round to is harmless: every
/// statement that reads such a row looks at its end.
/// </summary>
internal sealed partial class Janitor(Database database, TimeProvider clock, ILogger<Janitor> logger) : BackgroundService
{
    private const int StepSize = 100;
    private const int StepsPerRound = 200;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    // How long each kind stays after its end: a grant as long as a person or an operator may ask what became of it, a device code as long as
    // its device may still poll and deserves to hear expired_token.
    private static readonly (Func<SqlSession, long, int, ValueTask<int>> Prune, TimeSpan After)[] Kinds =
    [
        (ReplayGuard.PruneAsync, TimeSpan.FromMinutes(1)),
        (RevokedTokens.PruneAsync, TimeSpan.FromMinutes(1)),
        (DeviceCodes.PruneAsync, TimeSpan.FromHours(1)),
        (Sessions.PruneAsync, TimeSpan.FromDays(7)),
        (Grants.PruneAsync, TimeSpan.FromDays(30)),
    ];

    /// <summary>One round over all kinds.</summary>
    /// <returns>How many rows went.</returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public async Task<int> SweepAsync(CancellationToken cancellation = default)
    {
        var removed = 0;
        foreach (var (prune, after) in Kinds)
        {
            var before = (clock.GetUtcNow() - after).ToUnixTimeMilliseconds();
            for (var step = 0; step < StepsPerRound && !cancellation.IsCancellationRequested; step++)
            {
                var count = await database.WriteAsync(sql => prune(sql, before, StepSize)).ConfigureAwait(false);
                removed += count;
                if (count < StepSize) break;
            }
        }

        return removed;
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
                catch (DatabaseUnavailableException exception)
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

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Count} rows whose time was over were removed")]
    private static partial void LogRemoved(ILogger logger, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Rows whose time is over could not be removed; it is tried again in half a minute")]
    private static partial void LogLater(ILogger logger, Exception exception);
}
