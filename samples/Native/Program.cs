// A native app that signs a person in by the system's browser: code and PKCE over a loopback listener (RFC 8252).
// A mobile app is the same but for one line: it sets Authenticate to its platform's authentication session.
using Latchkey.Client;
using Latchkey.Client.Native;
using Latchkey.Samples;
using Latchkey.Verification.Providers;

var flags = new Flags(args, "native --issuer URL --client-id ID --scope SCOPE", "issuer", "client-id", "scope");
try
{
    using var client = new LatchkeyClient(new() { Issuer = flags.Get("issuer"), ClientId = flags.Get("client-id"), Scope = flags.Get("scope") });
    var tokens = await LatchkeyNative.SignInAsync(client, new() { OpenBrowser = OpenAsync });
    var user = await client.UserInfoAsync(tokens);
    Console.WriteLine(user.Claims.GetRawText());
    return 0;
}
catch (Exception exception) when (exception is OAuthException or ProviderException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

static async Task OpenAsync(Uri address, CancellationToken cancellation)
{
    Console.WriteLine($"Sign in in the browser; if none opens, visit {address.AbsoluteUri}");
    try
    {
        await LatchkeyNative.OpenBrowserAsync(address, cancellation);
    }
    catch (OAuthException)
    {
        // There is none here. The address is on the screen, and a browser on this machine can still come back to us.
    }
}
