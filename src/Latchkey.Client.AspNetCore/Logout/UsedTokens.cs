using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Client.AspNetCore.Logout;

/// <summary>The ids of logout tokens that were used, until they expire. Only tokens whose signature held get here, so nobody else can fill it.</summary>
internal sealed class UsedTokens(TimeProvider clock)
{
    private const int Limit = 100_000;

    private readonly ConcurrentDictionary<string, DateTimeOffset> _ids = new(StringComparer.Ordinal);

    /// <summary>Whether the id is new.</summary>
    public bool Add(string id, DateTimeOffset until)
    {
        if (_ids.Count >= Limit)
        {
            var now = clock.GetUtcNow();
            foreach (var (old, end) in _ids)
            {
                if (end <= now) _ids.TryRemove(old, out _);
            }

            // A provider that signs this many at once: refuse rather than forget.
            if (_ids.Count >= Limit) return false;
        }

        return _ids.TryAdd(Digest(id), until);
    }

    /// <summary>Takes an id back that came to nothing.</summary>
    public void Remove(string id) => _ids.TryRemove(Digest(id), out _);

    private static string Digest(string id) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(id)));
}
