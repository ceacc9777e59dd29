namespace Latchkey.Server.Fetching;

/// <summary>What a fetch came to.</summary>
internal abstract record FetchOutcome
{
    private FetchOutcome()
    {
    }

    /// <summary>The document is there, whole and of the type that was asked for.</summary>
    /// <param name="Body">Its bytes.</param>
    /// <param name="Freshness">How long the answer's cache headers let it be kept (RFC 9111 section 4.2); null if they say nothing.</param>
    internal sealed record Document(ReadOnlyMemory<byte> Body, TimeSpan? Freshness) : FetchOutcome
    {
        public override string ToString() => $"document of {Body.Length} bytes";
    }

    /// <summary>There is no document.</summary>
    /// <param name="Reason">What was wrong, as the end of a sentence that begins with the URL, for the developer of whoever named it.</param>
    /// <param name="MayPass">Whether it may be there later: the host is away, busy or slow. False where the host or the URL says no.</param>
    internal sealed record Failed(string Reason, bool MayPass) : FetchOutcome;
}

/// <summary>What is asked for, and within which bounds.</summary>
internal sealed record FetchRules
{
    /// <summary>A client's metadata document: JSON, 5 KB, 5 seconds.</summary>
    public static FetchRules MetadataDocument { get; } = new() { MaximumSize = 5 * 1024, IsMediaType = IsJson };

    /// <summary>A JWK set: JSON of any <c>+json</c> type, 64 KB.</summary>
    public static FetchRules KeySet { get; } = new() { MaximumSize = 64 * 1024, IsMediaType = IsJson };

    /// <summary>The redirect URIs of a sector: JSON, 64 KB.</summary>
    public static FetchRules Sector { get; } = new() { MaximumSize = 64 * 1024, IsMediaType = IsJson };

    /// <summary>The most bytes of a body that are taken.</summary>
    public required int MaximumSize { get; init; }

    /// <summary>Whether an answer is of the right type; it gets the bare media type in lower case, empty if there is none.</summary>
    public required Func<string, bool> IsMediaType { get; init; }

    /// <summary>How long everything together may take: name, connection, TLS, answer.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The <c>Accept</c> header.</summary>
    public string Accept { get; init; } = "application/json";

    private static bool IsJson(string mediaType) =>
        mediaType == "application/json" || (mediaType.StartsWith("application/", StringComparison.Ordinal) && mediaType.EndsWith("+json", StringComparison.Ordinal));
}
