using Latchkey.Verification.Providers;

namespace Latchkey.Client.Device;

/// <summary>How a poll of the device flow, or of a request by the back channel, went.</summary>
public enum DeviceState
{
    /// <summary>The person has not decided yet: <c>authorization_pending</c>.</summary>
    Pending,

    /// <summary>The provider wants longer pauses, and gets them from now on: <c>slow_down</c>.</summary>
    SlowDown,

    /// <summary>The provider could not be reached or is overloaded; the next pause is longer.</summary>
    Unreachable,

    /// <summary>The person allowed it: there are tokens.</summary>
    Done,
}

/// <summary>What is known after a poll of the device flow (RFC 8628 section 3.5), or of a request by the back channel (OpenID Connect CIBA Core section 11).</summary>
/// <param name="State">How it went.</param>
public sealed record DeviceProgress(DeviceState State)
{
    /// <summary>The pause between polls from now on.</summary>
    public TimeSpan Interval { get; init; }

    /// <summary>When the codes end.</summary>
    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How long the provider asked to wait (<c>Retry-After</c>); null if it did not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What was wrong with the provider or the way to it; null if nothing was.</summary>
    public ProviderException? Fault { get; init; }

    /// <summary>The tokens, with <see cref="DeviceState.Done"/>; null otherwise.</summary>
    public TokenSet? Tokens { get; init; }

    /// <summary>Only the state.</summary>
    public override string ToString() => State.ToString();
}
