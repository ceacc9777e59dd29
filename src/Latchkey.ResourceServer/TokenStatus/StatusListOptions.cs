namespace Latchkey.ResourceServer.TokenStatus;

/// <summary>
/// How the guard learns that a token was revoked before its expiry: from the Token Status List that the token itself names
/// (draft-ietf-oauth-status-list). A token that names none counts until it expires.
/// </summary>
public sealed class StatusListOptions
{
    /// <summary>Whether lists are read: true. Set it to false only where revoked tokens are found out otherwise, such as by introspection of all tokens.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// How old a copy of a list may be, 60 seconds unless set; where the list says less (<c>ttl</c>, 15 seconds from Latchkey), that counts. So long a
    /// revoked token can live on here.
    /// </summary>
    public TimeSpan MaximumAge { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long the last copy is relied on beyond its age while the list can't be read, 5 minutes unless set; after that requests are answered 503. Zero
    /// relies on nothing old.
    /// </summary>
    public TimeSpan MaximumStale { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The most lists that are kept, 1,000 unless set; those that were not needed for longest go.</summary>
    public int Capacity { get; set; } = 1000;

    /// <summary>What is wrong with the options, as one sentence; null if nothing is.</summary>
    internal string? Fault
    {
        get
        {
            if (MaximumAge < TimeSpan.FromSeconds(1) || MaximumAge > TimeSpan.FromHours(1)) return "StatusLists.MaximumAge lies between a second and an hour: for so long a revoked token still works.";
            if (MaximumStale < TimeSpan.Zero || MaximumStale > TimeSpan.FromHours(24)) return "StatusLists.MaximumStale lies between 0 and 24 hours.";
            return Capacity < 1 ? "StatusLists.Capacity is at least 1." : null;
        }
    }
}
