using Latchkey.Server.Pages;

namespace Latchkey.Server.Login;

/// <summary>The choice between the account of the browser's session and another; posts <c>account</c> = <c>continue</c> or <c>other</c>.</summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="Request">The sealed request that waits.</param>
/// <param name="App">The app that sent the person.</param>
/// <param name="Person">Who is signed in; null if nobody is.</param>
public sealed record SelectAccountView(string Token, string Request, AppView? App, PersonView? Person);
