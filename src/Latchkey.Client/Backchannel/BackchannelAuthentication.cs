using System.Text.Json;
using Latchkey.Client.Device;

namespace Latchkey.Client.Backchannel;

/// <summary>
/// A request to a person who is elsewhere (OpenID Connect CIBA): show the binding message, then <see cref="WaitAsync"/>. The person decides where the provider
/// asks them.
/// </summary>
public sealed class BackchannelAuthentication
{
    // Where the provider names none (CIBA Core section 7.3).
    private const double DefaultInterval = 5;
    private const double MaximumInterval = 3600;
    private const double MaximumLifetime = 7 * 86_400;

    private readonly DecisionPoll _poll;

    internal BackchannelAuthentication(TokenRequests tokens, TimeProvider clock, JsonElement answer, string? scope)
    {
        RequestId = answer.TryGetProperty("auth_req_id", out var id) && id.ValueKind == JsonValueKind.String && id.GetString() is { Length: > 0 and <= 4096 } text
            ? text
            : throw new OAuthException(ClientRefusals.BackchannelAnswerMalformed("auth_req_id"));
        var lifetime = TimeSpan.FromSeconds(Number(answer, "expires_in", null, MaximumLifetime));
        var interval = TimeSpan.FromSeconds(Math.Max(1, Number(answer, "interval", DefaultInterval, MaximumInterval)));
        _poll = new DecisionPoll(cancellation => tokens.CibaAsync(RequestId, scope, cancellation), clock, lifetime, interval, ClientRefusals.BackchannelRequestExpired);
    }

    /// <summary>The <c>auth_req_id</c>, which a ping names. A secret.</summary>
    public string RequestId { get; }

    /// <summary>When the request ends.</summary>
    public DateTimeOffset ExpiresAt => _poll.ExpiresAt;

    /// <summary>The pause between two polls: the provider's, five seconds if it names none, and more after each <c>slow_down</c>.</summary>
    public TimeSpan Interval => _poll.Interval;

    /// <summary>Asks the provider until the person has decided, as <see cref="DeviceAuthorization.WaitAsync"/> does.</summary>
    /// <param name="progress">Told after each poll that brought no tokens; null if nobody wants to know.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The tokens; their ID token is verified.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c>: the person said no. <c>expired_token</c>: nobody decided in time.</exception>
    public Task<TokenSet> WaitAsync(IProgress<DeviceProgress>? progress = null, CancellationToken cancellationToken = default) => _poll.WaitAsync(progress, cancellationToken);

    /// <summary>Asks the provider once: for programs that keep their own time, and after a ping.</summary>
    /// <param name="cancellationToken">Ends the exchange.</param>
    /// <returns>How it stands; with <see cref="DeviceState.Done"/> the tokens.</returns>
    /// <exception cref="OAuthException"><c>access_denied</c> or <c>expired_token</c>, or the answer failed a check.</exception>
    public Task<DeviceProgress> PollAsync(CancellationToken cancellationToken = default) => _poll.PollAsync(cancellationToken);

    /// <summary>Only when it ends.</summary>
    public override string ToString() => $"backchannel request until {ExpiresAt:u}";

    private static double Number(JsonElement json, string name, double? absent, double maximum)
    {
        if (!json.TryGetProperty(name, out var value)) return absent ?? throw new OAuthException(ClientRefusals.BackchannelAnswerMalformed(name));
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= 0
            ? Math.Min(number, maximum)
            : throw new OAuthException(ClientRefusals.BackchannelAnswerMalformed(name));
    }
}
