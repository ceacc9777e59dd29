namespace Latchkey.Server.Logout;

/// <summary>Tells the sender of logout tokens that this node has just put something into the outbox, so that it need not wait for its next look.</summary>
internal sealed class LogoutSignal : IDisposable
{
    private readonly SemaphoreSlim _raised = new(0, 1);

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

    public void Dispose() => _raised.Dispose();
}
