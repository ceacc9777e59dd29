using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Latchkey.Protocol.Jose;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// The public keys of clients: given by value, or fetched from <c>jwks_uri</c> within narrow bounds and kept for five minutes. An unknown <c>kid</c>
/// has them fetched again, twice a minute at most.
/// </summary>
internal sealed class ClientKeys(DocumentFetcher fetcher, ServerOptions options, TimeProvider clock)
{
    private const int MostKept = 4096;
    private static readonly TimeSpan Freshness = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Cooldown = TimeSpan.FromSeconds(30);

    private readonly ConditionalWeakTable<Client, ClientKeySet> _byValue = [];
    private readonly ConcurrentDictionary<string, Fetched> _byReference = new(StringComparer.Ordinal);
    private readonly SingleFlight<ClientKeySet?> _flights = new();

    /// <summary>The keys that can have signed with an algorithm: the one of the id, or all if the signer names none.</summary>
    public async ValueTask<IReadOnlyList<VerificationKey>> FindAsync(Client client, string? keyId, string algorithm) =>
        (await KeysAsync(client, keys => keys.Signing(keyId, algorithm).Count > 0).ConfigureAwait(false)).Signing(keyId, algorithm);

    /// <summary>The keys at a URL that can have signed with an algorithm.</summary>
    public async ValueTask<IReadOnlyList<VerificationKey>> FindAsync(string uri, Reach reach, string? keyId, string algorithm) =>
        (await KeysAsync(uri, reach, keys => keys.Signing(keyId, algorithm).Count > 0).ConfigureAwait(false)).Signing(keyId, algorithm);

    /// <summary>The key to encrypt to the client with; null if it has none for the algorithm, or its keys can't be had now.</summary>
    public async ValueTask<JweEncrypter?> FindEncryptionAsync(Client client, string algorithm) =>
        (await KeysAsync(client, keys => keys.Encryption(algorithm) is not null).ConfigureAwait(false)).Encryption(algorithm);

    /// <summary>Whether a certificate is one that the client registered, in <c>x5c</c> of a key (RFC 8705 section 2.2.2).</summary>
    public async ValueTask<bool> HasCertificateAsync(Client client, ReadOnlyMemory<byte> certificate)
    {
        var text = Convert.ToBase64String(certificate.Span);
        return (await KeysAsync(client, keys => keys.HasCertificate(text)).ConfigureAwait(false)).HasCertificate(text);
    }

    private ValueTask<ClientKeySet> KeysAsync(Client client, Func<ClientKeySet, bool> fits) =>
        client.Metadata.Jwks is { } set ? new(_byValue.GetValue(client, _ => ClientKeySet.Read(set) ?? ClientKeySet.Empty))
        : client.Metadata.JwksUri is { } uri ? KeysAsync(uri, ReachOf(client), fits)
        : new(ClientKeySet.Empty);

    private async ValueTask<ClientKeySet> KeysAsync(string uri, Reach reach, Func<ClientKeySet, bool> fits)
    {
        var now = clock.GetUtcNow();
        // What an operator may reach is not what anybody may.
        var key = $"{(int)reach} {uri}";
        _byReference.TryGetValue(key, out var known);
        if (known is not null && now < known.At + Freshness && (now < known.At + Cooldown || fits(known.Keys))) return known.Keys;

        var fetched = await _flights.RunAsync(key, _ => FetchAsync(uri, reach)).ConfigureAwait(false);
        if (_byReference.Count >= MostKept) _byReference.Clear();
        // What can't be fetched now is tried again after the cooldown; the keys that were there stay good meanwhile.
        var kept = new Fetched(fetched ?? known?.Keys ?? ClientKeySet.Empty, fetched is null ? now - Freshness + Cooldown : now);
        _byReference[key] = kept;
        return kept.Keys;
    }

    private Reach ReachOf(Client client) => client.IsSelfRegistered ? options.ReachOfAnybody : Reach.Declared;

    private async Task<ClientKeySet?> FetchAsync(string uri, Reach reach) =>
        await fetcher.FetchAsync(uri, reach, FetchRules.KeySet).ConfigureAwait(false) is FetchOutcome.Document document ? ClientKeySet.Read(document.Body) : null;

    private sealed record Fetched(ClientKeySet Keys, DateTimeOffset At);
}
