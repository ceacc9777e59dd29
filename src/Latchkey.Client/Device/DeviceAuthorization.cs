using Latchkey.Verification.Providers;

namespace Latchkey.Client.Device;

/// <summary>
/// A sign-in on another device (RFC 8628): show <see cref="UserCode"/> and <see cref="VerificationUri"/>, then <see cref="WaitAsync"/>.
/// </summary>
public sealed class DeviceAuthorization
{
    // RFC 8628 section 3.5: five seconds more from now on, at each slow_down.
    private static readonly TimeSpan SlowDown = TimeSpan.FromSeconds(5);

    // Network faults double the wait up to this.
    private static readonly TimeSpan MaximumBackOff = TimeSpan.FromMinutes(1);

    private readonly TokenRequests _tokens;
    private readonly TimeProvider _clock;
    private readonly string _deviceCode;
    private readonly string? _scope;

    internal DeviceAuthorization(TokenRequests tokens, TimeProvider clock, DeviceAnswer answer, string? scope)
    {
        _tokens = tokens;
        _clock = clock;
        _deviceCode = answer.DeviceCode;
        _scope = scope;
        UserCode = answer.UserCode;
        VerificationUri = answer.VerificationUri;
        VerificationUriComplete = answer.VerificationUriComplete;
        Interval = answer.Interval;
        ExpiresAt = clock.GetUtcNow() + answer.Lifetime;
    }

    /// <summary>What the person types there, or compares with what is shown there. Printable ASCII, fit for a terminal.</summary>
    public string UserCode { get; }

    /// <summary>Where the person goes: an https address, or http on loopback.</summary>
    public Uri VerificationUri { get; }

    /// <summary>The same with the code in it, for a QR code; null if the provider has none. Show the code beside it, to be compared (RFC 8628 section 3.3.1).</summary>
    public Uri? VerificationUriComplete { get; }

    /// <summary>When the codes end.</summary>
    public DateTimeOffset ExpiresAt { get; }

    /// <summary>The pause between two polls: the provider's, five seconds if it names none, and more after each <c>slow_down</c>.</summary>
    public TimeSpan Interval { get; private set; }

    /// <summary>
    /// Asks the provider until the person has decided. Waits the interval before each poll, five seconds more for good after each
    /// <c>slow_down</c>, at least as long as <c>Retry-After</c> says, and twice as long after each failure of the network; stops when the codes end.
    /// </summary>
    /// <param name="progress">Told after each poll that brought no tokens; null if nobody wants to know.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The tokens.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c>: the person said no. <c>expired_token</c>: nobody decided in time.</exception>
    public async Task<TokenSet> WaitAsync(IProgress<DeviceProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        var faults = 0;
        TimeSpan? retryAfter = null;
        while (true)
        {
            var pause = BackOff(faults);
            if (retryAfter > pause) pause = retryAfter.Value;
            var remaining = ExpiresAt - _clock.GetUtcNow();
            // A poll after the end could only be refused.
            if (pause >= remaining)
            {
                if (remaining > TimeSpan.Zero) await Task.Delay(remaining, _clock, cancellationToken).ConfigureAwait(false);
                throw Expired();
            }

            await Task.Delay(pause, _clock, cancellationToken).ConfigureAwait(false);
            var poll = await PollAsync(cancellationToken).ConfigureAwait(false);
            if (poll.Tokens is { } tokens) return tokens;
            faults = poll.State == DeviceState.Unreachable ? faults + 1 : 0;
            retryAfter = poll.RetryAfter;
            progress?.Report(poll);
        }
    }

    /// <summary>
    /// Asks the provider once, for programs that keep their own time: wait <see cref="Interval"/> before each call, longer after
    /// <see cref="DeviceState.Unreachable"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>How it stands; with <see cref="DeviceState.Done"/> the tokens.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c> or <c>expired_token</c>, or the answer failed a check.</exception>
    public async Task<DeviceProgress> PollAsync(CancellationToken cancellationToken = default)
    {
        if (_clock.GetUtcNow() >= ExpiresAt) throw Expired();
        try
        {
            var tokens = await _tokens.PollAsync(_deviceCode, _scope, cancellationToken).ConfigureAwait(false);
            return Progress(DeviceState.Done, null) with { Tokens = tokens };
        }
        catch (OAuthException exception) when (exception.Error == "authorization_pending")
        {
            return Progress(DeviceState.Pending, exception.RetryAfter);
        }
        catch (OAuthException exception) when (exception.Error == "slow_down")
        {
            Interval += SlowDown;
            return Progress(DeviceState.SlowDown, exception.RetryAfter);
        }
        catch (OAuthException exception) when (exception.Error is "temporarily_unavailable" or "server_error" || exception.Status is 429 or >= 500)
        {
            return Progress(DeviceState.Unreachable, exception.RetryAfter);
        }
        catch (ProviderException exception) when (exception.IsTransient)
        {
            return Progress(DeviceState.Unreachable, null) with { Fault = exception };
        }
    }

    /// <summary>Neither code.</summary>
    public override string ToString() => $"device sign-in at {VerificationUri} until {ExpiresAt:u}";

    private TimeSpan BackOff(int faults)
    {
        if (faults == 0) return Interval;
        var longest = Interval > MaximumBackOff ? Interval : MaximumBackOff;
        var pause = Interval * Math.Pow(2, Math.Min(faults, 16));
        return pause < longest ? pause : longest;
    }

    private DeviceProgress Progress(DeviceState state, TimeSpan? retryAfter) =>
        new(state) { Interval = Interval, ExpiresAt = ExpiresAt, RetryAfter = retryAfter };

    private static OAuthException Expired() => new("expired_token", null, ClientRefusals.DeviceCodeExpired());
}
