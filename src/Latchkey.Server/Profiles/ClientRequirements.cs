namespace Latchkey.Server.Profiles;

/// <summary>What is asked of a client's requests beyond what its metadata has names for. Endpoints know these and no profile.</summary>
internal sealed record ClientRequirements
{
    /// <summary>Nothing.</summary>
    public static ClientRequirements None { get; } = new();

    /// <summary>The signature algorithms of JWTs that it sends and gets, the first being the one for want of a choice; null for every one there is.</summary>
    public IReadOnlyList<string>? Algorithms { get; init; }

    /// <summary>How it may prove who it is; null for every way there is.</summary>
    public IReadOnlyList<string>? AuthenticationMethods { get; init; }

    /// <summary>Whether answers of <c>/authorize</c> must be asked for as signed JWTs (JARM).</summary>
    public bool SignedResponses { get; init; }

    /// <summary>Whether each authorization request names its redirect URI.</summary>
    public bool RedirectUri { get; init; }

    /// <summary>Whether <c>aud</c> of its assertions is the issuer as a string, not in an array.</summary>
    public bool AudienceIsString { get; init; }

    /// <summary>Whether whoever asks for a scope of an API names the API too (RFC 8707).</summary>
    public bool Resource { get; init; }

    /// <summary>Why it gets nothing at all: a sentence; null if its registration keeps to its profile.</summary>
    public string? Unmet { get; init; }

    /// <summary>Whether a JWT with this algorithm is taken from the client, and given to it.</summary>
    public bool Takes(string algorithm) => Algorithms is null || Algorithms.Contains(algorithm);

    /// <summary>The algorithm itself if it may be, else the one for want of a choice.</summary>
    public string OrOwn(string algorithm) => Takes(algorithm) ? algorithm : Algorithms![0];

    /// <summary>Those of some algorithms that may be.</summary>
    public IReadOnlyList<string> Among(IReadOnlyList<string> algorithms) => Algorithms is null ? algorithms : [.. algorithms.Where(Algorithms.Contains)];
}
