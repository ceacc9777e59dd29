using Latchkey.Client;
using Latchkey.Client.Tokens;
using Medallion.Threading;
using Medallion.Threading.Postgres;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/call-an-api.md.</summary>
internal static class CallAnApi
{
    public static void InItsOwnName(IHostApplicationBuilder builder)
    {
        builder.Services.AddLatchkeyClient("billing", o =>
        {
            o.Issuer = "https://id.example.com";
            o.ClientId = "invoice-service";
            o.Credential = ClientCredential.Secret(builder.Configuration["BillingSecret"]!);
            o.Resource = "https://api.example.com";
            o.Scope = "api:read";
        });
        builder.Services.AddHttpClient<Invoices>(http => http.BaseAddress = new("https://api.example.com/")).AddMachineToken("billing");
    }

    public static void FromConfiguration(IHostApplicationBuilder builder)
    {
        builder.Services.AddLatchkeyClient("billing", builder.Configuration.GetSection("Billing"));
    }

    public static async Task<string> WithoutInjectionAsync(string secret)
    {
        using var client = new LatchkeyClient(new() { Issuer = "https://id.example.com", ClientId = "invoice-service", Credential = ClientCredential.Secret(secret), Scope = "api:read" });
        var tokens = new MachineTokens(client);
        using var http = new HttpClient(new TokenHandler(tokens, client) { InnerHandler = new SocketsHttpHandler() });
        return await http.GetStringAsync("https://api.example.com/things");
    }

    public static async Task InAPersonsNameAsync(LatchkeyClient client, ITokenStore store, string session, TokenSet tokens)
    {
        var users = new UserTokens(client, store);
        await users.SaveAsync(session, tokens);                                       // what the sign-in brought
        using var http = new HttpClient(new TokenHandler(users.For(session), client) { InnerHandler = new SocketsHttpHandler() });
        await users.RevokeAsync(session);                                             // at sign-out
    }

    public static void OnSeveralNodes(IHostApplicationBuilder builder)
    {
        builder.Services.AddDistributedMemoryCache();        // in its place the cache of your nodes: Redis, SQL Server, …
        builder.Services.AddHybridCache();                   // keeps in that cache
        builder.Services.AddDataProtection();                // one key ring and application name for all nodes
        builder.Services.AddLatchkeySharedTokens();          // machine tokens, encrypted
        builder.Services.AddSingleton<IDistributedLockProvider>(new PostgresDistributedSynchronizationProvider(builder.Configuration["Database"]!));
        builder.Services.AddSingleton<ITokenLock, SharedLock>();   // one node at a time renews
    }

    private sealed class Invoices(HttpClient http)
    {
        public Task<string> ReadAsync() => http.GetStringAsync("invoices");
    }
}
