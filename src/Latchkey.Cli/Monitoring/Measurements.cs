using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Latchkey.Cli.Monitoring;

/// <summary>
/// Adds up what the meters of this process say, for whoever reads it: Prometheus by asking, a collector by being told. Made only where one of them is set.
/// </summary>
internal sealed class Measurements : IDisposable
{
    // More label values than any of our figures has: what is beyond shares one line, so that no caller can fill the memory.
    private const int MaximumSeries = 500;

    private static readonly double[] UsualBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<Instrument, Metric> _metrics = new();

    /// <summary>Begins to listen to the meters of these names.</summary>
    public Measurements(TimeProvider clock, params IReadOnlyCollection<string> meters)
    {
        Started = clock.GetUtcNow();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!meters.Contains(instrument.Meter.Name)) return;
            var metric = new Metric(instrument);
            _metrics[instrument] = metric;
            listener.EnableMeasurementEvents(instrument, metric);
        };
        _listener.MeasurementsCompleted = (instrument, _) => _metrics.TryRemove(instrument, out var _);
        _listener.SetMeasurementEventCallback<int>(static (_, value, tags, metric) => ((Metric)metric!).Take(value, tags));
        _listener.SetMeasurementEventCallback<long>(static (_, value, tags, metric) => ((Metric)metric!).Take(value, tags));
        _listener.SetMeasurementEventCallback<double>(static (_, value, tags, metric) => ((Metric)metric!).Take(value, tags));
        _listener.Start();
    }

    /// <summary>When the adding up began.</summary>
    public DateTimeOffset Started { get; }

    /// <summary>Everything as it stands now, by name.</summary>
    public IReadOnlyList<Metric> Read()
    {
        _listener.RecordObservableInstruments();
        return [.. _metrics.Values.OrderBy(metric => metric.Name, StringComparer.Ordinal)];
    }

    /// <inheritdoc />
    public void Dispose() => _listener.Dispose();

    /// <summary>One figure.</summary>
    internal sealed class Metric
    {
        private readonly ConcurrentDictionary<Labels, Series> _series = new();
        private readonly bool _isTotal;

        public Metric(Instrument instrument)
        {
            (Name, Unit, Description) = (instrument.Name, instrument.Unit ?? "", instrument.Description ?? "");
            Kind = instrument switch
            {
                Histogram<double> or Histogram<long> or Histogram<int> => MetricKind.Histogram,
                Counter<long> or Counter<double> or Counter<int> or ObservableCounter<long> or ObservableCounter<double> or ObservableCounter<int> => MetricKind.Counter,
                _ => MetricKind.Gauge,
            };
            // What is observed is told as it stands, the rest as what came on top.
            _isTotal = instrument.IsObservable || instrument is Gauge<long> or Gauge<double> or Gauge<int>;
            Boundaries = Kind != MetricKind.Histogram ? [] : instrument switch
            {
                Histogram<double> { Advice.HistogramBucketBoundaries: { } own } => [.. own],
                Histogram<long> { Advice.HistogramBucketBoundaries: { } own } => [.. own.Select(boundary => (double)boundary)],
                _ => UsualBoundaries,
            };
        }

        public string Name { get; }

        public string Unit { get; }

        public string Description { get; }

        public MetricKind Kind { get; }

        /// <summary>The upper ends of a histogram's buckets, ascending.</summary>
        public double[] Boundaries { get; }

        /// <summary>Every combination of labels that was seen.</summary>
        public IEnumerable<Series> Series => _series.Values;

        public void Take(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var labels = Labels.Of(tags);
            if (!_series.TryGetValue(labels, out var series))
            {
                if (_series.Count >= MaximumSeries) labels = Labels.Overflow;
                series = _series.GetOrAdd(labels, static (labels, metric) => new(labels, metric.Boundaries.Length), this);
            }

            if (Kind == MetricKind.Histogram) series.Add(value, BucketOf(value));
            else if (_isTotal) series.Set(value);
            else series.Add(value);
        }

        // The last bucket is for what is beyond all boundaries.
        private int BucketOf(double value)
        {
            var bucket = 0;
            while (bucket < Boundaries.Length && value > Boundaries[bucket]) bucket++;
            return bucket;
        }
    }
}

/// <summary>What can be done with a figure.</summary>
internal enum MetricKind
{
    /// <summary>It only grows.</summary>
    Counter,

    /// <summary>It goes up and down.</summary>
    Gauge,

    /// <summary>How values are spread.</summary>
    Histogram,
}
