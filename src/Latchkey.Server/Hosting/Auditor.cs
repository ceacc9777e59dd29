using System.Runtime.InteropServices;
using System.Threading.Channels;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Hosting;

/// <summary>
/// Writes the audit. What changes something is appended in the change's own transaction (<see cref="AuditLog.AppendAsync"/>); routine answers and
/// refusals go through here: a bounded queue, written in batches, that never makes a request wait. What does not fit is counted. Tokens that the same
/// client gets for the same account from the same address within a moment are one row with their count, so that the audit of a client that asks a
/// thousand times a second does not outgrow the rest.
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
        try
        {
            while (await _queue.Reader.WaitToReadAsync(stoppingToken).ConfigureAwait(false))
            {
                await WriteAsync().ConfigureAwait(false);
                // Routine events gather for a moment, so that under load many share one commit.
                await Task.Delay(TimeSpan.FromMilliseconds(100), clock, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What is queued at the end is written before the process goes.
            while (_queue.Reader.TryPeek(out _)) await WriteAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Writes what is queued.</summary>
    private async Task WriteAsync()
    {
        foreach (var batch in Gather().Chunk(BatchSize)) await WriteAsync(batch).ConfigureAwait(false);
    }

    /// <summary>Takes what is queued, at most as much as the queue holds, with tokens that differ in nothing but their time counted.</summary>
    private List<AuditEvent> Gather()
    {
        var entries = new List<AuditEvent>();
        var repeats = new Dictionary<Issued, (int Index, int Count)>();
        for (var taken = 0; taken < Capacity && _queue.Reader.TryRead(out var entry); taken++)
        {
            if (entry.Event == AuditEvents.TokenIssued && entry.Detail is not null)
            {
                ref var repeat = ref CollectionsMarshal.GetValueRefOrAddDefault(repeats, Issued.Of(entry), out var known);
                repeat = known ? repeat with { Count = repeat.Count + 1 } : (entries.Count, 1);
                if (known) continue;
            }

            entries.Add(entry);
        }

        foreach (var (index, count) in repeats.Values)
        {
            if (count > 1) entries[index] = entries[index] with { Detail = $"{entries[index].Detail![..^1]},\"count\":{count}}}" };
        }

        return entries;
    }

    private async Task WriteAsync(AuditEvent[] batch)
    {
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
            Interlocked.Add(ref _dropped, batch.Length);
            LogDropped(logger, batch.Length, exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} routine audit events could not be written")]
    private static partial void LogDropped(ILogger logger, int count, Exception exception);

    /// <summary>What tokens have in common that are counted together.</summary>
    private readonly record struct Issued(string? Actor, string? Subject, string? ClientId, string? Address, string? Detail)
    {
        public static Issued Of(AuditEvent entry) => new(entry.Actor, entry.Subject, entry.ClientId, entry.Address, entry.Detail);
    }
}
