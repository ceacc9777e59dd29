using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Caching.Distributed;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>
/// Sessions in an <c>IDistributedCache</c> (Redis, SQL, …), so that every node sees them and they outlive a restart. What is written is encrypted by
/// Data Protection, whose key ring the nodes must share. The cache's own expiry ends idle and old sessions.
/// </summary>
/// <param name="cache">The cache.</param>
/// <param name="protection">What encrypts the values.</param>
/// <param name="clock">The time.</param>
public sealed class DistributedSessionStore(IDistributedCache cache, IDataProtectionProvider protection, TimeProvider clock) : ISessionStore
{
    // A logout token may come late, and a session may not outlive its mark.
    private static readonly TimeSpan MarkLifetime = TimeSpan.FromDays(90);

    private readonly IDataProtector _protector = protection.CreateProtector("Latchkey.Client.AspNetCore.Sessions.v1");

    /// <inheritdoc/>
    public async ValueTask AddAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        await WriteAsync(session, idleTimeout, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<SignInSession?> FindAsync(string key, CancellationToken cancellation)
    {
        if (await ReadAsync(key, cancellation).ConfigureAwait(false) is not { } session) return null;
        if (clock.GetUtcNow() >= session.ExpiresAt) return null;
        foreach (var mark in Marks(session.Scheme, session.Issuer, session.Subject, session.ProviderSession))
        {
            if (await cache.GetAsync(mark, cancellation).ConfigureAwait(false) is not { Length: sizeof(long) } at) continue;
            if (session.CreatedAt.UtcTicks > BinaryPrimitives.ReadInt64BigEndian(at)) continue;
            await cache.RemoveAsync(Name(key), cancellation).ConfigureAwait(false);
            return null;
        }

        return session;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> UpdateAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(session);
        if (await cache.GetAsync(Name(session.Key), cancellation).ConfigureAwait(false) is null) return false;
        await WriteAsync(session, idleTimeout, cancellation).ConfigureAwait(false);
        // Whoever ends a session marks it before removing it; whoever writes one looks for the mark after. So no order of the two brings it back.
        if (await cache.GetAsync(Ended(session.Key), cancellation).ConfigureAwait(false) is null) return true;
        await cache.RemoveAsync(Name(session.Key), cancellation).ConfigureAwait(false);
        return false;
    }

    /// <inheritdoc/>
    public async ValueTask RemoveAsync(string key, CancellationToken cancellation)
    {
        // A renewal that is under way takes minutes at most.
        await cache.SetAsync(Ended(key), [1], new() { AbsoluteExpirationRelativeToNow = TimeSpan.FromHours(1) }, cancellation).ConfigureAwait(false);
        await cache.RemoveAsync(Name(key), cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask EndAsync(NamedSessions named, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(named);
        // A cache can't be searched: a mark says that sessions of this person or this provider session from before now are over.
        var at = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(at, named.At.UtcTicks);
        var marks = Marks(named.Scheme, named.Issuer, named.ProviderSession is null ? named.Subject : null, named.ProviderSession);
        foreach (var mark in marks)
        {
            // A token that comes late must not take back what a newer one said.
            if (await cache.GetAsync(mark, cancellation).ConfigureAwait(false) is { Length: sizeof(long) } earlier && BinaryPrimitives.ReadInt64BigEndian(earlier) >= named.At.UtcTicks) continue;
            await cache.SetAsync(mark, at, new() { AbsoluteExpirationRelativeToNow = MarkLifetime }, cancellation).ConfigureAwait(false);
        }
    }

    private async ValueTask<SignInSession?> ReadAsync(string key, CancellationToken cancellation)
    {
        if (await cache.GetAsync(Name(key), cancellation).ConfigureAwait(false) is not { } bytes) return null;
        try
        {
            var session = JsonSerializer.Deserialize(_protector.Unprotect(bytes), SessionJson.Default.SignInSession);
            // A value moved to another key is another person's session.
            return session?.Key == key ? session : null;
        }
        catch (Exception exception) when (exception is CryptographicException or JsonException)
        {
            // Written under keys that are gone, or not by us: the person signs in again.
            return null;
        }
    }

    private async ValueTask WriteAsync(SignInSession session, TimeSpan idleTimeout, CancellationToken cancellation)
    {
        var bytes = _protector.Protect(JsonSerializer.SerializeToUtf8Bytes(session, SessionJson.Default.SignInSession));
        var options = new DistributedCacheEntryOptions { AbsoluteExpiration = session.ExpiresAt, SlidingExpiration = idleTimeout };
        await cache.SetAsync(Name(session.Key), bytes, options, cancellation).ConfigureAwait(false);
    }

    private static IEnumerable<string> Marks(string scheme, string issuer, string? subject, string? providerSession)
    {
        if (subject is not null) yield return "latchkey:ended:sub:" + Hash(scheme, issuer, subject);
        if (providerSession is not null) yield return "latchkey:ended:sid:" + Hash(scheme, issuer, providerSession);
    }

    private static string Hash(string scheme, string issuer, string name) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{scheme}\n{issuer}\n{name}")));

    private static string Name(string key) => "latchkey:session:" + key;

    private static string Ended(string key) => "latchkey:ended:key:" + key;
}
