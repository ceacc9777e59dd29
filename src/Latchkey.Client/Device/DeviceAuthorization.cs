namespace Latchkey.Client.Device;

/// <summary>
/// A sign-in on another device (RFC 8628): show <see cref="UserCode"/> and <see cref="VerificationUri"/>, then <see cref="WaitAsync"/>.
/// </summary>
public sealed class DeviceAuthorization
{
    private readonly DecisionPoll _poll;

    internal DeviceAuthorization(TokenRequests tokens, TimeProvider clock, DeviceAnswer answer, string? scope)
    {
        UserCode = answer.UserCode;
        VerificationUri = answer.VerificationUri;
        VerificationUriComplete = answer.VerificationUriComplete;
        _poll = new DecisionPoll(
            cancellation => tokens.PollAsync(answer.DeviceCode, scope, cancellation), clock, answer.Lifetime, answer.Interval, ClientRefusals.DeviceCodeExpired);
    }

    /// <summary>What the person types there, or compares with what is shown there. Printable ASCII, fit for a terminal.</summary>
    public string UserCode { get; }

    /// <summary>Where the person goes: an https address, or http on loopback.</summary>
    public Uri VerificationUri { get; }

    /// <summary>The same with the code in it, for a QR code; null if the provider has none. Show the code beside it, to be compared (RFC 8628 section 3.3.1).</summary>
    public Uri? VerificationUriComplete { get; }

    /// <summary>When the codes end.</summary>
    public DateTimeOffset ExpiresAt => _poll.ExpiresAt;

    /// <summary>The pause between two polls: the provider's, five seconds if it names none, and more after each <c>slow_down</c>.</summary>
    public TimeSpan Interval => _poll.Interval;

    /// <summary>
    /// Asks the provider until the person has decided. Waits the interval before each poll, five seconds more for good after each
    /// <c>slow_down</c>, at least as long as <c>Retry-After</c> says, and twice as long after each failure of the network; stops when the codes end.
    /// </summary>
    /// <param name="progress">Told after each poll that brought no tokens; null if nobody wants to know.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The tokens.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c>: the person said no. <c>expired_token</c>: nobody decided in time.</exception>
    public Task<TokenSet> WaitAsync(IProgress<DeviceProgress>? progress = null, CancellationToken cancellationToken = default) => _poll.WaitAsync(progress, cancellationToken);

    /// <summary>
    /// Asks the provider once, for programs that keep their own time: wait <see cref="Interval"/> before each call, longer after
    /// <see cref="DeviceState.Unreachable"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>How it stands; with <see cref="DeviceState.Done"/> the tokens.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c> or <c>expired_token</c>, or the answer failed a check.</exception>
    public Task<DeviceProgress> PollAsync(CancellationToken cancellationToken = default) => _poll.PollAsync(cancellationToken);

    /// <summary>Neither code.</summary>
    public override string ToString() => $"device sign-in at {VerificationUri} until {ExpiresAt:u}";
}
