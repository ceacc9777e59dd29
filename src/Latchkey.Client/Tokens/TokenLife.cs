namespace Latchkey.Client.Tokens;

/// <summary>When a token is too old to be used, and when it is time to fetch the next.</summary>
internal static class TokenLife
{
    /// <summary>A provider that doesn't say <c>expires_in</c> is asked this often: the token may be good for longer, which nobody can know.</summary>
    public static readonly TimeSpan Assumed = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(60);

    /// <summary>
    /// From when on the next one is fetched: 60 seconds before the end, or a tenth of a shorter life. A fixed minute would make a token that lives for a
    /// minute useless at birth, and each call would fetch another.
    /// </summary>
    public static DateTimeOffset RenewAt(AccessToken token) =>
        token.ExpiresAt is { } end ? end - Margin(token) : token.IssuedAt + Assumed;

    /// <summary>
    /// Until when it may be sent: a moment before its end, since it has to travel and clocks differ. Where the end is unknown, until an API refuses it.
    /// </summary>
    public static DateTimeOffset UsableUntil(AccessToken token) =>
        token.ExpiresAt is { } end ? end - (Margin(token) / 6) : DateTimeOffset.MaxValue;

    private static TimeSpan Margin(AccessToken token)
    {
        var life = token.ExpiresAt!.Value - token.IssuedAt;
        var tenth = life / 10;
        return tenth < TimeSpan.Zero ? TimeSpan.Zero : tenth < LongestMargin ? tenth : LongestMargin;
    }
}
