using Latchkey.Client.Endpoints;

namespace Latchkey.Client.Native;

/// <summary>
/// What may be handed to the operating system to open: the address comes from a provider's metadata, and <c>file:</c>, <c>javascript:</c> or another
/// program's scheme would be opened just as readily.
/// </summary>
internal static class BrowserAddress
{
    public static Uri Checked(Uri address) =>
        address.IsAbsoluteUri && Endpoint.Fault(address.AbsoluteUri) is null ? address : throw new OAuthException(NativeRefusals.Address());
}
