using Latchkey.Server.Pages;

namespace Latchkey.Server.Consent;

/// <summary>The question whether an app may use the account; posts <c>decision</c> = <c>allow</c> or <c>deny</c>.</summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="Request">The sealed request that waits.</param>
/// <param name="App">Who asks.</param>
/// <param name="Person">Who is asked.</param>
/// <param name="Groups">What for.</param>
/// <param name="Details">What for in detail (RFC 9396).</param>
/// <param name="Destination">Where the answer goes.</param>
/// <param name="Publisher">Who says what the app is, where no operator does; null for a declared client.</param>
public sealed record ConsentView(
    string Token, string Request, AppView App, PersonView Person, IReadOnlyList<ScopeGroupView> Groups, IReadOnlyList<DetailView> Details,
    DestinationView Destination, PublisherView? Publisher = null);
