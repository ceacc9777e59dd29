using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Authorize;

/// <summary>
/// Request objects, RFC 9101: an authorization request that its client signed, and may have encrypted. What is in it is all that counts; an unsigned one
/// is never taken.
/// </summary>
internal sealed class RequestObjects(ServerOptions options, ClientKeys keys, TimeProvider clock)
{
    private const int MaximumLength = 48 * 1024;
    private const long SkewSeconds = 60;
    private const long LongestSeconds = 60 * 60;

    // What the JWT says of itself is no parameter of the request.
    private static readonly string[] AboutTheJwt =
        [ClaimNames.Issuer, ClaimNames.Audience, ClaimNames.Expiration, ClaimNames.NotBefore, ClaimNames.IssuedAt, ClaimNames.JwtId];

    /// <summary>The algorithms of signatures, as discovery lists them.</summary>
    public static IReadOnlyList<string> AlgorithmsSupported => SignatureAlgorithms.Supported;

    /// <summary>Opens and judges a request object.</summary>
    /// <param name="text">As it came.</param>
    /// <param name="client">Whose it must be.</param>
    /// <param name="configuration">With which keys it is decrypted.</param>
    /// <returns>The parameters, or <c>invalid_request_object</c>.</returns>
    public async ValueTask<Result<Parameters>> OpenAsync(string text, Client client, ServerConfiguration configuration)
    {
        // 1. Decrypt, if it is encrypted: once, and what comes out must be signed (RFC 9101 section 6.1).
        if (Jwe.Is(text))
        {
            if (Decrypt(text, client, configuration).Refused(out var sealedFault, out var plain)) return sealedFault;
            text = plain;
        }

        // 2. Whose signature is it? The key is looked up by who the client is, never by what the object says of keys (RFC 8725 section 3.10).
        if (Jws.Read(text, MaximumLength).Refused(out var malformed, out var jws)) return Refuse(malformed.Reason);
        if (jws.Header.Type is not (null or JwtTypes.AuthorizationRequest)) return Refuse($"Its typ is neither {JwtTypes.AuthorizationRequest} nor absent.");
        if (!AlgorithmsSupported.Contains(jws.Header.Algorithm) || (client.Metadata.RequestObjectSigningAlg is { } one && jws.Header.Algorithm != one))
            return Refuse($"Its alg is not {client.Metadata.RequestObjectSigningAlg ?? $"one of {string.Join(", ", AlgorithmsSupported)}"}.");
        if (!client.Requirements.Takes(jws.Header.Algorithm)) return Refuse($"Its alg is not one of {string.Join(", ", client.Requirements.Algorithms!)}.");
        if (!jws.IsSignedByOne(await keys.FindAsync(client, jws.Header.KeyId, jws.Header.Algorithm).ConfigureAwait(false)))
            return Refuse("Its signature is not that of a key of the client; check kid, alg and the registered jwks or jwks_uri.");

        // 3. Is it by this client, for this server, and of now?
        return CheckClaims(jws.Claims, client) is { } fault ? fault : Read(jws.Claims);
    }

    /// <summary>Whether it says that it is not signed (<c>alg</c> <c>none</c>).</summary>
    public static bool IsUnsigned(string text) => text.Length <= MaximumLength && Jws.Read(text, MaximumLength).Succeeded(out var jws, out _) && jws.Header.Algorithm == "none";

    private static Result<string> Decrypt(string text, Client client, ServerConfiguration configuration)
    {
        if (Jwe.Read(text, MaximumLength).Refused(out var malformed, out var jwe)) return Refuse(malformed.Reason);
        if (client.Metadata.RequestObjectEncryptionAlg is { } algorithm && jwe.Algorithm != algorithm) return Refuse($"It is not encrypted with {algorithm}, as the client is registered for.");
        if (client.Metadata.RequestObjectEncryptionEnc is { } encryption && jwe.Encryption != encryption) return Refuse($"Its enc is not {encryption}, as the client is registered for.");
        foreach (var key in configuration.Keys.Decrypting)
        {
            if (jwe.KeyId is { } keyId && keyId != key.KeyId) continue;
            if (key.Decrypt(jwe) is { } plain) return Encoding.UTF8.GetString(plain);
        }

        return Refuse("It can't be decrypted; encrypt it to a key of this server whose use is enc.");
    }

    private OAuthError? CheckClaims(JsonMembers claims, Client client)
    {
        if (!claims.Is(ParameterNames.ClientId, client.Id)) return Refuse("Its client_id is missing, or not the client_id of the request (RFC 9101 section 5).");
        if (!claims.Is(ClaimNames.Issuer, client.Id)) return Refuse("Its iss is not the client_id.");
        if (!claims.Holds(ClaimNames.Audience, options.Issuer)) return Refuse($"Its aud does not name {options.Issuer}.");
        if (claims.Has(ParameterNames.Request) || claims.Has(ParameterNames.RequestUri)) return Refuse("It holds request or request_uri, which it must not (RFC 9101 section 4).");

        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (claims.Date(ClaimNames.Expiration) is not { } expires) return Refuse("It has no exp as a number of seconds; let it live for minutes.");
        if (now >= expires + SkewSeconds) return Refuse("It has expired; sign a new one for each request.");
        if (claims.Has(ClaimNames.IssuedAt) && !(claims.Date(ClaimNames.IssuedAt) <= now + SkewSeconds)) return Refuse("Its iat is no time, or in the future; set the clock.");
        var starts = claims.Date(ClaimNames.NotBefore);
        if (claims.Has(ClaimNames.NotBefore) && !(starts <= now + SkewSeconds)) return Refuse("Its nbf is no time, or in the future; set the clock.");

        // A client that must sign signs by the rules of FAPI 2.0 Message Signing section 5.3.1: an object is good for an hour at most.
        if (client.Metadata.RequireSignedRequestObject != true && starts is null) return null;
        if (starts is null) return Refuse("It has no nbf as a number of seconds, which clients that must sign put there.");
        if (starts < now - LongestSeconds) return Refuse("Its nbf is more than 60 minutes ago.");
        return expires - starts > LongestSeconds ? Refuse("Its exp is more than 60 minutes after its nbf.") : null;
    }

    /// <summary>
    /// The parameters among the claims: JSON by nature stays JSON, a number becomes its digits; what repeats as a parameter is a list as a claim (OpenID Connect
    /// Core section 6.1).
    /// </summary>
    public static Result<Parameters> Read(JsonMembers claims)
    {
        var pairs = new List<KeyValuePair<string, string>>(claims.Count);
        foreach (var name in claims.Names)
        {
            if (AboutTheJwt.Contains(name)) continue;
            switch (claims.Kind(name))
            {
                case JsonValueKind.String:
                    pairs.Add(new(name, claims.Text(name)!));
                    break;
                case JsonValueKind.Array when name == ParameterNames.Resource && claims.Texts(name) is { } resources:
                    pairs.AddRange(resources.Select(resource => KeyValuePair.Create(name, resource)));
                    break;
                case JsonValueKind.Null:
                    break;
                default:
                    pairs.Add(new(name, Encoding.UTF8.GetString(claims.Raw(name).Span)));
                    break;
            }
        }

        var parameters = Parameters.From(pairs);
        return parameters.Error is { } fault ? Refuse(fault.Description) : parameters;
    }

    private static OAuthError Refuse(string why) => OAuthError.InvalidRequestObject($"The request object is not good. {why}");
}
