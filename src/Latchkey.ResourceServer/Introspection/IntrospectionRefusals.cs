using Latchkey.Protocol;

namespace Latchkey.ResourceServer.Introspection;

/// <summary>Everything that asking about a token can come to, one code each. None holds a token.</summary>
internal static class IntrospectionRefusals
{
    public static Refusal Inactive { get; } = new("LK-RS-TOKEN-INACTIVE",
        "The provider says that the token is not active: it has expired, was revoked, or is not for this API to see.", "RFC 7662 2.2", "Get a new token.");

    public static Refusal Expired { get; } = new("LK-RS-INTROSPECTION-EXPIRED", "The provider says that the token has expired.", "RFC 7662 2.2", "Get a new token.");

    public static Refusal NotYet { get; } = new("LK-RS-INTROSPECTION-NOT-YET", "The provider says that the token is not valid yet.", "RFC 7662 2.2", "Check both clocks.");

    public static Refusal Kind { get; } = new("LK-RS-INTROSPECTION-TYPE",
        "The provider says that this is no access token: its token_type is neither Bearer nor DPoP.", "RFC 7662 2.2", "Send the access token, not the refresh token.");

    public static Refusal NoAudience { get; } = new("LK-RS-INTROSPECTION-NO-AUDIENCE",
        "The provider does not say which API the token is for.", "RFC 7662 4",
        "Let the client ask for this API (resource, RFC 8707), or set Introspection.AllowMissingAudience if the provider never says.");

    public static Refusal TooLong(int maximum) => new("LK-RS-TOKEN-TOO-LONG", $"The token has more than {maximum} characters.", "RFC 8725 3.15", "Ask for fewer claims in the token.");

    public static Refusal OtherIssuer(string issuer) => new("LK-RS-INTROSPECTION-ISSUER",
        $"The token is not one that {issuer} issued, although it told about it.", "RFC 7662 4", "Get the token from the issuer that this API trusts.");

    public static Refusal OtherAudience(string resource) => new("LK-RS-INTROSPECTION-AUDIENCE",
        $"The token is for another API than {resource}.", "RFC 7662 4", "Ask for a token with this API as its resource (RFC 8707).");

    public static Refusal Malformed(string address) => new("LK-RS-INTROSPECTION-MALFORMED",
        $"The answer of {address} is no introspection answer: its members have other types than RFC 7662 gives them.", "RFC 7662 2.2", "Look at what answers there.");

    public static Refusal NoEndpoint(string issuer) => new("LK-RS-INTROSPECTION-NO-ENDPOINT",
        $"The metadata of {issuer} has no https introspection_endpoint.", "RFC 8414 2", "Use JWT access tokens, or a provider that has one.");

    public static Refusal Unauthorized(string address, int status) => new("LK-RS-INTROSPECTION-UNAUTHORIZED",
        $"{address} answered {status}: it does not take this API's own credentials.", "RFC 7662 2.1",
        "Check Introspection.ClientId and its secret or key, and that the client may introspect this resource's tokens.");

    public static Refusal Failed(string address, int status) => new("LK-RS-INTROSPECTION-FAILED",
        $"{address} answered {status}.", "RFC 7662 2.3", "Look at the provider's log.");

    public static Refusal Unasked(Exception exception) => new("LK-RS-INTROSPECTION-FAILED",
        $"The provider could not be asked: {exception.GetType().Name}.", "RFC 7662 2.3", "See to the handler that the API asks by.");

    public static Refusal Busy { get; } = new("LK-RS-INTROSPECTION-BUSY",
        "As many tokens as may be asked about at once are being asked about.", "RFC 7662 4", "Try again in a moment; raise Introspection.MaximumParallel if this is everyday load.");
}
