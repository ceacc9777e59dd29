using Latchkey.Verification.Providers;

namespace Latchkey.Client.Tests.Rogue;

/// <summary>A clock for which every wait is over at once, and which shows the time that it would have taken. Limits of half a day and more never end.</summary>
internal sealed class JumpingClock : TimeProvider
{
    private static readonly TimeSpan Never = TimeSpan.FromHours(12);

    private readonly Lock _gate = new();
    private DateTimeOffset _now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Limits of exchanges that don't end under this clock.</summary>
    public static ProviderOptions Limits { get; } = new() { Timeout = Never };

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _now;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime >= TimeSpan.Zero && dueTime < Never)
        {
            lock (_gate) _now += dueTime;
            ThreadPool.QueueUserWorkItem(_ => callback(state));
        }

        return new Nothing();
    }

    private sealed class Nothing : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
