using System.Collections.Concurrent;
using System.Diagnostics;

namespace Latchkey.Storage.PostgreSql;

/// <summary>
/// Gathers rotations that wait at the same time into one statement, so that one round trip and one commit carry many refreshes. Nobody waits for company:
/// what comes while the connections are busy goes with the next statement.
/// </summary>
/// <param name="run">Runs one statement's worth on a connection and tells which grants moved.</param>
internal sealed class Rotations(Func<IReadOnlyList<Rotation>, Task<HashSet<RowId>>> run)
{
    private const int Capacity = 4096;
    private const int BatchSize = 256;
    private const int Runners = 2;

    private readonly ConcurrentQueue<Rotation> _waiting = new();
    private int _runners;

    /// <summary>Uses a generation up, together with whoever else is there.</summary>
    public Task<bool> RotateAsync(RowId id, int generation, long now)
    {
        if (_waiting.Count >= Capacity) throw new DatabaseUnavailableException($"The database has {Capacity} refreshes waiting; try again in a moment.");
        var rotation = new Rotation(id, generation, now);
        _waiting.Enqueue(rotation);
        if (TryEnter()) _ = RunAsync();
        return rotation.Done.Task;
    }

    private bool TryEnter()
    {
        if (Interlocked.Increment(ref _runners) <= Runners) return true;
        Interlocked.Decrement(ref _runners);
        return false;
    }

    private async Task RunAsync()
    {
        do
        {
            while (Take() is { Count: > 0 } batch)
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

            Interlocked.Decrement(ref _runners);
        }
        // Somebody may have come between the last look and the leaving, and have found the place taken.
        while (!_waiting.IsEmpty && TryEnter());
    }

    /// <summary>A statement's worth, each grant once, in the order of ids: nodes that want the same rows then take them in the same order.</summary>
    private List<Rotation> Take()
    {
        var batch = new Dictionary<RowId, Rotation>();
        while (batch.Count < BatchSize && _waiting.TryDequeue(out var rotation))
        {
            if (batch.TryAdd(rotation.Id, rotation)) continue;
            // The statement would pick one of them as it likes. Of one generation the first wins or nobody; another generation is judged by itself.
            rotation.Done.SetResult(false);
        }

        var sorted = batch.Values.ToList();
        sorted.Sort((a, b) => a.Id.Value.CompareTo(b.Id.Value));
        return sorted;
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
