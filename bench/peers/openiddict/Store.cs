using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using OpenIddict.Abstractions;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace Latchkey.Bench.OpenIddict;

internal sealed class Store(DbContextOptions<Store> options) : DbContext(options)
{
    /// <summary>Npgsql's words for a URL.</summary>
    public static string ConnectionString(string url)
    {
        var parts = new Uri(url);
        var user = parts.UserInfo.Split(':');
        return new NpgsqlConnectionStringBuilder { Host = parts.Host, Port = parts.Port, Username = user[0], Password = user[1], Database = parts.AbsolutePath[1..] }.ConnectionString;
    }
}

/// <summary>The clients and the scope of the bench.</summary>
internal static class Seed
{
    public static async Task RunAsync(IServiceProvider services)
    {
        await using var scope = services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<Store>().Database.EnsureCreatedAsync();
        var scopes = scope.ServiceProvider.GetRequiredService<IOpenIddictScopeManager>();
        if (await scopes.FindByNameAsync("api:read") is null)
            await scopes.CreateAsync(new OpenIddictScopeDescriptor { Name = "api:read", Resources = { "https://api.example.com" } });

        var applications = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        foreach (var application in new[] { Service(), WebApp("bench-web", "bench-web-secret-0123456789abcdef"), WebApp("bench-pub", null) })
        {
            if (await applications.FindByClientIdAsync(application.ClientId!) is null) await applications.CreateAsync(application);
        }
    }

    private static OpenIddictApplicationDescriptor Service() => new()
    {
        ClientId = "bench-cc",
        ClientSecret = "bench-cc-secret-0123456789abcdef",
        ClientType = ClientTypes.Confidential,
        Permissions =
        {
            Permissions.Endpoints.Token, Permissions.Endpoints.Introspection, Permissions.Endpoints.Revocation, Permissions.GrantTypes.ClientCredentials,
            Permissions.Prefixes.Scope + "api:read",
        },
    };

    private static OpenIddictApplicationDescriptor WebApp(string id, string? secret) => new()
    {
        ClientId = id,
        ClientSecret = secret,
        ClientType = secret is null ? ClientTypes.Public : ClientTypes.Confidential,
        ConsentType = ConsentTypes.Explicit,
        RedirectUris = { new Uri("http://127.0.0.1:3000/callback") },
        Permissions =
        {
            Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.Introspection, Permissions.Endpoints.Revocation,
            Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.RefreshToken, Permissions.ResponseTypes.Code, Permissions.Scopes.Email,
            Permissions.Scopes.Profile, Permissions.Prefixes.Scope + "api:read",
        },
        Requirements = { Requirements.Features.ProofKeyForCodeExchange },
    };
}

/// <summary>Keys that outlive a restart.</summary>
internal static class KeyFiles
{
    public static RSA Rsa(string folder)
    {
        var key = RSA.Create(2048);
        Keep(Path.Combine(folder, "rsa.pem"), key.ExportPkcs8PrivateKeyPem, pem => key.ImportFromPem(pem));
        return key;
    }

    public static ECDsa EllipticCurve(string folder)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Keep(Path.Combine(folder, "ec.pem"), key.ExportPkcs8PrivateKeyPem, pem => key.ImportFromPem(pem));
        return key;
    }

    public static byte[] Symmetric(string folder)
    {
        var file = Path.Combine(folder, "symmetric.key");
        if (!File.Exists(file)) File.WriteAllBytes(file, RandomNumberGenerator.GetBytes(32));
        return File.ReadAllBytes(file);
    }

    private static void Keep(string file, Func<string> export, Action<string> import)
    {
        if (File.Exists(file)) import(File.ReadAllText(file));
        else File.WriteAllText(file, export());
    }
}
