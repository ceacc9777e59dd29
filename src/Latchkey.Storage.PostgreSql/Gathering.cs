using System.Collections.Concurrent;

namespace Latchkey.Storage.PostgreSql;

/// <summary>
/// Gathers what waits at the same time into one statement, so that one round trip carries many requests. Nobody waits for company: what comes while the
/// connections are busy goes with the next statement.
/// </summary>
/// <typeparam name="T">What one request waits with.</typeparam>
internal abstract class Gathering<T>
{
    private const int Capacity = 4096;
    private const int Runners = 2;

    private readonly ConcurrentQueue<T> _waiting = new();
    private int _runners;

    /// <summary>What waits here, for the sentence that says there are too many of them.</summary>
    protected abstract string Kind { get; }

    /// <summary>Takes one in; it is carried out together with whoever else is there.</summary>
    /// <exception cref="DatabaseUnavailableException">Too many wait.</exception>
    protected void Add(T item)
    {
        if (_waiting.Count >= Capacity) throw new DatabaseUnavailableException($"The database has {Capacity} {Kind} waiting; try again in a moment.");
        _waiting.Enqueue(item);
        if (TryEnter()) _ = RunAsync();
    }

    /// <summary>Takes a statement's worth out of what waits; empty if nothing does.</summary>
    protected abstract IReadOnlyList<T> Take(ConcurrentQueue<T> waiting);

    /// <summary>Carries it out and tells each of those who wait what came of it. Never throws.</summary>
    protected abstract Task RunAsync(IReadOnlyList<T> batch);

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
            while (Take(_waiting) is { Count: > 0 } batch) await RunAsync(batch).ConfigureAwait(false);
            Interlocked.Decrement(ref _runners);
        }
        // Somebody may have come between the last look and the leaving, and have found the place taken.
        while (!_waiting.IsEmpty && TryEnter());
    }
}
