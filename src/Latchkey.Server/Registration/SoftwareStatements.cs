using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Fetching;
using Latchkey.Verification.Jose;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Server.Registration;

/// <summary>
/// Software statements (RFC 7591 section 2.3): what an issuer that the operator trusts says of a client. Its word goes before the client's own.
/// </summary>
internal sealed class SoftwareStatements(ServerOptions options, ClientKeys keys, TimeProvider clock)
{
    private const int MaximumLength = 8192;
    private const long SkewSeconds = 60;

    private readonly JsonWebTokenHandler _handler = new() { MaximumTokenSizeInBytes = MaximumLength };

    /// <summary>Puts what the statement of a request says in the place of what the request says.</summary>
    /// <param name="request">The request's members; changed.</param>
    /// <returns>Null where there is no statement or it holds; <c>unapproved_software_statement</c> or <c>invalid_software_statement</c> otherwise.</returns>
    public async ValueTask<OAuthError?> ApplyAsync(JsonObject request)
    {
        if (request["software_statement"] is not { } node) return null;
        if (node is not JsonValue value || !value.TryGetValue<string>(out var text) || text.Length > MaximumLength || !_handler.CanReadToken(text) || text.Count('.') != 2)
            return Invalid("software_statement is no signed JWT.");

        JsonWebToken token;
        try
        {
            token = _handler.ReadJsonWebToken(text);
        }
        catch (Exception exception) when (exception is ArgumentException or SecurityTokenException)
        {
            return Invalid("software_statement is no well-formed signed JWT.");
        }

        if (token.Issuer is not { Length: > 0 } issuer || !options.SoftwareStatementIssuers.TryGetValue(issuer, out var jwksUri))
            return new OAuthError("unapproved_software_statement", "The software_statement is of an issuer that this server does not trust.");
        if (!Jws.Read(text, MaximumLength).Succeeded(out var jws, out _)
            || !jws.IsSignedByOne(await keys.FindAsync(jwksUri, Reach.Declared, jws.Header.KeyId, jws.Header.Algorithm).ConfigureAwait(false)))
            return Invalid("software_statement is not signed by its issuer.");

        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        try
        {
            if (JsonNode.Parse(Base64UrlEncoder.DecodeBytes(token.EncodedPayload), documentOptions: new() { AllowDuplicateProperties = false, MaxDepth = 16 }) is not JsonObject claims)
                return Invalid("software_statement has no claims.");
            if (Time(claims, "exp") is { } expires && now >= expires + SkewSeconds) return Invalid("software_statement has expired.");
            if (Time(claims, "nbf") is { } begins && now < begins - SkewSeconds) return Invalid("software_statement is not valid yet.");
            foreach (var (name, claim) in claims.ToList())
            {
                if (name is not ("iss" or "sub" or "aud" or "exp" or "nbf" or "iat" or "jti")) request[name] = claim?.DeepClone();
            }

            return null;
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            return Invalid("software_statement has malformed claims.");
        }
    }

    private static long? Time(JsonObject claims, string name) => claims[name] is { } value ? (long)value.GetValue<double>() : null;

    private static OAuthError Invalid(string description) => new("invalid_software_statement", description);
}
