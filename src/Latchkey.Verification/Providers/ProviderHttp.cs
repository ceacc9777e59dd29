using System.Net;

namespace Latchkey.Verification.Providers;

/// <summary>The one way to talk to a provider: no redirects, no cookies, bounded size, one time limit for the whole exchange.</summary>
public static class ProviderHttp
{
    /// <summary>A handler that suits: it follows no redirect, keeps no cookie and verifies TLS.</summary>
    public static HttpMessageHandler CreateHandler() => new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.All,
        // DNS changes of the provider are seen.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    };

    /// <summary>Sends a request and reads the answer, whatever its status.</summary>
    /// <param name="http">The client to send by; its handler should be that of <see cref="CreateHandler"/>.</param>
    /// <param name="request">The request.</param>
    /// <param name="options">Time and size limits.</param>
    /// <param name="clock">The clock of the time limit.</param>
    /// <param name="cancellationToken">Ends the exchange early, as <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ProviderException">Unreachable, too slow, too large, or a redirect.</exception>
    public static async Task<ProviderAnswer> SendAsync(
        HttpClient http, HttpRequestMessage request, ProviderOptions options, TimeProvider clock, CancellationToken cancellationToken)
    {
        var asked = request.RequestUri!;
        var address = Shown(asked);
        using var timeout = new CancellationTokenSource(options.Timeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            var status = (int)response.StatusCode;
            // A handler that follows by itself has already asked a stranger; its answer is refused at least.
            if (status is >= 300 and < 400 and not 304 || (response.RequestMessage?.RequestUri is { } answered && answered != asked))
                throw ProviderRefusals.Redirected(address, status);
            if (response.Content.Headers.ContentLength > options.MaximumDocumentSize) throw ProviderRefusals.TooLarge(address, options.MaximumDocumentSize);
            var body = await ReadAsync(response.Content, options.MaximumDocumentSize, address, either.Token).ConfigureAwait(false);
            return new(status, response.Headers, response.Content.Headers.ContentType?.MediaType?.ToLowerInvariant(), body, address);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Ours, or the client's own limit: either way it took too long.
            throw ProviderRefusals.TimedOut(address, options.Timeout);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            throw ProviderRefusals.Unreachable(address, exception);
        }
    }

    /// <summary>An address without its query, which may hold what is nobody's business.</summary>
    private static string Shown(Uri address) => address.IsAbsoluteUri ? address.GetLeftPart(UriPartial.Path) : "(a relative address)";

    private static async Task<byte[]> ReadAsync(HttpContent content, int maximum, string address, CancellationToken cancellationToken)
    {
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var body = new byte[Math.Min(content.Headers.ContentLength ?? 4096, maximum) + 1];
            var length = 0;
            while (true)
            {
                int read;
                try
                {
                    read = await stream.ReadAsync(body.AsMemory(length), cancellationToken).ConfigureAwait(false);
                }
                catch (Exception exception) when (exception is InvalidDataException or InvalidOperationException)
                {
                    // What says that it is compressed and is not: gzip breaks on it one way, Brotli the other.
                    throw ProviderRefusals.Unreachable(address, exception);
                }

                if (read == 0) return body[..length];
                length += read;
                if (length > maximum) throw ProviderRefusals.TooLarge(address, maximum);
                if (length == body.Length) Array.Resize(ref body, Math.Min(body.Length * 2, maximum + 1));
            }
        }
    }
}
