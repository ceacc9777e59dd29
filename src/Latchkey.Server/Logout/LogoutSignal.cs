using System.Collections.Concurrent;
using System.Threading.Channels;
using Latchkey.Storage;

namespace Latchkey.Server.Logout;

/// <summary>
/// Tells the sender of logout tokens that this node has just put something into the outbox, so that it need not wait for its next look;
/// and tells a request that signs someone out when their apps have been told, so that the browser goes back after that.
/// </summary>
internal sealed class LogoutSignal : IDisposable
{
    private readonly SemaphoreSlim _raised = new(0, 1);
    private readonly ConcurrentDictionary<string, Channel<bool>> _listeners = new(StringComparer.Ordinal);

    public void Raise()
    {
        try
        {
            _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is raised already.
        }
    }

    /// <summary>Waits for the signal, at most for the given time.</summary>
    public async Task WaitAsync(TimeSpan atMost, TimeProvider clock, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(atMost, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            await _raised.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // Nothing was signalled: the caller looks by itself.
        }
    }

    /// <summary>Begins to listen for the clients of a session that is about to be ended.</summary>
    public Listener Listen(RowId session)
    {
        var sid = session.ToString();
        return new(this, sid, _listeners[sid] = Channel.CreateUnbounded<bool>());
    }

    /// <summary>Notes that a client was told of the end of a session, or tried in vain.</summary>
    public void NoteTried(string sid)
    {
        if (_listeners.TryGetValue(sid, out var tried)) tried.Writer.TryWrite(true);
    }

    public void Dispose() => _raised.Dispose();

    /// <summary>Hears of the clients of one session.</summary>
    internal sealed class Listener(LogoutSignal signal, string sid, Channel<bool> tried) : IDisposable
    {
        /// <summary>Waits until a number of clients were told or tried in vain; at most for the given time, since one that hangs must not keep a person waiting.</summary>
        public async Task WaitAsync(int clients, TimeSpan atMost, TimeProvider clock)
        {
            using var limit = new CancellationTokenSource(atMost, clock);
            try
            {
                for (var i = 0; i < clients; i++) await tried.Reader.ReadAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The rest is told without the person.
            }
        }

        public void Dispose() => signal._listeners.TryRemove(sid, out _);
    }
}
