namespace Latchkey.Server.Fetching;

/// <summary>Lets all who want the same thing at the same time share one piece of work. What it came to is forgotten as soon as it is done.</summary>
/// <typeparam name="T">What the work yields.</typeparam>
internal sealed class SingleFlight<T>
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Task<T>> _running = new(StringComparer.Ordinal);

    /// <summary>Joins the work on a key, or starts it.</summary>
    /// <param name="key">What is wanted.</param>
    /// <param name="work">The work; it belongs to nobody's request, so it must have limits of its own.</param>
    /// <param name="permit">Asked before work is started, not by those who join; may refuse.</param>
    /// <returns>The work; null where starting it was refused.</returns>
    public Task<T>? Join(string key, Func<string, Task<T>> work, Func<bool> permit)
    {
        lock (_lock)
        {
            if (_running.TryGetValue(key, out var running)) return running;
            return permit() ? _running[key] = WorkAsync(key, work) : null;
        }
    }

    /// <summary>Joins the work on a key, or starts it.</summary>
    /// <param name="key">What is wanted.</param>
    /// <param name="work">The work; it belongs to nobody's request, so it must have limits of its own.</param>
    public Task<T> RunAsync(string key, Func<string, Task<T>> work) => Join(key, work, static () => true)!;

    private async Task<T> WorkAsync(string key, Func<string, Task<T>> work)
    {
        await Task.Yield();
        try
        {
            return await work(key).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock) _running.Remove(key);
        }
    }
}
