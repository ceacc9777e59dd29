using System.Net;
using System.Net.Http.Headers;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol;

namespace Latchkey.Client.Tokens;

/// <summary>
/// Gives each request of an <see cref="HttpClient"/> its access token. A request never goes out without: if there is no token, it throws
/// <see cref="TokenUnavailableException"/>. After a 401 the token is renewed once and the request sent once more. With DPoP (RFC 9449) each sending has a
/// proof of its own, and an API's demand for a nonce is met.
/// </summary>
/// <remarks>
/// A request is sent again only if its content can be: none, bytes, text, a form, JSON, or anything else that says its length and has at most 1 MiB,
/// which is buffered before it is sent. Of a longer or endless stream the 401 is returned; the next request then has another token.
/// </remarks>
public sealed class TokenHandler : DelegatingHandler
{
    private readonly Func<HttpRequestMessage, CancellationToken, ValueTask<ITokenSource>>? _select;
    private readonly ITokenSource? _source;
    private readonly LatchkeyClient _client;
    private volatile Header? _last;

    /// <summary>All requests carry tokens of one source.</summary>
    /// <param name="source">Where the tokens come from.</param>
    /// <param name="client">The client they were issued to: its DPoP key proves their possession.</param>
    public TokenHandler(ITokenSource source, LatchkeyClient client)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(client);
        _source = source;
        _client = client;
    }

    /// <summary>Each request chooses its source, for example that of the person for whom it is made.</summary>
    /// <param name="select">Gives the source; it throws <see cref="TokenUnavailableException"/> where there is none.</param>
    /// <param name="client">The client the tokens were issued to: its DPoP key proves their possession.</param>
    public TokenHandler(Func<HttpRequestMessage, CancellationToken, ValueTask<ITokenSource>> select, LatchkeyClient client)
    {
        ArgumentNullException.ThrowIfNull(select);
        ArgumentNullException.ThrowIfNull(client);
        _select = select;
        _client = client;
    }

    /// <summary>
    /// Whether tokens may go over plain http to other machines; false unless set. Only for networks that encrypt below http, such as a service mesh: whoever
    /// reads a bearer token can use it (OAuth 2.1 section 1.5).
    /// </summary>
    public bool AllowPlainHttp { get; init; }

    /// <inheritdoc />
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        RefusePlainHttp(request.RequestUri);
        var replayable = await ReplayableContent.PrepareAsync(request.Content, cancellationToken).ConfigureAwait(false);
        var source = _source ?? await _select!(request, cancellationToken).ConfigureAwait(false);
        var token = await source.GetAsync(cancellationToken).ConfigureAwait(false);
        var response = await SendAsync(request, token, replayable, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode != HttpStatusCode.Unauthorized) return response;
        TokenTelemetry.ApiRefused();
        // The API wants a more recent or stronger sign-in (RFC 9470): another token of the same sign-in is no better.
        if (Refuses(response, "insufficient_user_authentication")) return response;
        return await AgainAsync(request, response, source, token, replayable, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Not offered: to get a token without blocking the thread takes <c>SendAsync</c>, and without a token nothing is sent.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) =>
        throw new NotSupportedException("A request that carries a token is sent by SendAsync.");

    private async Task<HttpResponseMessage> AgainAsync(
        HttpRequestMessage request, HttpResponseMessage response, ITokenSource source, AccessToken refused, bool replayable, CancellationToken cancellation)
    {
        AccessToken next;
        try
        {
            next = await source.RenewAsync(refused, cancellation).ConfigureAwait(false);
        }
        catch (TokenUnavailableException) when (!replayable)
        {
            // This request ends with its 401 in any case; the next one finds out.
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }

        if (!replayable || next.Value == refused.Value) return response;
        response.Dispose();
        return await SendAsync(request, next, replayable, cancellation).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, AccessToken token, bool replayable, CancellationToken cancellation)
    {
        request.Headers.Authorization = HeaderOf(token);
        if (!token.IsDPoP)
        {
            request.Headers.Remove(DPoPProof.HeaderName);
            return await base.SendAsync(request, cancellation).ConfigureAwait(false);
        }

        var url = request.RequestUri!;
        var nonces = _client.Nonces;
        Prove(request, token, nonces.For(url));
        var response = await base.SendAsync(request, cancellation).ConfigureAwait(false);
        // RFC 9449 section 9: once more with the nonce, and only once, or a confused API has us in a circle.
        if (!nonces.Learn(url, response.Headers) || !replayable || !Refuses(response, "use_dpop_nonce")) return response;
        response.Dispose();
        Prove(request, token, nonces.For(url));
        response = await base.SendAsync(request, cancellation).ConfigureAwait(false);
        nonces.Learn(url, response.Headers);
        return response;
    }

    private void Prove(HttpRequestMessage request, AccessToken token, string? nonce)
    {
        var key = _client.Options.DPoPKey;
        if (key is null || key.Thumbprint != token.KeyThumbprint)
            throw new TokenUnavailableException(OAuthException.InvalidResponse, null, TokenRefusals.KeyGone());
        request.Headers.Remove(DPoPProof.HeaderName);
        var now = _client.Clock.GetUtcNow().ToUnixTimeSeconds();
        request.Headers.TryAddWithoutValidation(DPoPProof.HeaderName, DPoPProof.Create(key, request.Method.Method, request.RequestUri!.AbsoluteUri, now, token.Value, nonce));
    }

    // One token serves many requests, and its header with it.
    private AuthenticationHeaderValue HeaderOf(AccessToken token)
    {
        if (_last is { } last && ReferenceEquals(last.Token, token)) return last.Value;
        if (!token.IsDPoP && token.Type != Protocol.Names.TokenTypes.Bearer) throw new TokenUnavailableException(OAuthException.InvalidResponse, null, TokenRefusals.NotForApis());
        var header = new Header(token, new AuthenticationHeaderValue(token.Type, token.Value));
        _last = header;
        return header.Value;
    }

    private void RefusePlainHttp(Uri? url)
    {
        if (url is null || !url.IsAbsoluteUri) throw new InvalidOperationException("The request has no absolute address; set the client's BaseAddress.");
        if (url.Scheme == Uri.UriSchemeHttps || url.IsLoopback || AllowPlainHttp) return;
        throw new TokenUnavailableException(OAuthException.InvalidResponse, null, TokenRefusals.PlainHttp(url.GetLeftPart(UriPartial.Authority)));
    }

    private static bool Refuses(HttpResponseMessage response, string error) =>
        response.StatusCode == HttpStatusCode.Unauthorized && Challenge.Read(response.Headers.WwwAuthenticate).Error == error;

    private sealed record Header(AccessToken Token, AuthenticationHeaderValue Value);
}
