using System.Collections.Concurrent;

namespace Latchkey.Client.Tokens;

/// <summary>
/// Keeps tokens in the memory of this process: for programs that one person runs, for tests, and for development. They end with the process; sessions
/// that are never removed stay.
/// </summary>
public sealed class MemoryTokenStore : ITokenStore
{
    private readonly ConcurrentDictionary<string, SessionTokens> _sessions = new(StringComparer.Ordinal);

    /// <inheritdoc />
    public ValueTask<SessionTokens?> ReadAsync(string session, CancellationToken cancellationToken) => new(_sessions.GetValueOrDefault(session));

    /// <inheritdoc />
    public ValueTask SaveAsync(string session, SessionTokens tokens, CancellationToken cancellationToken)
    {
        _sessions[session] = tokens;
        return default;
    }

    /// <inheritdoc />
    public ValueTask RemoveAsync(string session, CancellationToken cancellationToken)
    {
        _sessions.TryRemove(session, out _);
        return default;
    }
}
