using System.Collections;

namespace Latchkey.Protocol;

/// <summary>An ordered set of scope tokens, RFC 6749 section 3.3. Order is kept for people; comparing ignores it.</summary>
public sealed class ScopeSet : IReadOnlyCollection<string>, IEquatable<ScopeSet>
{
    private readonly string[] _tokens;

    private ScopeSet(string[] tokens) => _tokens = tokens;

    /// <summary>No scope.</summary>
    public static ScopeSet Empty { get; } = new([]);

    /// <inheritdoc />
    public int Count => _tokens.Length;

    /// <summary>Makes a set of tokens that are known to be well-formed, such as registered ones.</summary>
    public static ScopeSet Of(IEnumerable<string> tokens)
    {
        var distinct = tokens.Distinct(StringComparer.Ordinal).ToArray();
        return distinct.Length == 0 ? Empty : new(distinct);
    }

    /// <summary>Reads a space-delimited list. A token that appears twice counts once.</summary>
    /// <param name="scope">The list as sent; null or empty is the empty set.</param>
    /// <returns>The set, or <c>invalid_scope</c> for a character outside RFC 6749 section 3.3.</returns>
    public static Result<ScopeSet> Parse(string? scope)
    {
        if (string.IsNullOrEmpty(scope)) return Empty;
        foreach (var character in scope)
        {
            if (character is < ' ' or > '~' or '"' or '\\')
                return OAuthError.InvalidScope("The scope holds a character that scopes can't have; send tokens of printable ASCII, separated by single spaces.");
        }

        return Of(scope.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Whether the set has this token.</summary>
    public bool Contains(string token) => Array.IndexOf(_tokens, token) >= 0;

    /// <summary>Whether every token of this set is in the other.</summary>
    public bool IsSubsetOf(ScopeSet other) => Array.TrueForAll(_tokens, other.Contains);

    /// <summary>The tokens for which the test holds, in order.</summary>
    public ScopeSet Where(Func<string, bool> test)
    {
        var kept = Array.FindAll(_tokens, token => test(token));
        return kept.Length == _tokens.Length ? this : kept.Length == 0 ? Empty : new(kept);
    }

    /// <summary>The tokens that both sets have, in this set's order.</summary>
    public ScopeSet Intersect(ScopeSet other) => Where(other.Contains);

    /// <summary>The tokens of this set that the other has not.</summary>
    public ScopeSet Except(ScopeSet other) => Where(token => !other.Contains(token));

    /// <summary>The tokens of both sets.</summary>
    public ScopeSet Union(ScopeSet other) => other.IsSubsetOf(this) ? this : Of(_tokens.Concat(other._tokens));

    /// <inheritdoc />
    public bool Equals(ScopeSet? other) => other is not null && other.Count == Count && IsSubsetOf(other);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as ScopeSet);

    /// <inheritdoc />
    public override int GetHashCode() => _tokens.Aggregate(0, (hash, token) => hash ^ token.GetHashCode(StringComparison.Ordinal));

    /// <inheritdoc />
    public IEnumerator<string> GetEnumerator() => ((IEnumerable<string>)_tokens).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _tokens.GetEnumerator();

    /// <summary>The space-delimited list.</summary>
    public override string ToString() => string.Join(' ', _tokens);
}
