using Latchkey.Server.Pages;

namespace Latchkey.Server.Device;

/// <summary>What came of it.</summary>
/// <param name="App">Who asked.</param>
/// <param name="Person">Who answered.</param>
/// <param name="Allowed">Whether they allowed it.</param>
public sealed record DeviceDoneView(AppView App, PersonView Person, bool Allowed);
