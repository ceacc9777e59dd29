using Latchkey.Protocol.Messages;

namespace Latchkey.Verification.Providers;

/// <summary>
/// The keys that a provider signs with. They are read when first needed, renewed in the background in the second half of their life, read again at
/// once for a key id that is not among them, and used on for a day while the provider is away.
/// </summary>
public sealed class ProviderKeys
{
    private readonly Provider _provider;
    private readonly TimeProvider _clock;
    private readonly ProviderOptions _options;
    private readonly RenewedDocument<KeySet> _keys;
    private readonly UnknownKeys _unknown;
    private readonly Lock _asking = new();

    internal ProviderKeys(Provider provider, TimeProvider clock, ProviderOptions options)
    {
        _provider = provider;
        _clock = clock;
        _options = options;
        _keys = new(ReadAsync, clock, options);
        _unknown = new(clock, options.KeysCooldown);
    }

    /// <summary>Why the last reading failed; null if it did not.</summary>
    internal ProviderException? Failure => _keys.Failure;

    /// <summary>
    /// The key that signed, if the provider has it. Call it only for a token that is right in all that can be seen without the key: an unknown key id
    /// can make the provider be asked, though no more than <see cref="ProviderOptions.KeysCooldown"/> allows.
    /// </summary>
    /// <param name="keyId">The token's <c>kid</c>; null if it has none.</param>
    /// <param name="algorithm">The token's <c>alg</c>.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The key, or null if the provider has none of this id for this algorithm, or several.</returns>
    /// <exception cref="ProviderException">The keys were never read, or the key is not among them, and they can't be read now.</exception>
    public ValueTask<VerificationKey?> FindAsync(string? keyId, string algorithm, CancellationToken cancellationToken = default)
    {
        var keys = _keys.Current();
        return keys?.Find(keyId, algorithm) is { } key ? new(key) : LookAgainAsync(keys, keyId, algorithm, cancellationToken);
    }

    /// <summary>
    /// Whether a key that was found earlier is still the provider's. It waits for nothing, but has the keys renewed when that is due; false also
    /// when they are out of date.
    /// </summary>
    /// <param name="key">The key.</param>
    public bool Holds(VerificationKey key) => _keys.Current()?.Holds(key) ?? false;

    private async ValueTask<VerificationKey?> LookAgainAsync(KeySet? looked, string? keyId, string algorithm, CancellationToken cancellationToken)
    {
        if (looked is null)
        {
            var keys = await _keys.GetAsync(cancellationToken).ConfigureAwait(false);
            if (keys.Find(keyId, algorithm) is { } key) return key;
            // What was read for this very request need not be read again; what is out of date may lack a new key.
            var stale = _keys.Failure is null ? null : await _keys.ReadAgainAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            return _keys.Latest!.Find(keyId, algorithm) ?? (stale is null ? null : throw Again(stale));
        }

        Task<ProviderException?>? reading;
        var isMine = false;
        lock (_asking)
        {
            // Of all who bring the first tokens of a new key at once, one asks and the others wait for the same answer, or have just missed it.
            reading = _keys.UnderWay;
            if (reading is null && _keys.Latest!.Find(keyId, algorithm) is { } late) return late;
            if (reading is null && (isMine = _unknown.MayAsk(keyId))) reading = _keys.ReadAgainAsync();
        }

        if (reading is null) return null;
        var failure = await reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (_keys.Latest!.Find(keyId, algorithm) is { } found)
        {
            if (isMine) _unknown.Found(keyId);
            return found;
        }

        return failure is null ? null : throw Again(failure);
    }

    // Whether the provider has such a key by now is not known, which is no verdict on the token. A new exception for each caller.
    private static ProviderException Again(ProviderException failure) => new(failure.Refusal, failure.IsTransient, failure);

    private async Task<Copy<KeySet>> ReadAsync()
    {
        if (_provider.Jwks is { } known)
        {
            var given = KeySet.Read(known, _keys.Latest) ?? throw ProviderRefusals.MalformedKeys(_provider.Issuer);
            return new(given, DateTimeOffset.MaxValue, DateTimeOffset.MaxValue);
        }

        ServerMetadata metadata = await _provider.MetadataAsync().ConfigureAwait(false);
        var address = metadata.JwksUri ?? throw ProviderRefusals.NoKeys(_provider.Issuer);
        var answer = await _provider.GetAsync(address).ConfigureAwait(false);
        if (!answer.IsSuccess) throw ProviderRefusals.Status(answer);
        var keys = KeySet.Read(answer.Json, _keys.Latest) ?? throw ProviderRefusals.MalformedKeys(address);
        if (_keys.Latest is null) _unknown.Spend();
        var lifetime = Clamp(answer.Headers.CacheControl?.MaxAge ?? _options.KeysLifetime);
        var now = _clock.GetUtcNow();
        return new(keys, Provider.RenewAt(now, lifetime), now + lifetime);
    }

    private TimeSpan Clamp(TimeSpan lifetime) =>
        lifetime < _options.MinimumKeysLifetime ? _options.MinimumKeysLifetime
        : lifetime > _options.MaximumKeysLifetime ? _options.MaximumKeysLifetime
        : lifetime;
}
