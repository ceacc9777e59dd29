namespace Latchkey.Client.Tokens;

/// <summary>One at a time within this process. Names that nobody holds or waits for take no memory.</summary>
internal sealed class LocalTokenLock : ITokenLock
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);

    public async ValueTask<IAsyncDisposable> AcquireAsync(string name, CancellationToken cancellationToken)
    {
        Entry entry;
        lock (_entries)
        {
            if (!_entries.TryGetValue(name, out entry!)) _entries[name] = entry = new(this, name);
            entry.Users++;
        }

        try
        {
            await entry.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Leave(entry);
            throw;
        }

        return entry;
    }

    private void Leave(Entry entry)
    {
        lock (_entries)
        {
            if (--entry.Users > 0) return;
            _entries.Remove(entry.Name);
        }

        entry.Turn.Dispose();
    }

    private sealed class Entry(LocalTokenLock owner, string name) : IAsyncDisposable
    {
        public string Name => name;

        public SemaphoreSlim Turn { get; } = new(1, 1);

        public int Users { get; set; }

        public ValueTask DisposeAsync()
        {
            Turn.Release();
            owner.Leave(this);
            return default;
        }
    }
}
