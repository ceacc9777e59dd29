using Latchkey.Testing;

namespace Latchkey.Client.Tests;

/// <summary>Clients of a test authority, set up as programs would.</summary>
internal static class Clients
{
    public static LatchkeyClient Of(TestAuthority authority, ReadyClient client, Action<LatchkeyClientOptions>? change = null)
    {
        var options = new LatchkeyClientOptions
        {
            Issuer = authority.Issuer,
            ClientId = client.ClientId,
            Credential = client.Secret is null ? ClientCredential.None : ClientCredential.Secret(client.Secret),
            RedirectUri = client.RedirectUri,
        };
        change?.Invoke(options);
        return new LatchkeyClient(options, authority.CreateClient(), authority.Clock);
    }
}
