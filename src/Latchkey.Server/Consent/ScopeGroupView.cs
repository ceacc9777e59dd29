namespace Latchkey.Server.Consent;

/// <summary>Scopes that belong together: those of one API, or those about the person.</summary>
/// <param name="Title">The API's name, or words of our own.</param>
/// <param name="Foreign">Whether the title is an API's own name.</param>
/// <param name="Scopes">What is asked for.</param>
public sealed record ScopeGroupView(string Title, bool Foreign, IReadOnlyList<ScopeView> Scopes);

/// <summary>One scope in words.</summary>
/// <param name="Description">What it lets an app do; null if its API does not say, then its name has to do.</param>
/// <param name="Scope">Its name in the protocol; null for a single claim that was asked for.</param>
public sealed record ScopeView(string? Description, string? Scope);
