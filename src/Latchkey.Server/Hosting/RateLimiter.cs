namespace Latchkey.Server.Hosting;

/// <summary>
/// Lets something happen so often in a while for each key. It holds a fixed number of cells whatever keys come, so that nobody can fill the memory;
/// two keys may share a cell, whose places nobody outside can compute, and then share the limit. Each cell is the generic cell rate algorithm in
/// one number: the time at which what has been taken will have been paid back.
/// </summary>
/// <param name="permits">How often in a window, and at once.</param>
/// <param name="window">In which one permit after the other comes back.</param>
/// <param name="clock">The time.</param>
internal sealed class RateLimiter(int permits, TimeSpan window, TimeProvider clock)
{
    private const int Cells = 1 << 14;

    private readonly long[] _paidBack = new long[Cells];
    private readonly long _window = (long)window.TotalMilliseconds;
    private readonly long _price = Math.Max(1, (long)window.TotalMilliseconds / permits);

    /// <summary>Takes a permit.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="retryAfter">How long until the next one is there, if none is.</param>
    public bool TryTake(string key, out TimeSpan retryAfter)
    {
        ref var cell = ref Cell(key);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        while (true)
        {
            var seen = Volatile.Read(ref cell);
            var next = Math.Max(seen, now) + _price;
            if (next - now > _window)
            {
                retryAfter = TimeSpan.FromMilliseconds(next - now - _window);
                return false;
            }

            if (Interlocked.CompareExchange(ref cell, next, seen) == seen)
            {
                retryAfter = TimeSpan.Zero;
                return true;
            }
        }
    }

    /// <summary>Gives a permit back: what it was taken for turned out not to count.</summary>
    public void GiveBack(string key) => Interlocked.Add(ref Cell(key), -_price);

    private ref long Cell(string key) => ref _paidBack[(uint)string.GetHashCode(key, StringComparison.Ordinal) % Cells];
}
