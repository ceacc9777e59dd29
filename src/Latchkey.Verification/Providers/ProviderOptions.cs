namespace Latchkey.Verification.Providers;

/// <summary>How patiently a provider is asked, and how long its answers count. The defaults suit production.</summary>
public sealed record ProviderOptions
{
    /// <summary>The defaults.</summary>
    public static ProviderOptions Default { get; } = new();

    /// <summary>The time for one whole exchange, the last byte of the body included: 10 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The most bytes that an answer may have: 1 MiB.</summary>
    public int MaximumDocumentSize { get; init; } = 1024 * 1024;

    /// <summary>How long metadata counts before it is read again: 24 hours.</summary>
    public TimeSpan MetadataLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long keys count where the answer has no <c>max-age</c>: 1 hour.</summary>
    public TimeSpan KeysLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The least time that keys count, whatever <c>max-age</c> says: 5 minutes.</summary>
    public TimeSpan MinimumKeysLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>The longest time that keys count, whatever <c>max-age</c> says: 24 hours.</summary>
    public TimeSpan MaximumKeysLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How often keys may be read again because of a key id that is not in them: on average once in this time, 15 seconds, with one more in hand.
    /// A reading that brings the key costs nothing.
    /// </summary>
    public TimeSpan KeysCooldown { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long metadata and keys are used on past their lifetime while the provider can't be reached: 24 hours.</summary>
    public TimeSpan StaleKeys { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The pause after a failed reading before the next one is tried: 1 second. Callers in between get the same error at once.</summary>
    public TimeSpan FailurePause { get; init; } = TimeSpan.FromSeconds(1);
}
