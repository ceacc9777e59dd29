namespace Latchkey.Client.Tokens;

/// <summary>
/// One fetch at a time for one key: whoever comes while it is under way waits for the same answer. Failures are not kept. Only where the provider says
/// that it is overloaded nobody asks again for a moment, so that a thousand waiting callers don't become a thousand requests.
/// </summary>
internal sealed class TokenFlight(TimeProvider clock)
{
    /// <summary>The least pause after "too many", and the longest that a provider can make us keep.</summary>
    private static readonly TimeSpan LeastPause = TimeSpan.FromSeconds(1), LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>
    /// An API that refuses even a brand-new token will refuse the next one too: one renewal for refusals in this time, however many calls are refused.
    /// </summary>
    private static readonly TimeSpan RefusalPause = TimeSpan.FromSeconds(30);

    /// <summary>The longest that a fetch may take, all of it: waiting for other nodes, reading the store, asking the provider.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private Task<AccessToken>? _task;
    private DateTimeOffset _pausedUntil = DateTimeOffset.MinValue, _noRefusalsUntil = DateTimeOffset.MinValue;
    private TokenUnavailableException? _pausedBy;

    /// <summary>Whether nothing would be lost by forgetting this.</summary>
    public bool IsIdle
    {
        get
        {
            var now = clock.GetUtcNow();
            lock (_gate) return _task is null && now >= _pausedUntil && now >= _noRefusalsUntil;
        }
    }

    /// <summary>Waits for the token that is being fetched, or has it fetched.</summary>
    /// <param name="fetch">
    /// Reads again whether somebody has just brought a token, and fetches one if not. It runs to its end whatever its callers do: an answer that nobody
    /// waits for any more still holds a refresh token that must be saved.
    /// </param>
    /// <param name="pauseWhenTransient">Whether any transient failure is followed by a pause: where there is a token to go on with meanwhile.</param>
    /// <param name="cancellationToken">Ends this caller's wait.</param>
    /// <exception cref="TokenUnavailableException">The fetch failed, or the provider asked not to be asked.</exception>
    public Task<AccessToken> JoinAsync(Func<CancellationToken, Task<AccessToken>> fetch, bool pauseWhenTransient, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_task is null && clock.GetUtcNow() < _pausedUntil) throw _pausedBy!.Again();
            return Start(fetch, pauseWhenTransient).WaitAsync(cancellationToken);
        }
    }

    /// <summary>The same for a token that an API refused.</summary>
    /// <returns>Null if a renewed token was refused only just before.</returns>
    public Task<AccessToken>? JoinAfterRefusal(Func<CancellationToken, Task<AccessToken>> fetch, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_task is null)
            {
                var now = clock.GetUtcNow();
                if (now < _noRefusalsUntil) return null;
                if (now < _pausedUntil) throw _pausedBy!.Again();
                _noRefusalsUntil = now + RefusalPause;
            }

            return Start(fetch, pauseWhenTransient: false).WaitAsync(cancellationToken);
        }
    }

    // On the pool, not here: a fetch that ended at once would clear the field before it is set.
    private Task<AccessToken> Start(Func<CancellationToken, Task<AccessToken>> fetch, bool pauseWhenTransient)
    {
        if (_task is not null) return _task;
        _task = Task.Run(() => FlyAsync(fetch, pauseWhenTransient), CancellationToken.None);
        // Everybody may have left by the time it fails; that is nobody's unobserved exception.
        _ = _task.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return _task;
    }

    private async Task<AccessToken> FlyAsync(Func<CancellationToken, Task<AccessToken>> fetch, bool pauseWhenTransient)
    {
        using var deadline = new CancellationTokenSource(Longest, clock);
        try
        {
            return await fetch(deadline.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OAuthException or Verification.Providers.ProviderException or OperationCanceledException)
        {
            var unavailable = TokenUnavailableException.From(exception);
            if (Pause(unavailable, pauseWhenTransient) is { } pause)
            {
                lock (_gate) (_pausedUntil, _pausedBy) = (clock.GetUtcNow() + pause, unavailable);
            }

            throw unavailable;
        }
        finally
        {
            lock (_gate) _task = null;
        }
    }

    private static TimeSpan? Pause(TokenUnavailableException failure, bool pauseWhenTransient)
    {
        var overloaded = failure.Status is 429 or 503 || failure is { Error: TokenUnavailableException.TemporarilyUnavailable, InnerException: not Verification.Providers.ProviderException };
        if (!overloaded && !(failure.IsTransient && pauseWhenTransient)) return null;
        var asked = failure.RetryAfter ?? TimeSpan.Zero;
        return asked < LeastPause ? LeastPause : asked > LongestPause ? LongestPause : asked;
    }
}
