using Latchkey.Client;
using Latchkey.Client.AspNetCore;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/sign-in.md.</summary>
internal static class SignIn
{
    public static void Program(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddLatchkeyClient("web", client =>
        {
            client.Issuer = "https://id.example.com";
            client.ClientId = "web";
            client.Credential = ClientCredential.Secret(builder.Configuration["ClientSecret"]!);
            client.Scope = "openid profile email offline_access api:read";
        });
        builder.Services.AddAuthentication().AddLatchkeySignIn("web", signIn => signIn.DefaultReturnUrl = "/dashboard");
        builder.Services.AddAuthorization();
        builder.Services.AddHttpClient<Orders>(http => http.BaseAddress = new("https://api.example.com")).AddUserToken("web");

        var app = builder.Build();
        app.UseLatchkeySignInAgain();
        app.MapGet("/dashboard", (HttpContext context) => $"Welcome, {context.User.Identity!.Name}").RequireAuthorization();
        app.MapGet("/orders", (Orders orders) => orders.ReadAsync()).RequireAuthorization();
        app.Run();
    }
}

public sealed class Orders(HttpClient http)
{
    public Task<string> ReadAsync() => http.GetStringAsync("/orders");
}
