using Latchkey.Client.Authorization;
using Microsoft.AspNetCore.Authentication;

namespace Latchkey.Client.AspNetCore;

/// <summary>
/// Starts a sign-in that asks for more than usual: <c>Results.Challenge(new LatchkeyChallenge { Ask = new() { MaxAge = 60 } })</c>, or another
/// <c>prompt</c>, <c>acr_values</c>, scope. <see cref="AuthenticationProperties.RedirectUri"/> is the page of this app to come back to.
/// </summary>
public sealed class LatchkeyChallenge : AuthenticationProperties
{
    /// <summary>What to ask for beyond the client's options; null for nothing.</summary>
    public AuthorizationParameters? Ask { get; init; }
}
