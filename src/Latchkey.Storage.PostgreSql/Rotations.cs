using System.Collections.Concurrent;
using System.Diagnostics;

namespace Latchkey.Storage.PostgreSql;

/// <summary>Refreshes that wait at the same time: one round trip and one commit carry many.</summary>
/// <param name="run">Runs one statement's worth on a connection and tells which grants moved.</param>
internal sealed class Rotations(Func<IReadOnlyList<Rotation>, Task<HashSet<RowId>>> run) : Gathering<Rotation>
{
    private const int BatchSize = 256;

    protected override string Kind => "refreshes";

    /// <summary>Uses a generation up, together with whoever else is there.</summary>
    public Task<bool> RotateAsync(RowId id, int generation, long now)
    {
        var rotation = new Rotation(id, generation, now);
        Add(rotation);
        return rotation.Done.Task;
    }

    /// <summary>A statement's worth, each grant once, in the order of ids: nodes that want the same rows then take them in the same order.</summary>
    protected override IReadOnlyList<Rotation> Take(ConcurrentQueue<Rotation> waiting)
    {
        var batch = new Dictionary<RowId, Rotation>();
        while (batch.Count < BatchSize && waiting.TryDequeue(out var rotation))
        {
            if (batch.TryAdd(rotation.Id, rotation)) continue;
            // The statement would pick one of them as it likes. Of one generation the first wins or nobody; another generation is judged by itself.
            rotation.Done.SetResult(false);
        }

        var sorted = batch.Values.ToList();
        sorted.Sort((a, b) => a.Id.Value.CompareTo(b.Id.Value));
        return sorted;
    }

    protected override async Task RunAsync(IReadOnlyList<Rotation> batch)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            var moved = await run(batch).ConfigureAwait(false);
            StoreTelemetry.Committed(batch.Count, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: true);
            foreach (var rotation in batch) rotation.Done.SetResult(moved.Contains(rotation.Id));
        }
#pragma warning disable CA1031 // whatever it was, each of those who wait hears of it
        catch (Exception exception)
#pragma warning restore CA1031
        {
            StoreTelemetry.Committed(batch.Count, Stopwatch.GetElapsedTime(started).TotalSeconds, committed: false);
            foreach (var rotation in batch) rotation.Done.TrySetException(exception);
        }
    }
}

/// <summary>One refresh that waits.</summary>
internal sealed class Rotation(RowId id, int generation, long now)
{
    public RowId Id => id;

    public int Generation => generation;

    public long Now => now;

    public TaskCompletionSource<bool> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
