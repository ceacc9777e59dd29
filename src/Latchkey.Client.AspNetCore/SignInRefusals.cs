using Latchkey.Protocol;

namespace Latchkey.Client.AspNetCore;

/// <summary>Every check of this package that can fail, one code each. No reason holds a token, a code or a secret.</summary>
internal static class SignInRefusals
{
    private const string LogoutSpec = "OIDC Back-Channel Logout 2.6";
    private const string AskProvider = "This is for the provider to mend; no session was ended.";

    public static readonly Refusal NoTransaction = new("LK-SIGNIN-LOST",
        "This browser has no such sign-in under way: it was finished before, it took too long, or it was begun in another browser.", "RFC 9700 4.7.1", "Sign in again.");

    public static readonly Refusal NoCookies = new("LK-SIGNIN-COOKIES",
        "The browser keeps no cookies for this site, and without them nobody can sign in.", "RFC 10017 6.1.3.2", "Allow cookies for this site, then sign in again.");

    public static readonly Refusal PlainHttp = new("LK-SIGNIN-HTTPS",
        "The app was reached by http, and the session cookie must not cross a network in the clear; http is for loopback only.", "RFC 10017 6.1.3.2",
        "Use https. Behind a proxy that ends TLS, call app.UseForwardedHeaders() before app.UseAuthentication() and trust that proxy.");

    public static readonly Refusal LogoutTokenMissing = new("LK-SIGNIN-LOGOUT-MISSING",
        "The body is not a form with one logout_token.", "OIDC Back-Channel Logout 2.5", AskProvider);

    public static readonly Refusal LogoutNonce = new("LK-SIGNIN-LOGOUT-NONCE", "The logout token has a nonce, so it may be an ID token.", LogoutSpec, AskProvider);

    public static readonly Refusal LogoutEvents = new("LK-SIGNIN-LOGOUT-EVENTS", "The events of the logout token do not say logout.", LogoutSpec, AskProvider);

    public static readonly Refusal LogoutIssuedAt = new("LK-SIGNIN-LOGOUT-IAT", "The logout token does not say when it was issued (iat).", LogoutSpec, AskProvider);

    public static readonly Refusal LogoutId = new("LK-SIGNIN-LOGOUT-JTI", "The logout token has no id (jti).", LogoutSpec, AskProvider);

    public static readonly Refusal LogoutNobody = new("LK-SIGNIN-LOGOUT-NOBODY", "The logout token names neither a person (sub) nor a session (sid).", LogoutSpec, AskProvider);

    public static readonly Refusal LogoutReplayed = new("LK-SIGNIN-LOGOUT-REPLAYED", "The logout token was used before.", LogoutSpec, "Send each logout token once.");

    public static readonly Refusal CsrfHeader = new("LK-BFF-HEADER",
        "The request lacks the header that shows that a page of this app sent it.", "RFC 10017 6.1.3.3", "Send the header X-CSRF: 1 with every fetch to this backend.");

    public static readonly Refusal CrossSite = new("LK-BFF-CROSS-SITE",
        "Another site made the browser send the request.", "RFC 10017 6.1.3.3", "Call this backend only from pages of its own origin.");

    public static readonly Refusal ApiPath = new("LK-BFF-PATH",
        "The path has dot segments, empty segments, backslashes or encoded slashes, so that two servers could read it as two paths.", "RFC 10017 6.1.3.6", "Send a plain path.");

    public static readonly Refusal ApiPathUnlisted = new("LK-BFF-PATH-UNLISTED",
        "The path is not among those of the API that may be called.", "RFC 10017 6.1.3.6", "Add it to Paths if the app needs it.");

    public static readonly Refusal ApiMethod = new("LK-BFF-METHOD", "The method is not among those that may pass.", "RFC 10017 6.1.3.6", "Add it to Methods if the API needs it.");
}
