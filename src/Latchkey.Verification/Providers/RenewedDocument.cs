namespace Latchkey.Verification.Providers;

/// <summary>One reading of a document: when it is to be read again, and from when on it is out of date.</summary>
internal sealed record Copy<T>(T Document, DateTimeOffset RenewAt, DateTimeOffset ExpiresAt) where T : class;

/// <summary>
/// A document of a provider that is read when it is first needed, by one caller for all who wait; renewed in the background before it is out of date;
/// and kept past that while the provider is away. A failure is remembered for a short pause only.
/// </summary>
internal sealed class RenewedDocument<T>(Func<Task<Copy<T>>> read, TimeProvider clock, ProviderOptions options) where T : class
{
    private readonly Lock _gate = new();
    private volatile Copy<T>? _copy;
    private Task<ProviderException?>? _reading;
    private ProviderException? _failure;
    private DateTimeOffset _nextTry;

    /// <summary>The reading that is under way; null if none is.</summary>
    public Task<ProviderException?>? UnderWay
    {
        get
        {
            lock (_gate) return _reading;
        }
    }

    /// <summary>What was read last, however old; null before the first time.</summary>
    public T? Latest => _copy?.Document;

    /// <summary>Why the last reading failed; null if it did not.</summary>
    public ProviderException? Failure
    {
        get
        {
            lock (_gate) return _failure;
        }
    }

    /// <summary>The document while it is in date; null if it must be waited for. Renews it in the background when that is due.</summary>
    public T? Current()
    {
        if (_copy is not { } copy) return null;
        var now = clock.GetUtcNow();
        if (now >= copy.ExpiresAt) return null;
        if (now >= copy.RenewAt) _ = ReadAgainAsync();
        return copy.Document;
    }

    /// <summary>The document, read if need be.</summary>
    /// <exception cref="ProviderException">It was never read, or too long ago, and can't be read now.</exception>
    public ValueTask<T> GetAsync(CancellationToken cancellationToken) => (Current() ?? Stale()) is { } document ? new(document) : WaitAsync(cancellationToken);

    /// <summary>
    /// Reads the document anew, or waits for the reading that is under way. Yields the failure, or null for success.
    /// Within the pause after a failure nothing is read and that failure is yielded.
    /// </summary>
    public Task<ProviderException?> ReadAgainAsync()
    {
        lock (_gate)
        {
            if (_reading is not null) return _reading;
            if (_failure is not null && clock.GetUtcNow() < _nextTry) return Task.FromResult<ProviderException?>(_failure);
            // No caller's cancellation reaches it: the others who wait would lose the answer with it. Its own time limit ends it.
            return _reading = Task.Run(ReadAsync);
        }
    }

    /// <summary>
    /// The old copy, where it is known to be the best there is: while the provider hangs, nobody waits for it. A failure of long ago says nothing of now.
    /// </summary>
    private T? Stale()
    {
        if (_copy is not { } copy) return null;
        var now = clock.GetUtcNow();
        lock (_gate)
        {
            if (_failure is null || now >= _nextTry + options.MinimumKeysLifetime || now >= copy.ExpiresAt + options.StaleKeys) return null;
        }

        _ = ReadAgainAsync();
        return copy.Document;
    }

    private async ValueTask<T> WaitAsync(CancellationToken cancellationToken)
    {
        var failure = await ReadAgainAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        var copy = _copy;
        // An old copy is better than none, up to a point.
        if (copy is not null && (failure is null || clock.GetUtcNow() < copy.ExpiresAt + options.StaleKeys)) return copy.Document;
        // A new exception for each caller: a shared one would collect their stack traces.
        throw new ProviderException(failure!.Refusal, failure.IsTransient, failure);
    }

    private async Task<ProviderException?> ReadAsync()
    {
        Copy<T>? copy = null;
        ProviderException? failure = null;
        try
        {
            copy = await read().ConfigureAwait(false);
        }
        catch (ProviderException exception)
        {
            failure = exception;
        }
#pragma warning disable CA1031 // whatever a handler of the application throws: those who wait must be told
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = ProviderRefusals.Failed(exception);
        }

        lock (_gate)
        {
            if (copy is not null) _copy = copy;
            else _nextTry = clock.GetUtcNow() + options.FailurePause;
            _failure = failure;
            _reading = null;
        }

        return failure;
    }
}
