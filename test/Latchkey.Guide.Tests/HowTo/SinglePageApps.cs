using Latchkey.Client;
using Latchkey.Client.AspNetCore;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The example of docs/how-to/single-page-apps.md.</summary>
internal static class SinglePageApps
{
    public static void Program(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddLatchkeyClient("spa", client =>
        {
            client.Issuer = "https://id.example.com";
            client.ClientId = "spa";
            client.Credential = ClientCredential.Secret(builder.Configuration["ClientSecret"]!);
            client.Scope = "openid profile api:read";
        });
        builder.Services.AddAuthentication().AddLatchkeySignIn("spa");

        var app = builder.Build();
        app.MapLatchkeyBff(bff => bff
            .MapApi("/api/orders", "https://orders.example.com/v1/orders")
            .MapApi("/api/stock", "https://stock.example.com", api => { api.Paths.Add("/items"); api.Methods.Remove("DELETE"); }));
        app.MapStaticAssets();    // the page and its script, from wwwroot
        app.Run();
    }
}
