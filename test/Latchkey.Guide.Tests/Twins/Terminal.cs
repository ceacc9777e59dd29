using Latchkey.Client;

namespace Latchkey.Guide.Tests.Twins;

internal static class Terminal
{
    public static async Task<TokenSet> StartDeviceFlowAsync(LatchkeyClient client, TextWriter console)
    {
        var device = await client.StartDeviceAsync("openid profile");
        console.WriteLine($"Visit {device.VerificationUri} and enter code: {device.UserCode}");
        return await device.WaitAsync();
    }
}
