using Latchkey.Server.Pages;

namespace Latchkey.Server.Logout;

/// <summary>The question whether to sign out; posts <c>decision</c> = <c>logout</c>.</summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="Person">Who is signed in.</param>
/// <param name="App">The app that asks (OpenID Connect RP-Initiated Logout section 2); null when the person came by themselves.</param>
/// <param name="Request">The sealed request, where the app wants the person back afterwards.</param>
public sealed record LogoutView(string Token, PersonView Person, AppView? App = null, string? Request = null);
