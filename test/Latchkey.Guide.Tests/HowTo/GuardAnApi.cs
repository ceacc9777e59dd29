using System.Security.Claims;
using Latchkey.ResourceServer;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/guard-an-api.md.</summary>
internal static class GuardAnApi
{
    public static void Program(string[] args)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = "https://id.example.com";      // whose tokens count, byte for byte
            options.Resource = "https://api.example.com";   // the aud they must have
        });

        var app = builder.Build();
        app.MapGet("/things", (ClaimsPrincipal caller) => $"Hello, {caller.FindFirstValue("sub")}").RequireScope("api:read");
        app.Run();
    }

    public static void Implied(ResourceServerOptions options)
    {
        options.ImpliedScopes["api:admin"] = ["api:write"];
        options.ImpliedScopes["api:write"] = ["api:read"];
    }
}
