using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// <c>private_key_jwt</c>: a signed assertion (RFC 7523 section 3 as RFC 10070 changes it: the audience is the issuer, the type is named).
/// </summary>
internal sealed class ClientAssertions(ServerOptions options, ClientDirectory directory, ClientKeys keys, Database database, TimeProvider clock)
{
    /// <summary>The one <c>client_assertion_type</c>, RFC 7523 section 2.2.</summary>
    public const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private const int MaximumLength = 8192;
    private const long SkewSeconds = 60;
    private const long LongestSeconds = 600;

    private readonly JsonWebTokenHandler _handler = new();

    /// <summary>The algorithms of assertions, as discovery lists them.</summary>
    public static IReadOnlyList<string> AlgorithmsSupported => SignatureAlgorithms.Supported;

    /// <summary>Authenticates by the assertion of a form.</summary>
    public async ValueTask<Result<Client>> AuthenticateAsync(HttpContext context, Parameters form, ServerConfiguration configuration)
    {
        if (form[ParameterNames.ClientAssertionType] != AssertionType) return Refuse($"client_assertion_type is {AssertionType}.");
        if (form[ParameterNames.ClientAssertion] is not { Length: <= MaximumLength } assertion) return Refuse("client_assertion is missing or too long.");
        if (Read(assertion) is not { } token) return Refuse("client_assertion is no well-formed signed JWT: three parts in base64url, header and claims JSON objects, claims of the registered types.");
        if (!string.IsNullOrEmpty(token.Typ) && !token.Typ.Equals(JwtTypes.ClientAuthentication, StringComparison.OrdinalIgnoreCase)
            && !token.Typ.Equals("JWT", StringComparison.OrdinalIgnoreCase))
            return Refuse("The typ of client_assertion is client-authentication+jwt, JWT or absent.");
        if (ReadClaims(token) is not { } claims) return Refuse("The claims of client_assertion are malformed: iss, sub, aud, exp and jti are needed.");

        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (claims.Issuer != claims.Subject) return Refuse("iss and sub of client_assertion are both the client_id.");
        if (form[ParameterNames.ClientId] is { } named && named != claims.Subject)
            return OAuthError.InvalidRequest("The client_id of the form is not the sub of client_assertion; send one client_id.");
        var found = await directory.FindAsync(claims.Subject, configuration, context).ConfigureAwait(false);
        if (!found.Succeeded(out var client, out var error) && !ReferenceEquals(error, ClientDirectory.Unknown)) return error;
        if (client is not { Metadata.TokenEndpointAuthMethod: ClientAuthenticationMethods.PrivateKeyJwt })
            return Refuse("The client is unknown or its credentials are wrong.");
        if (!await IsSignedAsync(assertion, client).ConfigureAwait(false)) return Refuse("The client is unknown or its credentials are wrong.");

        // From here on the client itself reads the answer, and may learn what to mend.
        if (claims.Audience != options.Issuer && !(client.Metadata.AcceptEndpointAudience && claims.Audience == options.Endpoint("/token")))
            return Refuse($"The aud of client_assertion is {options.Issuer} alone (RFC 10070).");
        if (claims.IsAudienceInArray && client.Requirements.AudienceIsString) return Refuse($"The aud of client_assertion is {options.Issuer} as a string, not in an array.");
        if (now >= claims.Expires + SkewSeconds) return Refuse("client_assertion has expired; make a new one for each request.");
        if (claims.Expires > now + LongestSeconds + SkewSeconds) return Refuse("The exp of client_assertion is more than 10 minutes ahead.");
        if (claims.NotBefore > now + SkewSeconds || claims.IssuedAt > now + SkewSeconds) return Refuse("client_assertion is from the future; set the clock.");
        if (!await UseAsync(client, claims).ConfigureAwait(false)) return Refuse("client_assertion was used before; make a new one with its own jti for each request.");
        return client;
    }

    private static OAuthError Refuse(string description) => OAuthError.InvalidClient(description);

    private JsonWebToken? Read(string assertion)
    {
        try
        {
            return _handler.CanReadToken(assertion) && assertion.Count('.') == 2 ? _handler.ReadJsonWebToken(assertion) : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
        catch (SecurityTokenException)
        {
            return null;
        }
    }

    // Read once more, strictly: what asks for more than is understood here (crit, b64, zip) is not taken.
    private async ValueTask<bool> IsSignedAsync(string assertion, Client client)
    {
        if (Jws.Read(assertion, MaximumLength).Refused(out _, out var jws)) return false;
        if (client.Metadata.TokenEndpointAuthSigningAlg is { } one && jws.Header.Algorithm != one) return false;
        if (!client.Requirements.Takes(jws.Header.Algorithm)) return false;
        return jws.IsSignedByOne(await keys.FindAsync(client, jws.Header.KeyId, jws.Header.Algorithm).ConfigureAwait(false));
    }

    private async ValueTask<bool> UseAsync(Client client, Claims claims)
    {
        var id = SHA256.HashData(Encoding.UTF8.GetBytes($"client_assertion\0{client.Id}\0{claims.JwtId}"));
        return await database.WriteAsync(sql => ReplayGuard.UseAsync(sql, id, (claims.Expires + SkewSeconds) * 1000)).ConfigureAwait(false);
    }

    private static Claims? ReadClaims(JsonWebToken token)
    {
        try
        {
            using var payload = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload), new JsonDocumentOptions { AllowDuplicateProperties = false });
            var root = payload.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return null;
            return Text(root, "iss") is { } issuer && Text(root, "sub") is { } subject && Audience(root) is { } audience && Text(root, "jti") is { } jwtId
                && Seconds(root, "exp", out var expires) && expires is not null && Seconds(root, "nbf", out var notBefore) && Seconds(root, "iat", out var issuedAt)
                ? new Claims(issuer, subject, audience, root.GetProperty("aud").ValueKind == JsonValueKind.Array, jwtId, expires.Value, notBefore, issuedAt)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 1024 } text ? text : null;

    private static string? Audience(JsonElement root) =>
        !root.TryGetProperty("aud", out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && value[0].ValueKind == JsonValueKind.String ? value[0].GetString()
        : null;

    // A NumericDate may have a fraction (RFC 7519 section 2); absent is fine, anything else is not.
    private static bool Seconds(JsonElement root, string name, out long? seconds)
    {
        seconds = null;
        if (!root.TryGetProperty(name, out var value)) return true;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number is not (>= 0 and < 1e12)) return false;
        seconds = (long)number;
        return true;
    }

    private sealed record Claims(string Issuer, string Subject, string Audience, bool IsAudienceInArray, string JwtId, long Expires, long? NotBefore, long? IssuedAt);
}
