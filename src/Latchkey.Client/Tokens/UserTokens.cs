using System.Collections.Concurrent;

namespace Latchkey.Client.Tokens;

/// <summary>
/// The access tokens of signed-in people, renewed with their refresh tokens (OAuth 2.1 section 4.3). Make one per client and share it. Whatever runs at
/// once for one session, each refresh token is used once: a rotated one that is used twice looks stolen, and ends the session.
/// </summary>
public sealed class UserTokens
{
    // Flights are small, and only the busy ones have to stay.
    private const int Tidy = 1000;

    private readonly LatchkeyClient _client;
    private readonly ITokenStore _store;
    private readonly ITokenLock _locks;
    private readonly TimeProvider _clock;
    private readonly ConcurrentDictionary<TokenKey, TokenFlight> _flights = new();

    /// <summary>The tokens that one client's people have.</summary>
    /// <param name="client">The client that signs people in.</param>
    /// <param name="store">Where their tokens are.</param>
    /// <param name="locks">A lock that all nodes of the app respect; within this process alone if null.</param>
    /// <param name="clock">The clock; the system's if null.</param>
    public UserTokens(LatchkeyClient client, ITokenStore store, ITokenLock? locks = null, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(store);
        _client = client;
        _store = store;
        _locks = locks ?? new LocalTokenLock();
        _clock = clock ?? TimeProvider.System;
    }

    /// <summary>The source of one session's token for one API.</summary>
    /// <param name="session">Which session.</param>
    /// <param name="scope">The scope to ask for, part of what was granted; null for all of it.</param>
    /// <param name="resource">The API it is for (RFC 8707); null for that of the sign-in.</param>
    public ITokenSource For(string session, string? scope = null, string? resource = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(session);
        var options = _client.Options;
        var key = new TokenKey(
            session, options.Issuer, options.ClientId, TokenKey.Normalized(resource), TokenKey.Normalized(scope), options.DPoPKey?.Thumbprint ?? "");
        return new UserTokenSource(this, key, scope, resource);
    }

    /// <summary>Keeps what a sign-in brought.</summary>
    /// <param name="session">The new session.</param>
    /// <param name="tokens">What it brought.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    public async ValueTask SaveAsync(string session, TokenSet tokens, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(session);
        await _store.SaveAsync(session, SessionTokens.From(_client, tokens), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Forgets a session's tokens and revokes its refresh token at the provider (RFC 7009), where that is possible; they are forgotten even if the provider
    /// can't be reached.
    /// </summary>
    /// <param name="session">The session that ends.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    /// <exception cref="TokenUnavailableException">They are forgotten, but the provider could not be told.</exception>
    public async ValueTask RevokeAsync(string session, CancellationToken cancellationToken = default)
    {
        // Under the lock, so that no renewal that is under way saves them once more.
        SessionTokens? tokens;
        var turn = await LockAsync(session, cancellationToken).ConfigureAwait(false);
        await using (turn.ConfigureAwait(false))
        {
            tokens = await _store.ReadAsync(session, cancellationToken).ConfigureAwait(false);
            await _store.RemoveAsync(session, cancellationToken).ConfigureAwait(false);
        }

        if (tokens is not { RefreshToken: { } refresh } || !IsOurs(tokens)) return;
        try
        {
            await _client.RevokeAsync(refresh, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OAuthException or Verification.Providers.ProviderException)
        {
            throw TokenUnavailableException.From(exception);
        }
    }

    /// <summary>Says whose tokens, never the tokens.</summary>
    public override string ToString() => $"User tokens of {_client.Options}";

    internal TimeProvider Clock => _clock;

    internal LatchkeyClient Client => _client;

    internal ITokenStore Store => _store;

    internal ValueTask<IAsyncDisposable> LockAsync(string session, CancellationToken cancellation) =>
        _locks.AcquireAsync(new TokenKey(session, _client.Options.Issuer, _client.Options.ClientId, "", "", "").Name("session-"), cancellation);

    internal async ValueTask<SessionTokens> ReadAsync(string session, CancellationToken cancellation)
    {
        var tokens = await _store.ReadAsync(session, cancellation).ConfigureAwait(false)
            ?? throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "The session has no tokens; the person has to sign in.");
        // Credentials belong to one issuer: after a change of the configuration the old provider's tokens must not go to the new one.
        return IsOurs(tokens) ? tokens
            : throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "The session's tokens are of another provider or client; the person has to sign in.");
    }

    internal TokenFlight Flight(TokenKey key)
    {
        if (_flights.Count >= Tidy && !_flights.ContainsKey(key))
        {
            foreach (var entry in _flights)
            {
                if (entry.Value.IsIdle) _flights.TryRemove(entry);
            }
        }

        return _flights.GetOrAdd(key, static (_, clock) => new(clock), _clock);
    }

    private bool IsOurs(SessionTokens tokens) => tokens.Issuer == _client.Options.Issuer && tokens.ClientId == _client.Options.ClientId;
}
