using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.TokenStatus;

/// <summary>
/// Hands out indexes of the Token Status List. A node reserves a block at a time and the next one before the first is used up, so that a token costs no
/// write. What is left of a block when a node stops is never used: indexes are plenty.
/// </summary>
internal sealed partial class StatusIndexes(Database database, ILogger<StatusIndexes> logger) : IHostedService
{
    /// <summary>How many a node reserves at once: a minute of a busy one.</summary>
    internal const int BlockSize = 65_536;

    private readonly Lock _gate = new();
    private (long Next, long End) _block;
    private (long Next, long End) _spare;
    private bool _reserving;

    /// <summary>The next index.</summary>
    /// <returns>Null if no block could be reserved since the last one was used up: the database is away. A token without one dies by its time alone.</returns>
    public long? Take()
    {
        long? taken = null;
        bool reserve;
        lock (_gate)
        {
            if (_block.Next == _block.End) (_block, _spare) = (_spare, default);
            if (_block.Next < _block.End) taken = _block.Next++;
            reserve = !_reserving && _spare.Next == _spare.End && _block.End - _block.Next < BlockSize / 2;
            if (reserve) _reserving = true;
        }

        if (reserve) _ = ReserveAsync();
        return taken;
    }

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lock (_gate) _reserving = true;
        return ReserveAsync();
    }

    /// <inheritdoc />
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task ReserveAsync()
    {
        try
        {
            var first = await database.WriteAsync(sql => StatusListIndexes.ReserveAsync(sql, BlockSize)).ConfigureAwait(false);
            lock (_gate) _spare = (first, first + BlockSize);
        }
#pragma warning disable CA1031 // nobody waits for it; the next token tries again
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailure(logger, exception);
        }
        finally
        {
            lock (_gate) _reserving = false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No indexes of the Token Status List could be reserved; it is tried again with the next token")]
    private static partial void LogFailure(ILogger logger, Exception exception);
}
