using System.Diagnostics.Metrics;

namespace Latchkey.Storage;

/// <summary>The figures of a database, for its engines to tell. docs/how-to/monitor.md lists the names. Nothing is done while nobody listens.</summary>
public static class StoreTelemetry
{
    /// <summary>The name of the meter.</summary>
    public const string Name = "Latchkey.Storage";

    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<long> BatchSize = Meter.CreateHistogram(
        "latchkey.store.batch.size", "{write}", "Writes that shared one commit.", tags: null,
        new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256] });

    private static readonly Histogram<double> CommitDuration = Meter.CreateHistogram(
        "latchkey.store.commit.duration", "s", "Time from the begin of a batch's transaction to its durable end.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] });

    private static readonly Counter<long> Failures = Meter.CreateCounter<long>("latchkey.store.failures", "{commit}", "Batches that were not committed.");

    /// <summary>A batch was committed, or not.</summary>
    /// <param name="writes">How many writes it held.</param>
    /// <param name="seconds">How long it took.</param>
    /// <param name="committed">Whether it is durable now.</param>
    public static void Committed(int writes, double seconds, bool committed)
    {
        BatchSize.Record(writes);
        CommitDuration.Record(seconds);
        if (!committed) Failures.Add(1);
    }
}
