using System.Globalization;

namespace Latchkey.Server.Pages;

/// <summary>A moment in a person's words; every page tells the time in UTC, which the server knows, not in the browser's zone, which it does not.</summary>
internal static class When
{
    private const long Minute = 60_000;
    private const long Hour = 60 * Minute;
    private const long Day = 24 * Hour;

    /// <summary>How long ago something was; its date when that was more than a week ago.</summary>
    /// <param name="at">Unix milliseconds.</param>
    /// <param name="now">Unix milliseconds.</param>
    public static string Ago(long at, long now) => (now - at) switch
    {
        < Minute => "just now",
        < 2 * Minute => "a minute ago",
        < Hour => $"{(now - at) / Minute} minutes ago",
        < 2 * Hour => "an hour ago",
        < Day => $"{(now - at) / Hour} hours ago",
        < 2 * Day => "a day ago",
        < 8 * Day => $"{(now - at) / Day} days ago",
        _ => "on " + Date(at),
    };

    /// <summary>A date such as 14 September 2026.</summary>
    /// <param name="at">Unix milliseconds.</param>
    public static string Date(long at) => Moment(at).ToString("d MMMM yyyy", CultureInfo.InvariantCulture);

    /// <summary>To the second, such as 2026-11-23 22:21:10 UTC.</summary>
    /// <param name="at">Unix milliseconds.</param>
    public static string Exact(long at) => Moment(at).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    /// <summary>For the <c>datetime</c> attribute.</summary>
    /// <param name="at">Unix milliseconds.</param>
    public static string Machine(long at) => Moment(at).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A waiting time, rounded up, such as 5 minutes.</summary>
    public static string Span(TimeSpan span)
    {
        var minutes = (int)Math.Ceiling(span.TotalMinutes);
        return minutes <= 1 ? "a minute" : minutes < 120 ? $"{minutes} minutes" : $"{(minutes + 59) / 60} hours";
    }

    private static DateTimeOffset Moment(long at) => DateTimeOffset.FromUnixTimeMilliseconds(at);
}
