using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Tokens;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.TokenStatus;

/// <summary>
/// The status lists of the tokens that come here. A list is read once for all who wait for it, again before its copy is too old, and by its ETag, so that
/// a list that has not changed costs a few bytes.
/// </summary>
/// <param name="options">How old a copy may be.</param>
/// <param name="algorithms">The algorithms that a list may be signed with.</param>
/// <param name="skew">How far the clocks may differ.</param>
/// <param name="http">Sends the requests.</param>
/// <param name="limits">How long and how much.</param>
/// <param name="clock">The clock.</param>
internal sealed class StatusLists(
    StatusListOptions options, IReadOnlyList<string> algorithms, TimeSpan skew, HttpClient http, ProviderOptions limits, TimeProvider clock)
{
    private const string MediaType = "application/statuslist+jwt";

    // Of a list nothing but its time is judged by these; it has no audience.
    private readonly JwtRules _time = new() { Types = [JwtTypes.StatusList], Audiences = [], RequireExpiry = false, RequireIssuedAt = true, Skew = skew };

    private readonly ConcurrentDictionary<(string Issuer, string Address), Copy> _copies = new();

    /// <summary>Judges a token by its list.</summary>
    /// <returns>The denial, or null for a token that is good.</returns>
    public ValueTask<Denial?> JudgeAsync(VerifiedToken token, StatusReference reference, string scheme, CancellationToken cancellationToken)
    {
        if (reference.Address is not { } address) return new(Denial.InvalidToken(StatusListRefusals.Reference, scheme));
        var copy = CopyOf(token.Provider, address);
        var now = clock.GetTimestamp();
        copy.LastUse = now;
        if (copy.Last is { } last)
        {
            var age = clock.GetElapsedTime(last.ReadAt, now);
            if (age < last.MaximumAge)
            {
                // Read again while this copy is still good enough, so that nobody waits for it.
                if (age > last.MaximumAge / 2) _ = ReadAsync(copy);
                return new(Judge(last.Content, token, reference, scheme));
            }
        }

        return WaitAsync(copy, token, reference, scheme, cancellationToken);
    }

    private async ValueTask<Denial?> WaitAsync(Copy copy, VerifiedToken token, StatusReference reference, string scheme, CancellationToken cancellationToken)
    {
        try
        {
            await ReadAsync(copy).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ProviderException exception)
        {
            if (copy.Last is not { } old || clock.GetElapsedTime(old.ReadAt) >= old.MaximumAge + options.MaximumStale) return Denial.Unavailable(exception);
        }

        return Judge(copy.Last!.Content, token, reference, scheme);
    }

    private static Denial? Judge(StatusListContent content, VerifiedToken token, StatusReference reference, string scheme)
    {
        var claims = token.Claims.Members;
        return content.StatusOf(reference.Index) switch
        {
            null => Denial.InvalidToken(StatusListRefusals.Index(reference.Address!.GetLeftPart(UriPartial.Path)), scheme),
            0 when !content.IsRevokedBefore(claims.Text(ClaimNames.ClientId), claims.Date(ClaimNames.IssuedAt)) => null,
            _ => Denial.InvalidToken(StatusListRefusals.Revoked, scheme),
        };
    }

    private Copy CopyOf(Provider provider, Uri address)
    {
        var key = (provider.Issuer, address.AbsoluteUri);
        if (_copies.TryGetValue(key, out var copy)) return copy;
        if (_copies.Count >= options.Capacity)
        {
            // Rare, since tokens that are used together are listed together.
            foreach (var (old, _) in _copies.OrderBy(pair => pair.Value.LastUse).Take(Math.Max(1, options.Capacity / 4))) _copies.TryRemove(old, out _);
        }

        return _copies.GetOrAdd(key, new Copy(provider, address));
    }

    /// <summary>Reads a list, once for all who ask at the same time. A failure is told to them and not remembered beyond the pause of providers.</summary>
    private Task ReadAsync(Copy copy)
    {
        lock (copy)
        {
            if (copy.Reading is { IsCompleted: false } reading) return reading;
            if (copy.Failure is { } failure && clock.GetElapsedTime(copy.FailedAt) < limits.FailurePause) return Task.FromException(failure);
            return copy.Reading = ReadNowAsync(copy);
        }
    }

    private async Task ReadNowAsync(Copy copy)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            copy.Last = await ReadOnceAsync(copy).ConfigureAwait(false);
            copy.Failure = null;
        }
#pragma warning disable CA1031 // whatever a handler of the application throws: the API can't tell, which is no fault of its caller
        catch (Exception exception)
#pragma warning restore CA1031
        {
            copy.Failure = exception as ProviderException ?? new ProviderException(StatusListRefusals.Unread(copy.Shown, exception), isTransient: true, exception);
            copy.FailedAt = clock.GetTimestamp();
            throw copy.Failure;
        }
    }

    private async Task<Snapshot> ReadOnceAsync(Copy copy)
    {
        // From when it is asked, not answered: what is revoked meanwhile may be missing in the answer.
        var asked = clock.GetTimestamp();
        using var request = new HttpRequestMessage(HttpMethod.Get, copy.Address);
        request.Headers.Accept.ParseAdd(MediaType);
        if (copy.Last?.Tag is { } tag) request.Headers.IfNoneMatch.Add(tag);
        var answer = await ProviderHttp.SendAsync(http, request, limits, clock, CancellationToken.None).ConfigureAwait(false);
        if (answer.Status == 304 && copy.Last is { } last && !(last.ExpiresAt <= Seconds)) return last with { ReadAt = asked };
        if (!answer.IsSuccess) throw new ProviderException(StatusListRefusals.Unread(copy.Shown, answer.Status), isTransient: answer.Status is >= 500 or 429);
        if (answer.MediaType != MediaType) throw Malformed(copy, $"it is not {MediaType}");

        // 1. Signed by the issuer of the token, and a status list.
        if (!Jws.Read(Encoding.UTF8.GetString(answer.Body.Span), limits.MaximumDocumentSize).Succeeded(out var jws, out var refusal)) throw Malformed(copy, refusal.Code);
        if (jws.Header.Type != JwtTypes.StatusList) throw Malformed(copy, $"its typ is not {JwtTypes.StatusList}");
        if (!algorithms.Contains(jws.Header.Algorithm)) throw Malformed(copy, "it is signed with an algorithm that is not allowed here");
        if (!jws.Claims.Is(ClaimNames.Subject, copy.Address.OriginalString)) throw Malformed(copy, "its sub is another address");
        if (jws.Claims.Has(ClaimNames.Issuer) && !jws.Claims.Is(ClaimNames.Issuer, copy.Provider.Issuer)) throw Malformed(copy, "its iss is another issuer");
        if (JwtVerifier.JudgeTime(jws.Claims, _time, Seconds) is { } untimely) throw Malformed(copy, untimely.Code);
        if (await copy.Provider.Keys.FindAsync(jws.Header.KeyId, jws.Header.Algorithm, CancellationToken.None).ConfigureAwait(false) is not { } key || !jws.IsSignedBy(key))
            throw Malformed(copy, "it is not signed by the issuer's key");

        // 2. What it says.
        if (StatusListContent.Read(jws.Claims, out var fault) is not { } content) throw Malformed(copy, fault!);
        var age = options.MaximumAge;
        if (jws.Claims.Number("ttl") is > 0 and var ttl && ttl < age.TotalSeconds) age = TimeSpan.FromSeconds(ttl);
        return new(content, answer.Headers.ETag, asked, age, jws.Claims.Date(ClaimNames.Expiration));
    }

    private long Seconds => clock.GetUtcNow().ToUnixTimeSeconds();

    private static ProviderException Malformed(Copy copy, string fault) => new(StatusListRefusals.Malformed(copy.Shown, fault));

    /// <summary>What was last read of a list, and the reading under way.</summary>
    private sealed class Copy(Provider provider, Uri address)
    {
        public Provider Provider => provider;

        public Uri Address => address;

        /// <summary>The address for messages, without its query.</summary>
        public string Shown => address.GetLeftPart(UriPartial.Path);

        public volatile Snapshot? Last;

        public Task? Reading;

        public volatile ProviderException? Failure;

        public long FailedAt;

        public long LastUse;
    }

    private sealed record Snapshot(StatusListContent Content, EntityTagHeaderValue? Tag, long ReadAt, TimeSpan MaximumAge, long? ExpiresAt);
}
