using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Backchannel;

/// <summary>What a client asks, and what makes sure that it asks it once.</summary>
/// <param name="Parameters">The parameters that count.</param>
/// <param name="ReplayId">What must be used up, if the request was signed.</param>
/// <param name="ReplayUntil">Until when that must be remembered, unix milliseconds.</param>
internal sealed record OpenedBackchannelRequest(Parameters Parameters, byte[]? ReplayId = null, long ReplayUntil = 0)
{
    public override string ToString() => "backchannel request";
}

/// <summary>
/// Signed authentication requests, OpenID Connect CIBA Core section 7.1.1: a client that is registered to sign must; what it signed is all that counts, and
/// each is good once. Their life is bounded as FAPI-CIBA section 5.2.2 asks.
/// </summary>
internal sealed class SignedBackchannelRequests(ServerOptions options, ClientKeys keys, TimeProvider clock)
{
    private const int MaximumLength = 16 * 1024;
    private const int LongestJwtId = 255;
    private const long SkewSeconds = 60;
    private const long LongestSeconds = 60 * 60;

    // Who asks may be said outside; what is asked may not (section 7.1.1).
    private static readonly string[] Outside =
        [ParameterNames.Request, ParameterNames.ClientId, ParameterNames.ClientSecret, ParameterNames.ClientAssertion, ParameterNames.ClientAssertionType];

    /// <summary>Opens a request, signed or not, as its client is registered for.</summary>
    /// <returns>What it asks, or <c>invalid_request</c>.</returns>
    public async ValueTask<Result<OpenedBackchannelRequest>> OpenAsync(Parameters form, Client client)
    {
        var algorithm = client.Metadata.BackchannelAuthenticationRequestSigningAlg;
        if (form[ParameterNames.Request] is not { } text)
        {
            if (algorithm is null) return new OpenedBackchannelRequest(form);
            return OAuthError.InvalidRequest("The client is registered to sign its requests (backchannel_authentication_request_signing_alg), and this one is not; send request.");
        }

        if (algorithm is null) return OAuthError.InvalidRequest("The client is not registered to sign its requests; set backchannel_authentication_request_signing_alg, or send the parameters themselves.");
        if (form.Pairs.Any(pair => !Outside.Contains(pair.Key)))
            return OAuthError.InvalidRequest("The request has parameters beside request; put all of them into the signed request (CIBA Core section 7.1.1).");

        if (Jws.Read(text, MaximumLength).Refused(out var malformed, out var jws)) return Refuse(malformed.Reason);
        if (jws.Header.Algorithm != algorithm) return Refuse($"Its alg is not {algorithm}, which the client is registered for.");
        if (!jws.IsSignedByOne(await keys.FindAsync(client, jws.Header.KeyId, jws.Header.Algorithm).ConfigureAwait(false)))
            return Refuse("Its signature is not that of a key of the client; check kid and the registered jwks or jwks_uri.");
        if (Judge(jws.Claims, client) is { } fault) return fault;
        if (RequestObjects.Read(jws.Claims).Refused(out var misread, out var parameters)) return OAuthError.InvalidRequest(misread.Description);
        if (parameters[ParameterNames.Request] is not null) return Refuse("It holds request itself.");

        var id = SHA256.HashData(Encoding.UTF8.GetBytes($"ciba_request\0{client.Id}\0{jws.Claims.Text(ClaimNames.JwtId)}"));
        return new OpenedBackchannelRequest(parameters, id, (jws.Claims.Date(ClaimNames.Expiration)!.Value + SkewSeconds) * 1000);
    }

    private OAuthError? Judge(JsonMembers claims, Client client)
    {
        if (!claims.Is(ClaimNames.Issuer, client.Id)) return Refuse("Its iss is not the client_id.");
        if (!claims.Holds(ClaimNames.Audience, options.Issuer)) return Refuse($"Its aud does not name {options.Issuer}.");
        if (claims.Has(ParameterNames.ClientId) && !claims.Is(ParameterNames.ClientId, client.Id)) return Refuse("Its client_id is another client's.");
        if (claims.Text(ClaimNames.JwtId) is not { Length: > 0 and <= LongestJwtId }) return Refuse($"Its jti is missing or longer than {LongestJwtId} characters.");
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (claims.Date(ClaimNames.Expiration) is not { } expires || claims.Date(ClaimNames.IssuedAt) is not { } issued || claims.Date(ClaimNames.NotBefore) is not { } starts)
            return Refuse("It needs exp, iat and nbf as numbers of seconds.");
        if (now >= expires + SkewSeconds) return Refuse("It has expired; sign a new one for each request.");
        if (issued > now + SkewSeconds || starts > now + SkewSeconds) return Refuse("Its iat or nbf is in the future; set the clock.");
        if (starts < now - LongestSeconds) return Refuse("Its nbf is more than 60 minutes ago.");
        return expires - starts > LongestSeconds ? Refuse("Its exp is more than 60 minutes after its nbf.") : null;
    }

    private static OAuthError Refuse(string why) => OAuthError.InvalidRequest($"The signed request is not good. {why.Replace('"', '\'').Replace('\\', '/')}");
}
