using System.Net;
using System.Text;

namespace Latchkey.Bench;

/// <summary>A chart of horizontal bars in groups, as SVG that reads well on light and on dark ground.</summary>
/// <param name="title">What is shown.</param>
/// <param name="note">In what unit, and which way is good.</param>
internal sealed class BarChart(string title, string note)
{
    private const int Width = 860;
    private const int LabelWidth = 200;
    private const int ValueWidth = 90;
    private const int BarHeight = 16;
    private const int BarStep = 22;
    private const int GroupGap = 34;
    private const int Top = 74;

    private readonly List<(string Group, List<Bar> Bars)> _groups = [];

    /// <summary>One bar.</summary>
    /// <param name="Label">Whose.</param>
    /// <param name="Value">How long.</param>
    /// <param name="Text">The value as text.</param>
    /// <param name="Style"><c>own</c>, <c>peer</c> or <c>floor</c>.</param>
    internal sealed record Bar(string Label, double Value, string Text, string Style);

    /// <summary>Adds bars that have a scale of their own.</summary>
    public void Add(string group, IEnumerable<Bar> bars) => _groups.Add((group, [.. bars.Where(bar => double.IsFinite(bar.Value))]));

    public string ToSvg()
    {
        var svg = new StringBuilder();
        var y = Top;
        foreach (var (group, bars) in _groups.Where(group => group.Bars.Count > 0))
        {
            var longest = bars.Max(bar => bar.Value);
            svg.AppendLine($"""<text class="group" x="0" y="{y}">{Escape(group)}</text>""");
            y += 10;
            foreach (var bar in bars)
            {
                var length = Math.Max(2, bar.Value / longest * (Width - LabelWidth - ValueWidth));
                svg.AppendLine($"""<text class="label" x="{LabelWidth - 10}" y="{y + 12.5}" text-anchor="end">{Escape(bar.Label)}</text>""")
                    .AppendLine($"""<rect class="{bar.Style}" x="{LabelWidth}" y="{y}" width="{length:F1}" height="{BarHeight}" rx="2"/>""")
                    .AppendLine($"""<text class="value" x="{LabelWidth + length + 8:F1}" y="{y + 12.5}">{Escape(bar.Text)}</text>""");
                y += BarStep;
            }

            y += GroupGap;
        }

        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{y - GroupGap + 12}}" role="img" aria-label="{{Escape(title)}}">
            <style>
            text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
            .title { font-size: 17px; font-weight: 600 } .group { font-weight: 600 } .note, .label { fill: #57606a } .value { font-variant-numeric: tabular-nums }
            .own { fill: #1a7f64 } .peer { fill: #9aa4af } .floor { fill: #d0d7de }
            @media (prefers-color-scheme: dark) {
              text { fill: #e6edf3 } .note, .label { fill: #9198a1 }
              .own { fill: #3fb68f } .peer { fill: #6e7681 } .floor { fill: #3d444d }
            }
            </style>
            <text class="title" x="0" y="20">{{Escape(title)}}</text>
            <text class="note" x="0" y="42">{{Escape(note)}}</text>
            {{svg}}</svg>

            """;
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
