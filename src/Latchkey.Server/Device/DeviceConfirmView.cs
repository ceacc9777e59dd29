using Latchkey.Server.Consent;
using Latchkey.Server.Pages;

namespace Latchkey.Server.Device;

/// <summary>
/// The question whether a device is the person's own; posts <c>request</c>, <c>user_code</c> and <c>decision</c> = <c>allow</c> or <c>deny</c>.
/// </summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="UserCode">The code as the device shows it, with its dash.</param>
/// <param name="App">Who asks.</param>
/// <param name="Person">Who is asked.</param>
/// <param name="Groups">What for.</param>
/// <param name="StartedAt">When the device asked, unix milliseconds.</param>
/// <param name="Now">Unix milliseconds.</param>
/// <param name="Request">What the question was about and whom it was put to, sealed.</param>
/// <param name="Address">From where it asked.</param>
/// <param name="Program">What it called itself, its user agent.</param>
public sealed record DeviceConfirmView(
    string Token, string UserCode, AppView App, PersonView Person, IReadOnlyList<ScopeGroupView> Groups, long StartedAt, long Now,
    string Request, string? Address = null, string? Program = null);
