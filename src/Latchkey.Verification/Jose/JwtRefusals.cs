using System.Globalization;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;

namespace Latchkey.Verification.Jose;

/// <summary>Everything that can be wrong with a JWT, one code each. Reasons show what was expected, and of what came only what is no secret.</summary>
internal static class JwtRefusals
{
    private const string FreshOne = "Get a new token.";
    private const string AskProvider = "Send the token exactly as the provider issued it.";

    public static readonly Refusal NotCompact = new("LK-JWT-MALFORMED", "The token is not three parts separated by dots.", "RFC 7515 7.1", AskProvider);

    public static readonly Refusal Encrypted = new("LK-JWT-ENCRYPTED", "The token is encrypted (five parts), which is not understood here.", "RFC 7516 7.1",
        "Let the provider issue signed tokens.");

    public static readonly Refusal MalformedHeader = new("LK-JWT-HEADER-MALFORMED",
        "The header is not base64url of a JSON object with unique members and alg, typ and kid as strings.", "RFC 7515 4", AskProvider);

    public static readonly Refusal MalformedPayload = new("LK-JWT-PAYLOAD-MALFORMED",
        "The payload is not base64url of a JSON object with unique members.", "RFC 7519 7.2", AskProvider);

    public static readonly Refusal MalformedSignature = new("LK-JWT-SIGNATURE-MALFORMED", "The signature is not base64url.", "RFC 7515 7.1", AskProvider);

    public static readonly Refusal Signature = new("LK-JWT-SIGNATURE", "The signature is not that of the provider's key.", "RFC 7515 5.2", AskProvider);

    public static readonly Refusal NoExpiry = new("LK-JWT-EXPIRY-MISSING", "The token has no exp as a number.", "RFC 7519 4.1.4",
        "Let the provider put an expiry into its tokens.");

    public static readonly Refusal Encryption = new("LK-JWT-ENCRYPTION",
        $"The token is not encrypted with alg {string.Join(" or ", EncryptionAlgorithms.Keys)} and enc {string.Join(", ", EncryptionAlgorithms.Contents)}.",
        "RFC 7518 4.1", "Encrypt with one of these.");

    public static readonly Refusal MalformedEncryption = new("LK-JWT-ENCRYPTION-MALFORMED",
        "The parts of the encrypted token are not base64url, or its epk, apu or apv are malformed.", "RFC 7516 7.1", AskProvider);

    public static Refusal TooLong(int maximum) => new("LK-JWT-TOO-LONG", $"The token has more than {maximum} characters.", "RFC 8725 3.15",
        "Ask for fewer claims in the token.");

    public static Refusal NotUnderstood(string member) => new("LK-JWT-CRITICAL", $"The header has {member}, which is not understood here.", "RFC 7515 4.1.11",
        "Let the provider issue tokens without it.");

    public static Refusal Type(string? type, JwtRules rules) => new("LK-JWT-TYPE",
        $"The typ is {(type is null ? "missing" : Shown(type))}, but {string.Join(" or ", rules.Types)} was expected.", "RFC 8725 3.11",
        "Send the kind of token that is meant for this place: access tokens to APIs, ID tokens to clients.");

    public static Refusal Algorithm(string algorithm, JwtRules rules) => new("LK-JWT-ALGORITHM",
        $"The alg is {Shown(algorithm)}, but only {string.Join(", ", rules.Algorithms)} are taken.", "RFC 8725 3.1",
        "Let the provider sign with one of these, or allow its algorithm.");

    public static Refusal Issuer(string expected) => new("LK-JWT-ISSUER", $"The iss is not {expected}; issuers are compared as strings.", "RFC 8725 3.8",
        "Get the token from this issuer, and configure the issuer exactly as the provider spells it.");

    public static Refusal UnknownKey(string issuer) => new("LK-JWT-KEY-UNKNOWN",
        $"No single key of {issuer} has the token's kid and alg.", "RFC 7515 4.1.4",
        "Get a new token; if that fails too, check that the provider publishes the key that it signs with, once.");

    public static Refusal Expired(long expiry, long now) => new("LK-JWT-EXPIRED", $"The token expired {Seconds(now - expiry)} ago.", "RFC 7519 4.1.4", FreshOne);

    public static Refusal NotYet(long notBefore, long now) => new("LK-JWT-NOT-YET-VALID", $"The token is valid in {Seconds(notBefore - now)} only (nbf).",
        "RFC 7519 4.1.5", "Compare the clocks of provider and receiver.");

    public static Refusal IssuedInFuture(long issued, long now) => new("LK-JWT-ISSUED-IN-FUTURE", $"The token was issued {Seconds(issued - now)} from now (iat).",
        "RFC 7519 4.1.6", "Compare the clocks of provider and receiver.");

    public static Refusal TooOld(TimeSpan maximum) => new("LK-JWT-TOO-OLD", $"The token's iat is missing or more than {Seconds((long)maximum.TotalSeconds)} ago.",
        "RFC 7519 4.1.6", FreshOne);

    public static Refusal MalformedDate(string claim) => new("LK-JWT-DATE-MALFORMED", $"The {claim} is missing or not a number of seconds since 1970.", "RFC 7519 2",
        "Let the provider write dates as JSON numbers.");

    public static Refusal Audience(JwtRules rules) => new("LK-JWT-AUDIENCE",
        $"The aud does not name {(rules.Audiences.Count == 0 ? "anybody, since no audience is configured here" : string.Join(" or ", rules.Audiences))}.",
        "RFC 8725 3.9", "Ask the provider for a token for this resource (RFC 8707), and register the resource by this very name.");

    public static Refusal Missing(string claim) => new("LK-JWT-CLAIM-MISSING", $"The token has no {claim} as a string.", "RFC 9068 2.2",
        $"Let the provider put {claim} into its tokens.");

    private static string Seconds(long seconds) => seconds.ToString(CultureInfo.InvariantCulture) + " s";

    private static string Shown(string text) =>
        text.Length <= 40 && text.All(character => char.IsAsciiLetterOrDigit(character) || character is '+' or '-' or '.' or '/' or '_') ? text : "something else";
}
