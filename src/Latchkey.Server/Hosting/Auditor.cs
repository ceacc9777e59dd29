using System.Threading.Channels;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Hosting;

/// <summary>
/// Writes the audit. What changes something is appended in the change's own transaction (<see cref="AuditLog.AppendAsync"/>); routine answers and
/// refusals go through here: a bounded queue, written in batches, that never makes a request wait. What does not fit is counted.
/// </summary>
internal sealed partial class Auditor(Database database, TimeProvider clock, ILogger<Auditor> logger) : BackgroundService
{
    private const int Capacity = 16384;
    private const int BatchSize = 256;

    private readonly Channel<AuditEvent> _queue = Channel.CreateBounded<AuditEvent>(
        new BoundedChannelOptions(Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private long _dropped;

    /// <summary>How many routine events found the queue full since the start.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Unix milliseconds.</summary>
    public long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>An event that a request caused, to be completed by its endpoint.</summary>
    public AuditEvent Event(HttpContext context, string name) => new()
    {
        At = Now,
        Event = name,
        Address = context.Address(),
        RequestId = context.RequestId(),
    };

    /// <summary>Takes a routine event; never waits.</summary>
    public void Note(AuditEvent entry)
    {
        if (!_queue.Writer.TryWrite(entry)) Interlocked.Increment(ref _dropped);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<AuditEvent>(BatchSize);
        try
        {
            while (await _queue.Reader.WaitToReadAsync(stoppingToken).ConfigureAwait(false))
            {
                await WriteAsync(batch).ConfigureAwait(false);
                // Routine events gather for a moment, so that under load many share one commit.
                await Task.Delay(TimeSpan.FromMilliseconds(100), clock, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is queued at the end is written before the process goes.
            while (_queue.Reader.TryPeek(out _)) await WriteAsync(batch).ConfigureAwait(false);
        }
    }

    private async Task WriteAsync(List<AuditEvent> batch)
    {
        batch.Clear();
        while (batch.Count < BatchSize && _queue.Reader.TryRead(out var entry)) batch.Add(entry);
        try
        {
            await database.WriteAsync(async sql =>
            {
                foreach (var entry in batch) await AuditLog.AppendAsync(sql, entry).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // a fault in one round must not end the server; the next one comes
        catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
        {
            Interlocked.Add(ref _dropped, batch.Count);
            LogDropped(logger, batch.Count, exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} routine audit events could not be written")]
    private static partial void LogDropped(ILogger logger, int count, Exception exception);
}
