using System.Net.Http.Headers;
using Latchkey.Protocol;

namespace Latchkey.Client.Endpoints;

/// <summary>Requests to APIs with a token on them (RFC 6750 section 2.1, RFC 9449 section 7).</summary>
internal static class ResourceRequest
{
    public static void Attach(EndpointCaller caller, HttpRequestMessage request, AccessToken token)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(token);
        // A token on plain http is anybody's.
        if (request.RequestUri is not { IsAbsoluteUri: true } url || !(url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)))
            throw new InvalidOperationException("A token is sent to absolute https addresses only, and to http on loopback.");
        request.Headers.Authorization = new AuthenticationHeaderValue(token.Type, token.Value);
        request.Headers.Remove(DPoPProof.HeaderName);
        if (!token.IsDPoP) return;
        if (caller.Options.DPoPKey is not { } key || (token.KeyThumbprint is { } bound && bound != key.Thumbprint))
            throw new InvalidOperationException("The token is bound to a DPoP key that this client does not have; keep the key where the tokens are kept.");
        var proof = DPoPProof.Create(key, request.Method.Method, url.AbsoluteUri, caller.Clock.GetUtcNow().ToUnixTimeSeconds(), token.Value, caller.Nonces.For(url));
        request.Headers.TryAddWithoutValidation(DPoPProof.HeaderName, proof);
    }

    public static bool TakeNonce(EndpointCaller caller, HttpRequestMessage request, HttpResponseMessage response)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(response);
        if (request.RequestUri is not { IsAbsoluteUri: true } url) return false;
        return caller.Nonces.Learn(url, response.Headers) && Challenge.Read(response.Headers.WwwAuthenticate).Error == "use_dpop_nonce";
    }
}
