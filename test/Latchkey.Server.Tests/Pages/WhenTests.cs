using Latchkey.Server.Pages;

namespace Latchkey.Server.Tests.Pages;

public sealed class WhenTests
{
    private const long Second = 1_000;
    private const long Minute = 60 * Second;
    private const long Hour = 60 * Minute;
    private const long Day = 24 * Hour;

    // 2026-11-23 22:21:10 UTC
    private const long Now = 1_795_472_470_000;

    [Theory]
    [InlineData(-Hour, "just now")]
    [InlineData(0, "just now")]
    [InlineData(Minute - 1, "just now")]
    [InlineData(Minute, "a minute ago")]
    [InlineData((2 * Minute) - 1, "a minute ago")]
    [InlineData(2 * Minute, "2 minutes ago")]
    [InlineData(Hour - 1, "59 minutes ago")]
    [InlineData(Hour, "an hour ago")]
    [InlineData(2 * Hour, "2 hours ago")]
    [InlineData(Day - 1, "23 hours ago")]
    [InlineData(Day, "a day ago")]
    [InlineData(2 * Day, "2 days ago")]
    [InlineData((8 * Day) - 1, "7 days ago")]
    [InlineData(8 * Day, "on 15 November 2026")]
    public void How_long_ago_it_was(long before, string expected) => Assert.Equal(expected, When.Ago(Now - before, Now));

    [Fact]
    public void A_moment_is_told_in_UTC()
    {
        Assert.Equal("23 November 2026", When.Date(Now));
        Assert.Equal("2026-11-23 22:21:10 UTC", When.Exact(Now));
        Assert.Equal("2026-11-23T22:21:10Z", When.Machine(Now));
    }

    [Theory]
    [InlineData(0, "a minute")]
    [InlineData(60, "a minute")]
    [InlineData(61, "2 minutes")]
    [InlineData(300, "5 minutes")]
    [InlineData(119 * 60, "119 minutes")]
    [InlineData(120 * 60, "2 hours")]
    [InlineData((120 * 60) + 1, "3 hours")]
    public void A_waiting_time_is_rounded_up(int seconds, string expected) => Assert.Equal(expected, When.Span(TimeSpan.FromSeconds(seconds)));
}
