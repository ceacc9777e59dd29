using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Latchkey.Cli.Monitoring;

/// <summary>
/// The messages of OTLP 1 in JSON: ids in hexadecimal, 64-bit numbers as strings, enumerations as numbers. Sums are cumulative since the start.
/// </summary>
internal sealed class OtlpJson(string issuer)
{
    private const int Cumulative = 2;

    /// <summary>An ExportMetricsServiceRequest.</summary>
    public byte[] Metrics(Measurements measurements, DateTimeOffset now) => Write(json =>
    {
        Begin(json, "resourceMetrics", "scopeMetrics");
        json.WriteStartArray("metrics");
        foreach (var group in measurements.Read().GroupBy(metric => metric.Name, StringComparer.Ordinal))
        {
            var metric = group.First();
            json.WriteStartObject();
            json.WriteString("name", metric.Name);
            json.WriteString("description", metric.Description);
            json.WriteString("unit", metric.Unit);
            json.WriteStartObject(metric.Kind switch { MetricKind.Counter => "sum", MetricKind.Gauge => "gauge", _ => "histogram" });
            if (metric.Kind != MetricKind.Gauge) json.WriteNumber("aggregationTemporality", Cumulative);
            if (metric.Kind == MetricKind.Counter) json.WriteBoolean("isMonotonic", true);
            json.WriteStartArray("dataPoints");
            foreach (var series in group.SelectMany(one => one.Series)) WritePoint(json, metric, series, measurements.Started, now);
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        End(json);
    });

    /// <summary>An ExportTraceServiceRequest.</summary>
    public byte[] Traces(IReadOnlyList<Activity> spans) => Write(json =>
    {
        Begin(json, "resourceSpans", "scopeSpans");
        json.WriteStartArray("spans");
        foreach (var span in spans) WriteSpan(json, span);
        json.WriteEndArray();
        End(json);
    });

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private void Begin(Utf8JsonWriter json, string resources, string scopes)
    {
        json.WriteStartArray(resources);
        json.WriteStartObject();
        json.WriteStartObject("resource");
        WriteAttributes(json, [new("service.name", "latchkey"), new("service.version", CommandLine.Version), new("latchkey.issuer", issuer)]);
        json.WriteEndObject();
        json.WriteStartArray(scopes);
        json.WriteStartObject();
        json.WriteStartObject("scope");
        json.WriteString("name", "latchkey");
        json.WriteEndObject();
    }

    private static void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
    }

    private static void WritePoint(Utf8JsonWriter json, Measurements.Metric metric, Series series, DateTimeOffset started, DateTimeOffset now)
    {
        var (sum, count, buckets) = series.Read();
        json.WriteStartObject();
        WriteAttributes(json, series.Labels.Pairs().Select(pair => new KeyValuePair<string, object?>(pair.Name, pair.Value)));
        json.WriteString("startTimeUnixNano", Nanoseconds(started));
        json.WriteString("timeUnixNano", Nanoseconds(now));
        if (metric.Kind != MetricKind.Histogram)
        {
            json.WriteNumber("asDouble", sum);
        }
        else
        {
            json.WriteNumber("sum", sum);
            json.WriteString("count", count.ToString(CultureInfo.InvariantCulture));
            json.WriteStartArray("bucketCounts");
            foreach (var bucket in buckets) json.WriteStringValue(bucket.ToString(CultureInfo.InvariantCulture));
            json.WriteEndArray();
            json.WriteStartArray("explicitBounds");
            foreach (var boundary in metric.Boundaries) json.WriteNumberValue(boundary);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteSpan(Utf8JsonWriter json, Activity span)
    {
        const int server = 2, failed = 2;
        json.WriteStartObject();
        json.WriteString("traceId", span.TraceId.ToHexString());
        json.WriteString("spanId", span.SpanId.ToHexString());
        if (span.ParentSpanId != default) json.WriteString("parentSpanId", span.ParentSpanId.ToHexString());
        json.WriteString("name", span.DisplayName);
        json.WriteNumber("kind", server);
        json.WriteString("startTimeUnixNano", Nanoseconds(span.StartTimeUtc));
        json.WriteString("endTimeUnixNano", Nanoseconds(span.StartTimeUtc + span.Duration));
        WriteAttributes(json, span.TagObjects);
        if (span.Status == ActivityStatusCode.Error)
        {
            json.WriteStartObject("status");
            json.WriteNumber("code", failed);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static void WriteAttributes(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, object?>> attributes)
    {
        json.WriteStartArray("attributes");
        foreach (var (name, value) in attributes)
        {
            json.WriteStartObject();
            json.WriteString("key", name);
            json.WriteStartObject("value");
            if (value is int number) json.WriteString("intValue", number.ToString(CultureInfo.InvariantCulture));
            else json.WriteString("stringValue", value?.ToString());
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string Nanoseconds(DateTimeOffset time) => ((time - DateTimeOffset.UnixEpoch).Ticks * 100).ToString(CultureInfo.InvariantCulture);
}
