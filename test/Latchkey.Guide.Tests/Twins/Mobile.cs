using Latchkey.Client;
using Latchkey.Client.Native;

namespace Latchkey.Guide.Tests.Twins;

internal static class Mobile
{
    public static async Task<TokenSet> SignInAsync(string issuer, Func<Uri, CancellationToken, Task>? openBrowser = null, HttpClient? http = null)
    {
        var options = new LatchkeyClientOptions { Issuer = issuer, ClientId = "native", Scope = "openid profile" };
        using var client = http is null ? new LatchkeyClient(options) : new LatchkeyClient(options, http);
        return await LatchkeyNative.SignInAsync(client, new NativeSignIn { OpenBrowser = openBrowser });
    }
}
