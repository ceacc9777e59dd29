using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Server.Registration;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// The public keys of clients: given by value, or fetched from <c>jwks_uri</c> within narrow bounds and kept for five minutes. An unknown <c>kid</c>
/// has them fetched again, twice a minute at most.
/// </summary>
internal sealed class ClientKeys(DocumentFetcher fetcher, ServerOptions options, TimeProvider clock)
{
    private const int MostKept = 4096;
    private const int SmallestRsaKey = 2048;
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    private readonly ConditionalWeakTable<Client, List<JsonWebKey>> _byValue = [];
    private readonly ConcurrentDictionary<string, Fetched> _byReference = new(StringComparer.Ordinal);
    private readonly SingleFlight<List<JsonWebKey>?> _flights = new();

    /// <summary>The keys that can have signed with an algorithm: the one of the id, or all if the assertion names none.</summary>
    public async ValueTask<IReadOnlyList<SecurityKey>> FindAsync(Client client, string? keyId, string algorithm) =>
        await SelectAsync(client, keys => Fitting(keys, keyId, algorithm)).ConfigureAwait(false);

    /// <summary>Whether a certificate is one that the client registered, in <c>x5c</c> of a key (RFC 8705 section 2.2.2).</summary>
    public async ValueTask<bool> HasCertificateAsync(Client client, ReadOnlyMemory<byte> certificate)
    {
        var text = Convert.ToBase64String(certificate.Span);
        return (await SelectAsync(client, keys => keys.FindAll(key => key.X5c is [var first, ..] && first == text)).ConfigureAwait(false)).Count > 0;
    }

    private async ValueTask<IReadOnlyList<SecurityKey>> SelectAsync<T>(Client client, Func<List<JsonWebKey>, List<T>> select) where T : SecurityKey
    {
        if (client.Metadata.Jwks is { } set) return select(_byValue.GetValue(client, _ => Read(set.GetRawText())));
        return client.Metadata.JwksUri is { } uri ? await SelectAsync(uri, ReachOf(client), select).ConfigureAwait(false) : [];
    }

    /// <summary>The keys at a URL that can have signed with an algorithm.</summary>
    public async ValueTask<IReadOnlyList<SecurityKey>> FindAsync(string uri, Reach reach, string? keyId, string algorithm) =>
        await SelectAsync(uri, reach, keys => Fitting(keys, keyId, algorithm)).ConfigureAwait(false);

    private async ValueTask<IReadOnlyList<SecurityKey>> SelectAsync<T>(string uri, Reach reach, Func<List<JsonWebKey>, List<T>> select) where T : SecurityKey
    {
        var now = clock.GetUtcNow();
        // What an operator may reach is not what anybody may.
        var key = $"{(int)reach} {uri}";
        _byReference.TryGetValue(key, out var known);
        if (known is not null && now < known.At + Freshness)
        {
            var keys = select(known.Keys);
            if (keys.Count > 0 || now < known.At + Cooldown) return keys;
        }

        var fetched = await _flights.RunAsync(key, _ => FetchAsync(uri, reach)).ConfigureAwait(false);
        if (_byReference.Count >= MostKept) _byReference.Clear();
        // What can't be fetched now is tried again after the cooldown; the keys that were there stay good meanwhile.
        var kept = new Fetched(fetched ?? known?.Keys ?? [], fetched is null ? now - Freshness + Cooldown : now);
        _byReference[key] = kept;
        return select(kept.Keys);
    }

    private Reach ReachOf(Client client) => !client.IsSelfRegistered ? Reach.Declared
        : options.ClientIdMetadataDocuments == MetadataDocumentMode.Loopback ? Reach.PublicOrLoopback
        : Reach.Public;

    private async Task<List<JsonWebKey>?> FetchAsync(string uri, Reach reach)
    {
        if (await fetcher.FetchAsync(uri, reach, FetchRules.KeySet).ConfigureAwait(false) is not FetchOutcome.Document document) return null;
        try
        {
            return Read(Encoding.UTF8.GetString(document.Body.Span));
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static List<JsonWebKey> Read(string json) => [.. new JsonWebKeySet(json).Keys];

    private static List<SecurityKey> Fitting(List<JsonWebKey> keys, string? keyId, string algorithm)
    {
        var family = algorithm.StartsWith("ES", StringComparison.Ordinal) ? JsonWebAlgorithmsKeyTypes.EllipticCurve : JsonWebAlgorithmsKeyTypes.RSA;
        var fitting = new List<SecurityKey>(1);
        foreach (var key in keys)
        {
            if (key.Kty != family || key.Use is not (null or "" or "sig")) continue;
            if (!string.IsNullOrEmpty(key.Alg) && key.Alg != algorithm) continue;
            if (!string.IsNullOrEmpty(keyId) && !string.IsNullOrEmpty(key.Kid) && key.Kid != keyId) continue;
            if (family == JsonWebAlgorithmsKeyTypes.RSA && key.KeySize < SmallestRsaKey) continue;
            fitting.Add(key);
        }

        return fitting;
    }

    private sealed record Fetched(List<JsonWebKey> Keys, DateTimeOffset At);
}
