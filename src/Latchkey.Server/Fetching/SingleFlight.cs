using System.Collections.Concurrent;

namespace Latchkey.Server.Fetching;

/// <summary>Lets all who want the same thing at the same time share one piece of work. What it came to is forgotten as soon as it is done.</summary>
/// <typeparam name="T">What the work yields.</typeparam>
internal sealed class SingleFlight<T>
{
    private readonly ConcurrentDictionary<string, Lazy<Task<T>>> _running = new(StringComparer.Ordinal);

    /// <summary>Joins the work on a key, or starts it.</summary>
    /// <param name="key">What is wanted.</param>
    /// <param name="work">The work; it belongs to nobody's request, so it must have limits of its own.</param>
    public Task<T> RunAsync(string key, Func<string, Task<T>> work)
    {
        var mine = new Lazy<Task<T>>(() => WorkAsync(key, work));
        return _running.GetOrAdd(key, mine).Value;
    }

    private async Task<T> WorkAsync(string key, Func<string, Task<T>> work)
    {
        try
        {
            await Task.Yield();
            return await work(key).ConfigureAwait(false);
        }
        finally
        {
            _running.TryRemove(key, out _);
        }
    }
}
