namespace Latchkey.Server.Device;

/// <summary>Where a person types the code that a device shows (RFC 8628 section 3.3); posts <c>user_code</c>.</summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="UserCode">What the field holds: from the link, or what was typed.</param>
/// <param name="Error">Why the code was not taken; null at first.</param>
/// <param name="Wait">For how long codes are refused, with <see cref="DeviceError.TooManyAttempts"/>.</param>
public sealed record DeviceView(string Token, string? UserCode = null, DeviceError? Error = null, TimeSpan Wait = default);

/// <summary>Why a user code was not taken.</summary>
public enum DeviceError
{
    /// <summary>There is no such code, it was used, or its time is over.</summary>
    NoSuchCode,

    /// <summary>Too many wrong codes from here.</summary>
    TooManyAttempts,
}
