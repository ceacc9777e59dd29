namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// Where sessions are kept. The default keeps them in this process's memory; <see cref="DistributedSessionStore"/> keeps them in an
/// <c>IDistributedCache</c> for several nodes. Register another one to keep them elsewhere. A session that is idle for longer than
/// <c>LatchkeySignInOptions.IdleTimeout</c>, or older than its <see cref="SignInSession.ExpiresAt"/>, is not found.
/// </summary>
public interface ISessionStore
{
    /// <summary>Keeps a new session.</summary>
    /// <param name="session">It.</param>
    /// <param name="idleTimeout">How long it may go unused.</param>
    /// <param name="cancellation">Stops the wait.</param>
    ValueTask AddAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation);

    /// <summary>Finds a session that is neither expired nor ended, and marks it as used.</summary>
    /// <param name="key">The hash of its id.</param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <returns>The session, or null.</returns>
    ValueTask<SignInSession?> FindAsync(string key, CancellationToken cancellation);

    /// <summary>Writes what has changed in a session. One that has ended meanwhile stays ended.</summary>
    /// <param name="session">It as it is now.</param>
    /// <param name="idleTimeout">How long it may go unused.</param>
    /// <param name="cancellation">Stops the wait.</param>
    /// <returns>False if it has ended.</returns>
    ValueTask<bool> UpdateAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation);

    /// <summary>Ends one session; none is fine too.</summary>
    /// <param name="key">The hash of its id.</param>
    /// <param name="cancellation">Stops the wait.</param>
    ValueTask RemoveAsync(string key, CancellationToken cancellation);

    /// <summary>Ends every session that a logout token names (OpenID Connect Back-Channel Logout section 2.7).</summary>
    /// <param name="named">Which those are.</param>
    /// <param name="cancellation">Stops the wait.</param>
    ValueTask EndAsync(NamedSessions named, CancellationToken cancellation);
}

/// <summary>The sessions that a logout token names: with a <c>sid</c> those of one of the provider's sessions, else all of a person's.</summary>
/// <param name="Scheme">The authentication scheme whose sessions they are.</param>
/// <param name="Issuer">The provider.</param>
/// <param name="Subject">The person; null if the token names none.</param>
/// <param name="ProviderSession">The provider's session; null if the token names none.</param>
/// <param name="At">When the provider said so: later sessions are not meant.</param>
public sealed record NamedSessions(string Scheme, string Issuer, string? Subject, string? ProviderSession, DateTimeOffset At)
{
    /// <summary>Whether a session is one of them.</summary>
    /// <param name="session">The session.</param>
    public bool Include(SignInSession session) =>
        session.Scheme == Scheme
        && session.Issuer == Issuer
        && session.CreatedAt <= At
        && (Subject is null || session.Subject == Subject)
        && (ProviderSession is not null ? session.ProviderSession == ProviderSession : Subject is not null);
}
