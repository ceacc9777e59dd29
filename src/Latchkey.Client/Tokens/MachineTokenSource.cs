namespace Latchkey.Client.Tokens;

/// <summary>One kind of machine token: the kept one, and the one fetch that brings the next.</summary>
internal sealed class MachineTokenSource(TokenKey key, Func<CancellationToken, Task<TokenSet>> request, SharedTokens? shared, TimeProvider clock) : ITokenSource
{
    private readonly TokenFlight _flight = new(clock);
    private volatile Kept? _kept;

    /// <summary>Whether there is nothing here that a call could use.</summary>
    public bool IsIdle => _flight.IsIdle && (_kept is not { } kept || clock.GetUtcNow() >= kept.UsableUntil);

    public ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken = default)
    {
        if (_kept is not { } kept) return new(_flight.JoinAsync(Fetch(null), pauseWhenTransient: false, cancellationToken));
        var now = clock.GetUtcNow();
        if (now < kept.RenewAt)
        {
            TokenTelemetry.Hit(key);
            return new(kept.Token);
        }

        if (now >= kept.UsableUntil) return new(_flight.JoinAsync(Fetch(null), pauseWhenTransient: false, cancellationToken));
        RenewInBackground();
        TokenTelemetry.Hit(key);
        return new(kept.Token);
    }

    public async ValueTask<AccessToken> RenewAsync(AccessToken refused, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(refused);
        if (Other(refused) is { } other) return other;
        var renewal = _flight.JoinAfterRefusal(Fetch(refused), cancellationToken);
        return renewal is null ? Other(refused) ?? refused : await renewal.ConfigureAwait(false);
    }

    /// <summary>The token is good for a while yet: nobody has to wait for the next, and its failure is no caller's.</summary>
    private void RenewInBackground()
    {
        try
        {
            _ = _flight.JoinAsync(Fetch(null), pauseWhenTransient: true, CancellationToken.None);
        }
        catch (TokenUnavailableException)
        {
            // It failed a moment ago. The kept token is still good, and when it is not the caller hears of it.
        }
    }

    private AccessToken? Other(AccessToken refused) =>
        _kept is { } kept && kept.Token.Value != refused.Value && clock.GetUtcNow() < kept.UsableUntil ? kept.Token : null;

    private Func<CancellationToken, Task<AccessToken>> Fetch(AccessToken? refused) => cancellation => FetchAsync(refused, cancellation);

    private async Task<AccessToken> FetchAsync(AccessToken? refused, CancellationToken cancellation)
    {
        // Somebody may have brought it between the caller's look and now.
        if (_kept is { } kept && Serves(kept.Token, refused)) return kept.Token;
        if (shared is null) return Keep(await RequestAsync(refused, cancellation).ConfigureAwait(false));

        var name = key.Name("machine-");
        if (await shared.ReadAsync(name, cancellation).ConfigureAwait(false) is { } before && Serves(before, refused)) return Keep(before);
        var turn = await shared.LockAsync(name, cancellation).ConfigureAwait(false);
        try
        {
            // While this node waited, the one before it has most likely brought what is needed.
            if (await shared.ReadAsync(name, cancellation).ConfigureAwait(false) is { } brought && Serves(brought, refused)) return Keep(brought);
            var token = Keep(await RequestAsync(refused, cancellation).ConfigureAwait(false));
            await shared.SaveAsync(name, token, cancellation).ConfigureAwait(false);
            return token;
        }
        finally
        {
            if (turn is not null) await turn.DisposeAsync().ConfigureAwait(false);
        }
    }

    private bool Serves(AccessToken token, AccessToken? refused) => token.Value != refused?.Value && clock.GetUtcNow() < TokenLife.RenewAt(token);

    private async Task<AccessToken> RequestAsync(AccessToken? refused, CancellationToken cancellation)
    {
        var reason = refused is not null ? TokenTelemetry.Refused : _kept is null ? TokenTelemetry.First : TokenTelemetry.Expiry;
        return (await TokenTelemetry.RequestAsync(key, "client_credentials", reason, () => request(cancellation)).ConfigureAwait(false)).AccessToken;
    }

    private AccessToken Keep(AccessToken token)
    {
        _kept = new(token);
        return token;
    }

    private sealed class Kept(AccessToken token)
    {
        public AccessToken Token => token;

        public DateTimeOffset RenewAt { get; } = TokenLife.RenewAt(token);

        public DateTimeOffset UsableUntil { get; } = TokenLife.UsableUntil(token);
    }
}
