using Latchkey.Protocol;

namespace Latchkey.Client.Tokens;

/// <summary>Why a request was not sent though there is a token.</summary>
internal static class TokenRefusals
{
    public static Refusal PlainHttp(string origin) => new(
        "LK-CLIENT-API-PLAIN-HTTP", $"The token would go to {origin} over plain http, where anyone on the way can read and use it.", "OAuth 2.1 1.5",
        "Call the API by https; on a network that encrypts below http, set AllowPlainHttp.");

    public static Refusal KeyGone() => new(
        "LK-CLIENT-DPOP-KEY-GONE", "The token is bound to a DPoP key that this client does not have.", "RFC 9449 7.1",
        "Keep the key as long as its tokens, and give it to UseDPoP at the next start.");

    public static Refusal NotForApis() => new(
        "LK-CLIENT-TOKEN-NOT-FOR-APIS", "The token's type is neither Bearer nor DPoP, so there is no way to send it to an API.", "OAuth 2.1 1.4",
        "Ask for an access token: a token exchange can issue other things.");
}
