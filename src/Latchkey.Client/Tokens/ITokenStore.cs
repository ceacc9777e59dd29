namespace Latchkey.Client.Tokens;

/// <summary>
/// Where the tokens of signed-in people are kept, by session: on the server's side of a web app, in the protected storage of a device. What is kept
/// are secrets, so encrypt them at rest. Calls for one session never overlap in one process; <see cref="ITokenLock"/> holds that for several.
/// A call can come after the HTTP request that caused it has ended, so take nothing from that request.
/// </summary>
public interface ITokenStore
{
    /// <summary>The tokens of a session.</summary>
    /// <param name="session">Which session: a string that only its owner has.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    /// <returns>What was saved last; null if the session is over or never was.</returns>
    ValueTask<SessionTokens?> ReadAsync(string session, CancellationToken cancellationToken);

    /// <summary>
    /// Keeps the tokens of a session. They are safe when this is done, and not before: a refresh token that the provider rotated and that gets lost ends
    /// the grant. So a store that can't save throws, and the call that needed the token fails with it.
    /// </summary>
    /// <param name="session">Which session.</param>
    /// <param name="tokens">All of its tokens; they replace what was saved before.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    ValueTask SaveAsync(string session, SessionTokens tokens, CancellationToken cancellationToken);

    /// <summary>Forgets the tokens of a session; nothing happens if there are none.</summary>
    /// <param name="session">Which session.</param>
    /// <param name="cancellationToken">Ends the call early.</param>
    ValueTask RemoveAsync(string session, CancellationToken cancellationToken);
}
