using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>A refusal, and how the caller is told of it.</summary>
/// <param name="Refusal">Which check, and why.</param>
/// <param name="Error">The registered error code of the challenge; null where the caller is not to blame.</param>
/// <param name="Status">The HTTP status.</param>
/// <param name="Scheme">The scheme whose challenge bears the error.</param>
internal sealed record Denial(Refusal Refusal, string? Error, int Status, string Scheme = TokenTypes.Bearer)
{
    /// <summary>The token is expired, revoked, malformed or not for this API, RFC 6750 section 3.1.</summary>
    public static Denial InvalidToken(Refusal refusal, string scheme) => new(refusal, "invalid_token", 401, scheme);

    /// <summary>The request is malformed, RFC 6750 section 3.1.</summary>
    public static Denial InvalidRequest(Refusal refusal, string scheme) => new(refusal, "invalid_request", 400, scheme);

    /// <summary>Nothing can be said of the token, since its issuer can't be asked: that is no fault of the caller.</summary>
    public static Denial Unavailable(ProviderException exception) => new(exception.Refusal, null, 503);
}

/// <summary>The refusals of the guard itself; those of the token are the verifier's.</summary>
internal static class Denials
{
    public static readonly Denial SeveralCredentials = Denial.InvalidRequest(new("LK-RS-CREDENTIALS-SEVERAL",
        "The request has more than one Authorization header.", "RFC 6750 2", "Send one token, in one Authorization header."), TokenTypes.Bearer);

    public static Denial MalformedCredentials(string scheme) => Denial.InvalidRequest(new("LK-RS-CREDENTIALS-MALFORMED",
        "The Authorization header has no token, or one with characters that tokens can't have.", "RFC 6750 2.1",
        "Send the scheme, one space and the token."), scheme);

    public static Denial OtherIssuer(IReadOnlyList<string> issuers, string scheme) => Denial.InvalidToken(new("LK-JWT-ISSUER",
        $"The iss is none of {string.Join(", ", issuers)}; issuers are compared as strings.", "RFC 8725 3.8",
        "Get the token from one of the issuers that the API's metadata names."), scheme);

    public static Denial Opaque(string scheme) => Denial.InvalidToken(new("LK-RS-TOKEN-OPAQUE",
        "The token is not a JWT, and this API does not ask its issuer about tokens (introspection).", "RFC 9068 4",
        "Get a token for this API; its issuer may issue another kind without the resource parameter."), scheme);

    public static Denial Revoked(string scheme) => Denial.InvalidToken(new("LK-RS-REVOKED", "The token was revoked.", "RFC 7009 3", "Get a new token."), scheme);
}
