using Latchkey.Protocol;

namespace Latchkey.ResourceServer.Authorization;

/// <summary>Which scopes hold others, such as <c>api:write</c> that holds <c>api:read</c>: an API's own rule, of which the issuer knows nothing.</summary>
internal sealed class ScopeHierarchy
{
    // Each scope with all that it implies, by however many steps.
    private readonly Dictionary<string, List<string>> _all = new(StringComparer.Ordinal);

    public ScopeHierarchy(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> implied)
    {
        var steps = implied.ToDictionary(StringComparer.Ordinal);
        foreach (var scope in steps.Keys)
        {
            var all = new List<string> { scope };
            for (var i = 0; i < all.Count; i++)
            {
                // Each is looked at once: two that imply each other come to an end too.
                if (steps.TryGetValue(all[i], out var next)) all.AddRange(next.Where(name => !all.Contains(name)).Distinct(StringComparer.Ordinal));
            }

            _all[scope] = all;
        }
    }

    /// <summary>Whether this is one scope token, RFC 6749 section 3.3.</summary>
    public static bool IsScope(string text) => ScopeSet.Parse(text).Succeeded(out var set, out _) && set.Count == 1 && set.Contains(text);

    /// <summary>What is wrong with a rule, as one sentence; null if nothing is.</summary>
    public static string? Fault(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> implied)
    {
        foreach (var (scope, others) in implied)
        {
            foreach (var name in others.Prepend(scope))
            {
                if (!IsScope(name)) return $"ImpliedScopes has '{name}'; each scope is one token of printable ASCII (RFC 6749 section 3.3).";
            }
        }

        return null;
    }

    /// <summary>The scopes, and after them those that they imply.</summary>
    public IReadOnlyList<string> With(IReadOnlyList<string> scopes)
    {
        if (_all.Count == 0) return scopes;
        List<string> all = [.. scopes];
        foreach (var scope in scopes)
        {
            if (_all.TryGetValue(scope, out var implied)) all.AddRange(implied.Where(name => !all.Contains(name)).ToList());
        }

        return all;
    }
}
