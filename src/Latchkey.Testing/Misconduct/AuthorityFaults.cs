namespace Latchkey.Testing.Misconduct;

/// <summary>What goes wrong at the authority: the next request, the next few, or all until <see cref="Clear()"/>. Thread-safe.</summary>
public sealed class AuthorityFaults
{
    private readonly Lock _lock = new();
    private readonly List<Planned> _planned = [];

    internal AuthorityFaults()
    {
    }

    /// <summary>The next requests at <c>/token</c> go wrong.</summary>
    /// <param name="fault">How.</param>
    /// <param name="times">How many of them.</param>
    public AuthorityFaults NextToken(AuthorityFault fault, int times = 1) => Next("/token", fault, times);

    /// <summary>The next requests at <c>/token</c> with a grant type go wrong.</summary>
    /// <param name="grantType">Such as <c>refresh_token</c>.</param>
    /// <param name="fault">How.</param>
    /// <param name="times">How many of them.</param>
    public AuthorityFaults NextGrant(string grantType, AuthorityFault fault, int times = 1) => Add(new("/token", grantType, fault, times));

    /// <summary>The next requests for the metadata go wrong, at whichever of its addresses.</summary>
    /// <param name="fault">How.</param>
    /// <param name="times">How many of them.</param>
    public AuthorityFaults NextMetadata(AuthorityFault fault, int times = 1) => Next(Planned.AnyMetadata, fault, times);

    /// <summary>The next requests for the JWKS go wrong.</summary>
    /// <param name="fault">How.</param>
    /// <param name="times">How many of them.</param>
    public AuthorityFaults NextJwks(AuthorityFault fault, int times = 1) => Next("/.well-known/jwks.json", fault, times);

    /// <summary>The next requests to a path go wrong.</summary>
    /// <param name="path">Below the issuer, such as <c>/userinfo</c>.</param>
    /// <param name="fault">How.</param>
    /// <param name="times">How many of them.</param>
    public AuthorityFaults Next(string path, AuthorityFault fault, int times = 1) => Add(new(path, null, fault, times));

    /// <summary>All requests to a path go wrong.</summary>
    /// <param name="path">Below the issuer, such as <c>/userinfo</c>; <c>*</c> is every path.</param>
    /// <param name="fault">How.</param>
    public AuthorityFaults Always(string path, AuthorityFault fault) => Add(new(path, null, fault, int.MaxValue));

    /// <summary>Everything goes right again.</summary>
    public void Clear()
    {
        lock (_lock) _planned.Clear();
    }

    internal void Clear(string path)
    {
        lock (_lock) _planned.RemoveAll(planned => planned.Path == path);
    }

    internal AuthorityFault? Take(string path, string? grantType)
    {
        lock (_lock)
        {
            var index = _planned.FindIndex(planned => planned.Matches(path, grantType));
            if (index < 0) return null;
            var planned = _planned[index];
            if (planned.Times == 1) _planned.RemoveAt(index);
            else if (planned.Times != int.MaxValue) _planned[index] = planned with { Times = planned.Times - 1 };
            return planned.Fault;
        }
    }

    private AuthorityFaults Add(Planned planned)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(planned.Times, 1);
        lock (_lock) _planned.Add(planned);
        return this;
    }

    private sealed record Planned(string Path, string? GrantType, AuthorityFault Fault, int Times)
    {
        public const string AnyMetadata = "metadata";

        public bool Matches(string path, string? grantType) => (GrantType is null || GrantType == grantType)
            && (Path == "*" || Path == path || (Path == AnyMetadata && RogueAuthority.IsMetadata(path)));
    }
}
