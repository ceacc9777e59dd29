using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Latchkey.Client.Tokens;

/// <summary>
/// Machine tokens that the nodes of a service keep together in a <see cref="HybridCache"/> with a distributed cache behind it, so that ten nodes need one
/// token and not ten. They are encrypted by Data Protection: whoever reads the cache reads no token, and can't exchange one for another. A cache or lock
/// that is away costs a token request, never a call.
/// </summary>
/// <param name="cache">The cache.</param>
/// <param name="protection">What encrypts; all nodes need the same key ring and application name.</param>
/// <param name="locks">A lock that all nodes respect; within this process alone if null, and then two nodes may at times fetch a token each.</param>
/// <param name="clock">The clock; the system's if null.</param>
/// <param name="log">Where it is said that the cache is away.</param>
public sealed partial class SharedTokens(
    HybridCache cache, IDataProtectionProvider protection, ITokenLock? locks = null, TimeProvider? clock = null, ILogger<SharedTokens>? log = null)
{
    // What is kept in memory is kept by the one who fetched it. A second copy there would be the old token while another node has renewed it.
    private const HybridCacheEntryFlags Distributed = HybridCacheEntryFlags.DisableLocalCache;

    private static readonly HybridCacheEntryOptions ReadOnly = new() { Flags = Distributed | HybridCacheEntryFlags.DisableUnderlyingData };

    private readonly IDataProtector _protector = protection.CreateProtector("Latchkey.Client.Tokens");
    private readonly ITokenLock _locks = locks ?? new LocalTokenLock();
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly ILogger _log = log ?? NullLogger<SharedTokens>.Instance;

    internal async ValueTask<AccessToken?> ReadAsync(string name, CancellationToken cancellation)
    {
        try
        {
            var kept = await cache.GetOrCreateAsync(CacheKey(name), static _ => ValueTask.FromResult(Array.Empty<byte>()), ReadOnly, null, cancellation)
                .ConfigureAwait(false);
            return kept is { Length: > 0 } ? TokenJson.ReadToken(_protector.CreateProtector(name).Unprotect(kept)) : null;
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            // The key ring was replaced, or somebody wrote there who shouldn't. Either way there is no token.
            Unreadable(name);
            return null;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            Away(exception);
            return null;
        }
    }

    internal async ValueTask SaveAsync(string name, AccessToken token, CancellationToken cancellation)
    {
        var now = _clock.GetUtcNow();
        var life = (token.ExpiresAt ?? token.IssuedAt + TokenLife.Assumed) - now;
        if (life <= TimeSpan.Zero) return;
        try
        {
            var kept = _protector.CreateProtector(name).Protect(TokenJson.Write(token));
            await cache.SetAsync(CacheKey(name), kept, new() { Expiration = life, Flags = Distributed }, null, cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            Away(exception);
        }
    }

    internal async ValueTask<IAsyncDisposable?> LockAsync(string name, CancellationToken cancellation)
    {
        try
        {
            return await _locks.AcquireAsync(name, cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            Away(exception);
            return null;
        }
    }

    private static string CacheKey(string name) => "latchkey-" + name;

    private void Away(Exception exception) => LogAway(_log, exception.GetType().Name);

    private void Unreadable(string name) => LogUnreadable(_log, name);

    // Of the exception only its kind: its message may hold what was to be kept.
    [LoggerMessage(1, LogLevel.Warning, "The shared token cache is away ({Exception}); this node asks for a token of its own.")]
    private static partial void LogAway(ILogger log, string exception);

    [LoggerMessage(2, LogLevel.Warning, "The shared token {Name} can't be decrypted; do all nodes have one Data Protection key ring and application name?")]
    private static partial void LogUnreadable(ILogger log, string name);
}
