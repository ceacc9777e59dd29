using System.Collections.Concurrent;

namespace Latchkey.Client.Tokens;

/// <summary>
/// A client's own access tokens (client credentials, OAuth 2.1 section 4.2), kept and renewed: one request to the provider however many calls need the
/// token, and the next a little before the last one ends. Make one per client and share it.
/// </summary>
public sealed class MachineTokens : ITokenSource
{
    // A program that asks for this many different tokens makes its scopes of something that never ends; the oldest are forgotten.
    private const int Maximum = 1000;

    private readonly LatchkeyClient _client;
    private readonly TimeProvider _clock;
    private readonly SharedTokens? _shared;
    private readonly ConcurrentDictionary<TokenKey, MachineTokenSource> _sources = new();
    private readonly MachineTokenSource _default;

    /// <summary>A cache for one client.</summary>
    /// <param name="client">The client; it needs a credential.</param>
    /// <param name="clock">The clock; the system's if null.</param>
    /// <param name="shared">Where several nodes of a service keep their tokens together; null keeps them in this process only.</param>
    public MachineTokens(LatchkeyClient client, TimeProvider? clock = null, SharedTokens? shared = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        _clock = clock ?? TimeProvider.System;
        _shared = shared;
        _default = Source(null, null);
    }

    /// <summary>The source of one kind of token.</summary>
    /// <param name="scope">The scope to ask for, words separated by spaces; null for the client's own.</param>
    /// <param name="resource">The API it is for (RFC 8707); null for the client's own.</param>
    /// <returns>The same source for the same scope and resource.</returns>
    public ITokenSource For(string? scope = null, string? resource = null) => scope is null && resource is null ? _default : Source(scope, resource);

    /// <inheritdoc />
    public ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken = default) => _default.GetAsync(cancellationToken);

    /// <inheritdoc />
    public ValueTask<AccessToken> RenewAsync(AccessToken refused, CancellationToken cancellationToken = default) => _default.RenewAsync(refused, cancellationToken);

    /// <summary>Says whose tokens, never the tokens.</summary>
    public override string ToString() => $"Machine tokens of {_client.Options}";

    internal int Count => _sources.Count;

    private MachineTokenSource Source(string? scope, string? resource)
    {
        var options = _client.Options;
        var key = new TokenKey(
            "", options.Issuer, options.ClientId, TokenKey.Normalized(resource ?? string.Join(' ', options.Resources)),
            TokenKey.Normalized(scope ?? options.Scope), options.DPoPKey?.Thumbprint ?? "");
        if (_sources.Count >= Maximum && !_sources.ContainsKey(key)) Forget();
        return _sources.GetOrAdd(key, static (key, self) => new(key, self.Fetch, self._shared, self._clock), (Fetch: Fetching(scope, resource), _shared, _clock));
    }

    private Func<CancellationToken, Task<TokenSet>> Fetching(string? scope, string? resource) =>
        cancellation => _client.ClientCredentialsAsync(scope, resource, cancellation);

    private void Forget()
    {
        foreach (var (key, source) in _sources)
        {
            // Whoever still holds it goes on with it.
            if (source != _default && source.IsIdle) _sources.TryRemove(new(key, source));
        }
    }
}
