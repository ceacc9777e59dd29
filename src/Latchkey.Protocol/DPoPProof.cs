using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol;

/// <summary>Proofs of possession of a key, one for each request (RFC 9449 section 4): what goes into the header <c>DPoP</c>.</summary>
public static class DPoPProof
{
    /// <summary>The name of the request header (RFC 9449 section 4.1).</summary>
    public const string HeaderName = "DPoP";

    /// <summary>The response header that carries the nonce to use from now on (RFC 9449 sections 8 and 9).</summary>
    public const string NonceHeaderName = "DPoP-Nonce";

    /// <summary>Makes a proof. Every request needs its own, a retry too: a proof is good once.</summary>
    /// <param name="key">The key.</param>
    /// <param name="method">The request's HTTP method, exactly as it is sent.</param>
    /// <param name="url">The request's absolute URL; query and fragment are left out of the proof.</param>
    /// <param name="now">The time in Unix seconds.</param>
    /// <param name="accessToken">The access token that goes with the request; null at the token endpoint.</param>
    /// <param name="nonce">The latest <c>DPoP-Nonce</c> of the server, if it gave any.</param>
    /// <returns>The value of the header.</returns>
    /// <exception cref="ArgumentException">The URL is not an absolute http or https URL.</exception>
    public static string Create(DPoPKey key, string method, string url, long now, string? accessToken = null, string? nonce = null)
    {
        var claims = (method, target: Target(url), now, accessToken, nonce);
        return JwtWriter.Write(key.Signer, key.Header, claims, static (json, claims) =>
        {
            Span<byte> id = stackalloc byte[16];
            RandomNumberGenerator.Fill(id);
            json.WriteString(ClaimNames.JwtId, Base64Url.EncodeToString(id));
            json.WriteString(ClaimNames.HttpMethod, claims.method);
            json.WriteString(ClaimNames.HttpTarget, claims.target);
            json.WriteNumber(ClaimNames.IssuedAt, claims.now);
            if (claims.accessToken is not null) json.WriteString(ClaimNames.AccessTokenDigest, Hash(claims.accessToken));
            if (claims.nonce is not null) json.WriteString(ClaimNames.Nonce, claims.nonce);
        });
    }

    /// <summary>The <c>ath</c> of an access token: base64url of the SHA-256 of its ASCII (RFC 9449 section 4.2).</summary>
    /// <param name="accessToken">The token.</param>
    /// <returns>43 characters of base64url.</returns>
    public static string Hash(string accessToken) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)));

    /// <summary>The <c>htu</c> of a URL: without query, fragment and user, with the scheme and host in lower case and no default port.</summary>
    private static string Target(string url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp)
            ? uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
            : throw new ArgumentException("A proof is made for an absolute http or https URL.", nameof(url));
}
