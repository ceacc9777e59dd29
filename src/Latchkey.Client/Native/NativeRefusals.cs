using Latchkey.Protocol;

namespace Latchkey.Client.Native;

/// <summary>Why a native sign-in did not come to its end.</summary>
internal static class NativeRefusals
{
    public static Refusal TimedOut(TimeSpan time) => new(
        "LK-CLIENT-NATIVE-TIMEOUT", $"Nobody signed in within {time.TotalSeconds:0} seconds.", "RFC 8252 8.3", "Let the person start the sign-in again.");

    public static Refusal OtherAddress() => new(
        "LK-CLIENT-NATIVE-REDIRECT", "What came back from the browser did not come to the redirect URI.", "RFC 8252 8.10",
        "Return the address that the platform's authentication session reports, for the redirect URI it was given.");

    public static Refusal Address() => new(
        "LK-CLIENT-NATIVE-ADDRESS", "The address to open is neither https nor http on loopback, so it may start a program instead of a browser.", "OAuth 2.1 1.5",
        "Look at the authorization_endpoint in the provider's metadata.");

    public static Refusal NoBrowser() => new(
        "LK-CLIENT-NATIVE-NO-BROWSER", "No browser could be started.", "RFC 8252 6",
        "Set the variable BROWSER, or OpenBrowser in the sign-in; a machine without a browser uses the device flow.");
}
