namespace Latchkey.Server.Pages;

/// <summary>The start page.</summary>
/// <param name="Issuer">The issuer.</param>
public sealed record HomeView(string Issuer);
