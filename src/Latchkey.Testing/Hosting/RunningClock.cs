namespace Latchkey.Testing.Hosting;

/// <summary>The system's clock, put forward: for programs outside the test's process, whose own clocks run.</summary>
internal sealed class RunningClock : TimeProvider
{
    private long _ahead;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _ahead));

    public void Advance(TimeSpan time) => Interlocked.Add(ref _ahead, time.Ticks);
}
