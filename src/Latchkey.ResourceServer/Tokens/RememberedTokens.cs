using System.Collections.Concurrent;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>
/// A bounded memory in two generations: what is used stays in the young one; when that is full it becomes the old one, and the old one is forgotten.
/// So the tokens in use stay, at no cost for bookkeeping.
/// </summary>
internal sealed class RememberedTokens<T>(int capacity) where T : class
{
    private readonly int _generation = capacity / 2;
    private readonly Lock _gate = new();
    private volatile ConcurrentDictionary<TokenHash, T> _young = new();
    private volatile ConcurrentDictionary<TokenHash, T> _old = new();
    private int _count;

    /// <summary>What is remembered of a token; null if nothing is.</summary>
    public T? Find(TokenHash hash)
    {
        if (_young.TryGetValue(hash, out var found)) return found;
        if (!_old.TryRemove(hash, out found)) return null;
        Add(hash, found);
        return found;
    }

    /// <summary>Remembers a token.</summary>
    public void Add(TokenHash hash, T token)
    {
        if (_generation == 0) return;
        if (!_young.TryAdd(hash, token)) return;
        if (Interlocked.Increment(ref _count) < _generation) return;
        lock (_gate)
        {
            if (_count < _generation) return;
            _old = _young;
            _young = new();
            _count = 0;
        }
    }

    /// <summary>Forgets a token.</summary>
    public void Remove(TokenHash hash)
    {
        if (_young.TryRemove(hash, out _)) Interlocked.Decrement(ref _count);
        _old.TryRemove(hash, out _);
    }
}
