using Latchkey.Server.Pages;

namespace Latchkey.Server.Login;

/// <summary>The sign-in page.</summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="Request">The sealed request that waits; null when the person came to their own account.</param>
/// <param name="App">The app that sent the person; null when none did.</param>
/// <param name="Username">What the username field holds: the hint of the request, or what was typed.</param>
/// <param name="Error">Why the last attempt failed; null at the first.</param>
/// <param name="Wait">For how long sign-in is refused, with <see cref="LoginError.TooManyAttempts"/>.</param>
public sealed record LoginView(
    string Token, string? Request = null, AppView? App = null, string? Username = null, LoginError? Error = null, TimeSpan Wait = default);

/// <summary>Why nobody was signed in.</summary>
public enum LoginError
{
    /// <summary>Username and password do not belong together; also where there is no such user, or the account is shut.</summary>
    NoMatch,

    /// <summary>Too many attempts: on this account, or from this address.</summary>
    TooManyAttempts,
}
