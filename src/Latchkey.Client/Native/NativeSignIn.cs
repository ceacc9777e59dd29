using Latchkey.Client.Authorization;

namespace Latchkey.Client.Native;

/// <summary>How a native app signs a person in; the defaults suit desktop and terminal programs.</summary>
public sealed record NativeSignIn
{
    /// <summary>What the sign-in asks for beyond the client's options. Its redirect URI and response mode are set by the sign-in itself.</summary>
    public AuthorizationParameters Parameters { get; init; } = new();

    /// <summary>
    /// The path of the loopback redirect URI as registered with the provider, where the port is free (RFC 8252 section 7.3): <c>/callback</c> unless set, for
    /// a registered <c>http://127.0.0.1/callback</c>.
    /// </summary>
    public string LoopbackPath { get; init; } = "/callback";

    /// <summary>Whether the redirect URI is <c>http://[::1]…</c> instead of <c>http://127.0.0.1…</c>: as it is registered.</summary>
    public bool UseIPv6 { get; init; }

    /// <summary>How long the person has; five minutes unless set.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Opens an address in the system's browser; null does it the operating system's way. Never show it in a web view of the app: the app could read the
    /// password, and the person has no address bar to check (RFC 8252 section 8.12).
    /// </summary>
    public Func<Uri, CancellationToken, Task>? OpenBrowser { get; init; }

    /// <summary>
    /// For mobile apps, in place of the loopback listener: shows the first address in the system's authentication session (Custom Tabs,
    /// ASWebAuthenticationSession, MAUI's WebAuthenticator) and returns the whole address that came back to the second, the client's
    /// <see cref="LatchkeyClientOptions.RedirectUri"/>: a claimed https address or a private-use scheme (RFC 8252 sections 7.1 and 7.2).
    /// </summary>
    public Func<Uri, Uri, CancellationToken, Task<Uri>>? Authenticate { get; init; }
}
