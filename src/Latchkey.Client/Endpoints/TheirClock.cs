using System.Globalization;
using Latchkey.Protocol;

namespace Latchkey.Client.Endpoints;

/// <summary>
/// How far the provider's clock is from this machine's, by the <c>Date</c> of its answers to forms (RFC 9110 section 6.6.1): most tokens that are refused
/// for their time are refused for a clock that is wrong.
/// </summary>
internal sealed class TheirClock(TimeProvider clock)
{
    // The header counts whole seconds, and an answer takes its time.
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(5);

    private long _ticks = long.MinValue;

    /// <summary>How far it is ahead, to about a second; null before the provider has said.</summary>
    public TimeSpan? Offset => Volatile.Read(ref _ticks) is var ticks and not long.MinValue ? TimeSpan.FromTicks(ticks) : null;

    /// <summary>Takes note of the date of an answer.</summary>
    public void Learn(DateTimeOffset? date)
    {
        if (date is { } theirs) Volatile.Write(ref _ticks, (theirs - clock.GetUtcNow()).Ticks);
    }

    /// <summary>Says of a token that was refused for its time that the clocks differ, if they do.</summary>
    public Refusal Explain(Refusal refusal)
    {
        if (refusal.Code is not ("LK-JWT-EXPIRED" or "LK-JWT-NOT-YET-VALID" or "LK-JWT-ISSUED-IN-FUTURE") || Offset is not { } offset || offset.Duration() <= Tolerance) return refusal;
        var seconds = Math.Round(offset.Duration().TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return refusal with { Mend = $"This machine's clock is {seconds} s {(offset > TimeSpan.Zero ? "behind" : "ahead of")} the provider's, by the date of its answers; set it by the network (NTP)." };
    }
}
