using Latchkey.Server.Pages;

namespace Latchkey.Server.Logout;

/// <summary>The end of a session.</summary>
/// <param name="App">The app that asked.</param>
/// <param name="ReturnUri">Its registered address to go back to, with its <c>state</c>; null if it gave none.</param>
/// <param name="Told">Apps of the session that are told by back-channel logout or in a frame.</param>
/// <param name="NotTold">Apps of the session that can't be told, where the person may still be signed in.</param>
/// <param name="Frames">Addresses to load in frames (OpenID Connect Front-Channel Logout).</param>
public sealed record LoggedOutView(
    AppView? App = null, string? ReturnUri = null, IReadOnlyList<AppView>? Told = null, IReadOnlyList<AppView>? NotTold = null,
    IReadOnlyList<string>? Frames = null);
