using System.Globalization;
using System.Text;

namespace Latchkey.Cli.Monitoring;

/// <summary>Prometheus's text format, version 0.0.4: names with underscores, the unit at the end, counters with <c>_total</c>.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(Measurements measurements)
    {
        var text = new StringBuilder(4096);
        // One figure can be several instruments, such as those of two servers in one process.
        foreach (var group in measurements.Read().GroupBy(NameOf, StringComparer.Ordinal))
        {
            var metric = group.First();
            text.Append("# HELP ").Append(group.Key).Append(' ').Append(metric.Description.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal)).Append('\n');
            text.Append("# TYPE ").Append(group.Key).Append(' ').Append(metric.Kind switch { MetricKind.Counter => "counter", MetricKind.Gauge => "gauge", _ => "histogram" }).Append('\n');
            foreach (var series in group.SelectMany(one => one.Series)) Write(text, group.Key, metric, series);
        }

        return text.ToString();
    }

    private static string NameOf(Measurements.Metric metric)
    {
        var name = metric.Name.Replace('.', '_').Replace('-', '_');
        var unit = metric.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        if (!name.EndsWith(unit, StringComparison.Ordinal)) name += unit;
        return metric.Kind == MetricKind.Counter ? name + "_total" : name;
    }

    private static void Write(StringBuilder text, string name, Measurements.Metric metric, Series series)
    {
        var (sum, count, buckets) = series.Read();
        if (metric.Kind != MetricKind.Histogram)
        {
            Line(text, name, series, null, Number(sum));
            return;
        }

        var below = 0L;
        for (var i = 0; i < metric.Boundaries.Length; i++) Line(text, name + "_bucket", series, Number(metric.Boundaries[i]), Number(below += buckets[i]));
        Line(text, name + "_bucket", series, "+Inf", Number(count));
        Line(text, name + "_sum", series, null, Number(sum));
        Line(text, name + "_count", series, null, Number(count));
    }

    private static void Line(StringBuilder text, string name, Series series, string? below, string value)
    {
        text.Append(name);
        var separator = '{';
        foreach (var (label, labelled) in series.Labels.Pairs()) Label(label.Replace('.', '_'), labelled);
        if (below is not null) Label("le", below);
        if (separator == ',') text.Append('}');
        text.Append(' ').Append(value).Append('\n');

        void Label(string label, string labelled)
        {
            text.Append(separator).Append(label).Append("=\"");
            foreach (var character in labelled) text.Append(character switch { '\\' => @"\\", '"' => "\\\"", '\n' => @"\n", _ => character.ToString() });
            text.Append('"');
            separator = ',';
        }
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
