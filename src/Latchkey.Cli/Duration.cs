using System.CommandLine;
using System.Globalization;

namespace Latchkey.Cli;

/// <summary>A length of time as people type it: <c>90s</c>, <c>30m</c>, <c>24h</c>, <c>7d</c>.</summary>
internal static class Duration
{
    /// <summary>Describes an option that is a length of time.</summary>
    public static Option<TimeSpan?> Option(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "24h",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (Parse(text) is { } span) return span;
            result.AddError($"{name} is \"{text}\", but it must be a length of time such as 90s, 30m, 24h or 7d");
            return null;
        },
    };

    /// <summary>Reads a length of time; null for anything else.</summary>
    public static TimeSpan? Parse(string text)
    {
        if (text.Length < 2 || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count)) return null;
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMinutes(count),
            'h' => TimeSpan.FromHours(count),
            'd' when count <= 36500 => TimeSpan.FromDays(count),
            _ => null,
        };
    }
}
