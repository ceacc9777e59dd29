using System.Text;
using Latchkey.Client.Tokens;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// The tokens of signed-in people, kept in their sessions. When the provider has ended the grant there is nothing left of a session but a name, so it
/// ends too and the person signs in again.
/// </summary>
internal sealed class SessionTokenStore(ISessionStore sessions, Func<TimeSpan> idleTimeout) : ITokenStore
{
    public async ValueTask<SessionTokens?> ReadAsync(string session, CancellationToken cancellationToken) =>
        await sessions.FindAsync(session, cancellationToken).ConfigureAwait(false) is { Tokens: { } tokens } ? SessionTokens.FromJson(Encoding.UTF8.GetBytes(tokens)) : null;

    public async ValueTask SaveAsync(string session, SessionTokens tokens, CancellationToken cancellationToken)
    {
        var kept = await sessions.FindAsync(session, cancellationToken).ConfigureAwait(false);
        if (kept is null || !await sessions.UpdateAsync(kept with { Tokens = Encoding.UTF8.GetString(tokens.ToJson()) }, idleTimeout(), cancellationToken).ConfigureAwait(false))
            throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "The session ended while its tokens were renewed; the person has to sign in.");
    }

    public ValueTask RemoveAsync(string session, CancellationToken cancellationToken) => sessions.RemoveAsync(session, cancellationToken);
}
