using Latchkey.Protocol;

namespace Latchkey.Verification.Providers;

/// <summary>Everything that can be wrong with a provider, one code each. No message holds a body, a query or a token.</summary>
internal static class ProviderRefusals
{
    private const string Answers = "Look at what answers there: a proxy, a login page or a wrong address are the usual causes.";

    public static Refusal InsecureIssuer(string issuer) => new("LK-PROVIDER-ISSUER-INSECURE",
        $"The issuer {Shown(issuer)} is not https, and http is taken on loopback only.", "RFC 8414 2", "Use the provider's https address.");

    public static Refusal MalformedIssuer(string issuer) => new("LK-PROVIDER-ISSUER-MALFORMED",
        $"The issuer {Shown(issuer)} is not an absolute http or https URL without query, fragment and user name.", "RFC 8414 2",
        "Set the issuer exactly as the provider's metadata spells it.");

    public static ProviderException InsecureEndpoint(string issuer, string address) => new(new("LK-PROVIDER-ENDPOINT-INSECURE",
        $"The metadata of {issuer} names {Shown(address)}, which is not https, and http is taken on loopback only.", "RFC 9700 2.6",
        "Let the provider publish https addresses."));

    public static ProviderException Unreachable(string address, Exception inner) => new(new("LK-PROVIDER-UNREACHABLE",
        $"{address} can't be reached: {Kind(inner)}.", "RFC 8414 3", "Check the address, DNS, the network and the TLS certificate."), isTransient: true, inner);

    public static ProviderException Failed(Exception inner) => new(new("LK-PROVIDER-FAILED",
        $"The provider could not be asked: {inner.GetType().Name}.", "RFC 8414 3", "See the inner exception; it comes from the HTTP client that was given."),
        isTransient: true, inner);

    public static ProviderException TimedOut(string address, TimeSpan timeout) => new(new("LK-PROVIDER-TIMEOUT",
        $"{address} did not answer in full within {timeout.TotalSeconds:0.###} s.", "RFC 8414 3",
        "Check that the provider is well, or allow it more time."), isTransient: true);

    public static ProviderException TooLarge(string address, int maximum) => new(new("LK-PROVIDER-TOO-LARGE",
        $"{address} answered with more than {maximum} bytes.", "RFC 8725 3.10", Answers));

    public static ProviderException Redirected(string address, int status) => new(new("LK-PROVIDER-REDIRECT",
        $"{address} answered with a redirect ({status}), and redirects are not followed.", "RFC 8414 3.1",
        "Use the address that it redirects to, if that is the provider's own."));

    public static ProviderException NotJson(ProviderAnswer answer, Exception? inner) => new(new("LK-PROVIDER-NOT-JSON",
        $"{answer.Address} answered {answer.Status} with {answer.MediaType ?? "no content type"} that is not a JSON object.", "RFC 8414 3.2", Answers),
        isTransient: IsTransient(answer.Status), inner);

    public static ProviderException Status(ProviderAnswer answer) => new(new("LK-PROVIDER-STATUS",
        $"{answer.Address} answered {answer.Status}.", "RFC 8414 3.2", Answers), isTransient: IsTransient(answer.Status));

    public static ProviderException NoMetadata(string issuer) => new(new("LK-PROVIDER-METADATA-MISSING",
        $"There is no metadata for {issuer}, neither by OpenID Connect Discovery nor by RFC 8414.", "RFC 8414 3.1",
        "Check the issuer: it is the address that the provider's own metadata calls issuer."));

    public static ProviderException OtherIssuer(string issuer, string? found, string address) => new(new("LK-PROVIDER-ISSUER-MISMATCH",
        $"{address} is the metadata of {(found is null ? "nobody: it has no issuer" : Shown(found))}, but {issuer} was expected; they are compared as strings.",
        "RFC 8414 3.3", "Configure the issuer exactly as the provider's metadata spells it."));

    public static ProviderException NoKeys(string issuer) => new(new("LK-PROVIDER-KEYS-MISSING",
        $"The metadata of {issuer} has no jwks_uri.", "RFC 8414 2", "Let the provider publish its keys."));

    public static ProviderException MalformedKeys(string address) => new(new("LK-PROVIDER-KEYS-MALFORMED",
        $"{address} is not a JWK set: it has no list named keys.", "RFC 7517 5", Answers));

    private static bool IsTransient(int status) => status is >= 500 or 429 or 408;

    private static string Shown(string text) => text.Length <= 200 && text.All(character => character is > ' ' and <= '~') ? text : "(not shown)";

    private static string Kind(Exception exception) => exception is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } http
        ? http.HttpRequestError.ToString() : exception.GetType().Name;
}
