using Latchkey.Server.Pages;

namespace Latchkey.Server.Authorize;

/// <summary>An answer that the browser posts to the client (OAuth 2.0 Form Post Response Mode).</summary>
/// <param name="App">The client.</param>
/// <param name="RedirectUri">Its redirect URI, validated.</param>
/// <param name="Fields">The parameters of the answer.</param>
public sealed record FormPostView(AppView App, string RedirectUri, IReadOnlyList<KeyValuePair<string, string>> Fields);
