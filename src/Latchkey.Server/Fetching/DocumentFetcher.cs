using System.Net;
using System.Net.Http.Headers;
using Latchkey.Server.Hosting;

namespace Latchkey.Server.Fetching;

/// <summary>
/// Fetches a document whose URL somebody else wrote: a client's metadata document, <c>jwks_uri</c>, <c>request_uri</c>,
/// <c>sector_identifier_uri</c>. Every such fetch of the server goes through here.
/// </summary>
/// <remarks>
/// <para>What it guarantees, by <see cref="Reach"/>:</para>
/// <list type="bullet">
/// <item>Only https, TLS verified; http only on this computer, where the reach allows it. Never this server itself.</item>
/// <item>The connection goes to an address that was judged, and to that one only, whatever the name service answers a moment later; with
/// <see cref="Reach.Public"/> to no private, link-local, loopback, mapped or otherwise special address, however it is spelt.</item>
/// <item>No redirect is followed, no cookie or credential is sent or kept, no proxy of the environment is used.</item>
/// <item>Only the status 200 and the media type that was asked for; a body that says it is compressed is refused, none is ever decompressed.</item>
/// <item>Never more bytes than <see cref="FetchRules.MaximumSize"/> are taken, never longer than <see cref="FetchRules.Deadline"/> in all, however slowly
/// they drip.</item>
/// <item>At most 32 fetches run at once; a host and an address that failed 60 (300) times in a minute are left alone for a while, so that the server
/// can't be used to flood somebody. What succeeds is not counted.</item>
/// </list>
/// <para>
/// It never throws for what the other side does, and keeps nothing: caching is for the caller, who alone knows whether a document is right. The
/// caller also makes many who want the same URL share one fetch (<see cref="SingleFlight{T}"/>).
/// </para>
/// </remarks>
internal sealed class DocumentFetcher : IDisposable
{
    private const int AtOnce = 32;

    private readonly TimeProvider _clock;
    private readonly string _ownHost;
    private readonly SemaphoreSlim _running = new(AtOnce);
    private readonly RateLimiter _hosts;
    private readonly RateLimiter _addresses;
    private readonly HttpClient[] _clients;

    /// <param name="options">The server's own address, which is never fetched from.</param>
    /// <param name="clock">The time, for deadlines and limits.</param>
    /// <param name="resolve">How names are looked up.</param>
    public DocumentFetcher(ServerOptions options, TimeProvider clock, ResolveHost resolve)
    {
        _clock = clock;
        _ownHost = new Uri(options.Issuer).Authority;
        _hosts = new RateLimiter(60, TimeSpan.FromMinutes(1), clock);
        _addresses = new RateLimiter(300, TimeSpan.FromMinutes(1), clock);
        _clients = [.. Enum.GetValues<Reach>().Select(reach => new HttpClient(GuardedConnections.CreateHandler(reach, resolve, MayConnect))
        {
            // Each fetch has its own limits, by our clock.
            Timeout = Timeout.InfiniteTimeSpan,
        })];
    }

    /// <summary>Fetches a document.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="reach">Which machines may be reached.</param>
    /// <param name="rules">What is asked for, and within which bounds.</param>
    /// <param name="cancellation">Ends the fetch early.</param>
    public async Task<FetchOutcome> FetchAsync(string url, Reach reach, FetchRules rules, CancellationToken cancellation = default)
    {
        if (GuardedConnections.Fault(url, reach) is { } fault) return new FetchOutcome.Failed(fault, MayPass: false);
        var uri = new Uri(url);
        // A request to ourselves could make us ask ourselves again, and so on.
        if (uri.Authority.Equals(_ownHost, StringComparison.OrdinalIgnoreCase)) return new FetchOutcome.Failed("is this server's own", MayPass: false);
        var host = uri.IdnHost;
        if (!_hosts.TryTake(host, out _)) return new FetchOutcome.Failed("is at a host that failed too often just now; try again in a minute", MayPass: true);

        using var limit = new CancellationTokenSource(rules.Deadline, _clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        var entered = false;
        try
        {
            await _running.WaitAsync(both.Token).ConfigureAwait(false);
            entered = true;
            var outcome = await SendAsync(uri, reach, rules, both.Token).ConfigureAwait(false);
            if (outcome is FetchOutcome.Document) _hosts.GiveBack(host);
            return outcome;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new FetchOutcome.Failed($"did not answer within {rules.Deadline.TotalSeconds:0} seconds", MayPass: true);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or System.Net.Sockets.SocketException)
        {
            return Failure(exception);
        }
        finally
        {
            if (entered) _running.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var client in _clients) client.Dispose();
        _running.Dispose();
    }

    private async Task<FetchOutcome> SendAsync(Uri uri, Reach reach, FetchRules rules, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.TryAddWithoutValidation("Accept", rules.Accept);
        request.Headers.TryAddWithoutValidation("User-Agent", "Latchkey");
        using var answer = await _clients[(int)reach].SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);

        // 1. Only a plain 200 counts.
        var status = (int)answer.StatusCode;
        if (status != 200)
        {
            return new FetchOutcome.Failed(
                status is >= 300 and < 400 ? $"answers {status}; redirects are not followed, so name the document's own address" : $"answers {status} instead of 200",
                MayPass: status >= 500 || answer.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout);
        }

        // 2. What it says it is.
        var mediaType = answer.Content.Headers.ContentType?.MediaType?.ToLowerInvariant() ?? "";
        if (!rules.IsMediaType(mediaType)) return new FetchOutcome.Failed($"is of the media type {Quote(mediaType)}; serve it as {rules.Accept}", MayPass: false);
        if (answer.Content.Headers.ContentEncoding.Count > 0) return new FetchOutcome.Failed("is compressed; serve it as it is, without Content-Encoding", MayPass: false);
        if (answer.Content.Headers.ContentLength > rules.MaximumSize) return TooLong(rules);

        // 3. The body, up to one byte more than it may have.
        var buffer = new byte[rules.MaximumSize + 1];
        var length = 0;
        var body = await answer.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            while (length < buffer.Length)
            {
                var read = await body.ReadAsync(buffer.AsMemory(length), cancellation).ConfigureAwait(false);
                if (read == 0) break;
                length += read;
            }
        }

        if (length > rules.MaximumSize) return TooLong(rules);
        if (request.Options.TryGetValue(ConnectedTo, out var address)) _addresses.GiveBack(address);
        return new FetchOutcome.Document(buffer.AsMemory(0, length), FreshnessOf(answer));
    }

    // Which address a request made a connection to, if it made one.
    private static readonly HttpRequestOptionsKey<string> ConnectedTo = new("latchkey.connected_to");

    private bool MayConnect(HttpRequestMessage request, IPAddress address)
    {
        var key = address.ToString();
        if (!_addresses.TryTake(key, out _)) return false;
        request.Options.Set(ConnectedTo, key);
        return true;
    }

    private static FetchOutcome.Failed TooLong(FetchRules rules) => new($"is longer than {rules.MaximumSize} bytes", MayPass: false);

    private static FetchOutcome.Failed Failure(Exception exception) =>
        FindNotReachable(exception) || exception is HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } or System.Net.Sockets.SocketException
            ? new($"{GuardedConnections.NotReachable}", MayPass: true)
            : exception is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }
                ? new("has a host whose certificate is not trusted", MayPass: true)
                : new("could not be read from its host", MayPass: true);

    private static bool FindNotReachable(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is HostNotReachableException) return true;
        }

        return false;
    }

    private TimeSpan? FreshnessOf(HttpResponseMessage answer)
    {
        var control = answer.Headers.CacheControl;
        if (control is { NoStore: true } or { NoCache: true }) return TimeSpan.Zero;
        if (Lifetime(answer, control) is not { } lifetime) return null;
        var left = lifetime - (answer.Headers.Age ?? TimeSpan.Zero);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private TimeSpan? Lifetime(HttpResponseMessage answer, CacheControlHeaderValue? control)
    {
        if (control?.MaxAge is { } maxAge) return maxAge;
        if (!answer.Content.Headers.TryGetValues("Expires", out _)) return null;
        // A malformed Expires counts as past (RFC 9111 section 5.3).
        return answer.Content.Headers.Expires is { } expires ? expires - (answer.Headers.Date ?? _clock.GetUtcNow()) : TimeSpan.Zero;
    }

    private static string Quote(string mediaType) => mediaType.Length is 0 or > 100 || !mediaType.All(char.IsAscii) ? "unknown" : mediaType;
}
