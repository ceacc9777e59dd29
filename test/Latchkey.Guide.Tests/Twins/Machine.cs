using Latchkey.Client;
using Latchkey.Client.Tokens;

namespace Latchkey.Guide.Tests.Twins;

internal static class Machine
{
    public static async Task<string> GetClientTokenAsync(LatchkeyClient client)
    {
        var tokens = await client.ClientCredentialsAsync(scope: "api:read api:write");
        return tokens.AccessToken.Value;
    }

    public static void AddServiceClient(IServiceCollection services, string issuer, string secret)
    {
        services.AddLatchkeyClient("service", o =>
        {
            o.Issuer = issuer;
            o.ClientId = "machine";
            o.Credential = ClientCredential.Secret(secret);
            o.Scope = "api:read api:write";
        });
        services.AddHttpClient<ServiceClient>().AddMachineToken("service");
    }

    internal sealed class ServiceClient(HttpClient http)
    {
        public Task<string> CallServiceAsync(string url) => http.GetStringAsync(url);
    }

    internal sealed class Caller([FromKeyedServices("service")] ITokenSource tokens)
    {
        public async Task<string> GetTokenAsync() => (await tokens.GetAsync()).Value;
    }
}
