namespace Latchkey.Server.Pages;

/// <summary>Something could not go on: what happened for the person, why for the developer.</summary>
/// <param name="Title">What happened, a few words.</param>
/// <param name="Text">What happened, a sentence or two.</param>
/// <param name="Advice">What the person can do.</param>
/// <param name="Code">The protocol's error code.</param>
/// <param name="Description">What the developer of the app should mend.</param>
/// <param name="RequestId">As in the server's log.</param>
/// <param name="At">Unix milliseconds.</param>
/// <param name="App">The app that sent the person, if it is known.</param>
/// <param name="AppUri">The app's home page to go back to; null if it is not known.</param>
public sealed record ErrorView(
    string Title, string Text, string Advice, string Code, string Description, string RequestId, long At, AppView? App = null,
    string? AppUri = null);
