using Latchkey.Client.AspNetCore.Sessions;

namespace Latchkey.Client.AspNetCore.Tests.Sessions;

/// <summary>A store that fails, or has other tokens than were put there, when a test says so.</summary>
internal sealed class FlawedStore(TimeProvider clock) : ISessionStore
{
    private readonly MemorySessionStore _inner = new(clock);

    public bool IsAway { get; set; }

    public string? TokensInstead { get; set; }

    public int Count => _inner.Count;

    public ValueTask AddAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation) => _inner.AddAsync(session, idleTimeout, cancellation);

    public async ValueTask<SignInSession?> FindAsync(string key, CancellationToken cancellation) =>
        await _inner.FindAsync(key, cancellation) is { } session ? session with { Tokens = TokensInstead ?? session.Tokens } : null;

    public ValueTask<bool> UpdateAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation) => _inner.UpdateAsync(session, idleTimeout, cancellation);

    public ValueTask RemoveAsync(string key, CancellationToken cancellation) => _inner.RemoveAsync(key, cancellation);

    public ValueTask EndAsync(NamedSessions named, CancellationToken cancellation) => IsAway ? throw new IOException("The cache is away.") : _inner.EndAsync(named, cancellation);
}
