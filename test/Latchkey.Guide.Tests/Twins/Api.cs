using System.Security.Claims;
using Latchkey.ResourceServer;

namespace Latchkey.Guide.Tests.Twins;

internal static class Api
{
    public static WebApplication Create(WebApplicationBuilder builder, string issuer)
    {
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(o =>
        {
            o.Issuer = issuer;
            o.Resource = "https://api.test";
        });
        var app = builder.Build();

        app.MapGet("/api/protected", (ClaimsPrincipal caller) => $"Hello, {caller.FindFirstValue("sub")}").RequireScope("api:read");
        return app;
    }
}
