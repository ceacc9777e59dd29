using Latchkey.Protocol;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Device;

/// <summary>Asks the token endpoint until a person has decided: the manners of RFC 8628 section 3.5, which CIBA shares.</summary>
/// <param name="ask">Asks once.</param>
/// <param name="clock">The clock of the pauses.</param>
/// <param name="lifetime">For how long there can be an answer.</param>
/// <param name="interval">The pause between two polls at first.</param>
/// <param name="expired">What nobody's decision in time is.</param>
internal sealed class DecisionPoll(Func<CancellationToken, Task<TokenSet>> ask, TimeProvider clock, TimeSpan lifetime, TimeSpan interval, Func<Refusal> expired)
{
    // Five seconds more from now on, at each slow_down.
    private static readonly TimeSpan SlowDown = TimeSpan.FromSeconds(5);

    // Network faults double the wait up to this.
    private static readonly TimeSpan MaximumBackOff = TimeSpan.FromMinutes(1);

    public DateTimeOffset ExpiresAt { get; } = clock.GetUtcNow() + lifetime;

    public TimeSpan Interval { get; private set; } = interval;

    public async Task<TokenSet> WaitAsync(IProgress<DeviceProgress>? progress, CancellationToken cancellationToken)
    {
        var faults = 0;
        TimeSpan? retryAfter = null;
        while (true)
        {
            var pause = BackOff(faults);
            if (retryAfter > pause) pause = retryAfter.Value;
            var remaining = ExpiresAt - clock.GetUtcNow();
            // A poll after the end could only be refused.
            if (pause >= remaining)
            {
                if (remaining > TimeSpan.Zero) await Task.Delay(remaining, clock, cancellationToken).ConfigureAwait(false);
                throw Expired();
            }

            await Task.Delay(pause, clock, cancellationToken).ConfigureAwait(false);
            var poll = await PollAsync(cancellationToken).ConfigureAwait(false);
            if (poll.Tokens is { } tokens) return tokens;
            faults = poll.State == DeviceState.Unreachable ? faults + 1 : 0;
            retryAfter = poll.RetryAfter;
            progress?.Report(poll);
        }
    }

    public async Task<DeviceProgress> PollAsync(CancellationToken cancellationToken)
    {
        if (clock.GetUtcNow() >= ExpiresAt) throw Expired();
        try
        {
            var tokens = await ask(cancellationToken).ConfigureAwait(false);
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

    private TimeSpan BackOff(int faults)
    {
        if (faults == 0) return Interval;
        var longest = Interval > MaximumBackOff ? Interval : MaximumBackOff;
        var pause = Interval * Math.Pow(2, Math.Min(faults, 16));
        return pause < longest ? pause : longest;
    }

    private DeviceProgress Progress(DeviceState state, TimeSpan? retryAfter) =>
        new(state) { Interval = Interval, ExpiresAt = ExpiresAt, RetryAfter = retryAfter };

    private OAuthException Expired() => new("expired_token", null, expired());
}
