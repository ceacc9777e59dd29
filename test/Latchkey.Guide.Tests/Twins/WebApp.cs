using System.Security.Claims;
using Latchkey.Client;
using Latchkey.Client.AspNetCore;

namespace Latchkey.Guide.Tests.Twins;

internal static class WebApp
{
    public static WebApplication Create(WebApplicationBuilder builder, string issuer, string secret)
    {
        builder.Services.AddLatchkeyClient("web", o =>
        {
            o.Issuer = issuer;
            o.ClientId = "web";
            o.Credential = ClientCredential.Secret(secret);
            o.Scope = "openid profile email";
        });
        builder.Services.AddAuthentication().AddLatchkeySignIn("web");
        builder.Services.AddAuthorization();
        builder.Services.AddHttpClient("api").AddUserToken("web");
        var app = builder.Build();

        app.MapGet("/dashboard", async (ClaimsPrincipal person, IHttpClientFactory clients) =>
        {
            var user = await clients.CreateClient("api").GetStringAsync($"{issuer}/userinfo");
            return Microsoft.AspNetCore.Http.Results.Json(new { message = $"Welcome, {person.FindFirstValue("name")}", user = System.Text.Json.JsonElement.Parse(user) });
        }).RequireAuthorization();
        return app;
    }
}
