using System.Collections.Concurrent;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// Sessions in this process's memory: they end with it, and other nodes don't see them. At most <c>limit</c> are kept; the one unused for longest
/// makes room for a new one.
/// </summary>
/// <param name="clock">The time.</param>
/// <param name="limit">How many sessions are kept at once.</param>
public sealed class MemorySessionStore(TimeProvider clock, int limit = 100_000) : ISessionStore
{
    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _sweep = new();
    private DateTimeOffset _nextSweep = clock.GetUtcNow();

    /// <summary>How many are kept now, expired ones that were not swept up yet among them.</summary>
    public int Count => _entries.Count;

    /// <inheritdoc/>
    public ValueTask AddAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        _entries[session.Key] = new Entry(session, idleTimeout) { UsedAt = clock.GetUtcNow() };
        Sweep();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask<SignInSession?> FindAsync(string key, CancellationToken cancellation)
    {
        if (!_entries.TryGetValue(key, out var entry)) return new((SignInSession?)null);
        var now = clock.GetUtcNow();
        if (entry.IsOver(now))
        {
            _entries.TryRemove(key, out _);
            return new((SignInSession?)null);
        }

        entry.UsedAt = now;
        return new(entry.Session);
    }

    /// <inheritdoc/>
    public ValueTask<bool> UpdateAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        while (_entries.TryGetValue(session.Key, out var entry))
        {
            if (entry.IsOver(clock.GetUtcNow())) break;
            var changed = new Entry(session, idleTimeout) { UsedAt = clock.GetUtcNow() };
            if (_entries.TryUpdate(session.Key, changed, entry)) return new(true);
        }

        return new(false);
    }

    /// <inheritdoc/>
    public ValueTask RemoveAsync(string key, CancellationToken cancellation)
    {
        _entries.TryRemove(key, out _);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask EndAsync(NamedSessions named, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(named);
        foreach (var (key, entry) in _entries)
        {
            if (named.Include(entry.Session)) _entries.TryRemove(key, out _);
        }

        return ValueTask.CompletedTask;
    }

    private void Sweep()
    {
        lock (_sweep)
        {
            var now = clock.GetUtcNow();
            if (_entries.Count <= limit && now < _nextSweep) return;
            _nextSweep = now.AddMinutes(1);
            foreach (var (key, entry) in _entries)
            {
                if (entry.IsOver(now)) _entries.TryRemove(key, out _);
            }

            // A twentieth more than needed, so that a full store does not sort itself at every sign-in.
            if (_entries.Count <= limit) return;
            foreach (var (key, _) in _entries.OrderBy(pair => pair.Value.UsedAt).Take(_entries.Count - limit + (limit / 20)).ToList()) _entries.TryRemove(key, out _);
        }
    }

    private sealed class Entry(SignInSession session, TimeSpan idleTimeout)
    {
        private long _usedAt;

        public SignInSession Session => session;

        public DateTimeOffset UsedAt
        {
            get => new(Volatile.Read(ref _usedAt), TimeSpan.Zero);
            set => Volatile.Write(ref _usedAt, value.UtcTicks);
        }

        public bool IsOver(DateTimeOffset now) => now >= session.ExpiresAt || now >= UsedAt + idleTimeout;
    }
}
