using System.Security.Claims;
using System.Security.Cryptography;
using Latchkey.Client;
using Latchkey.Protocol.Jose;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

[assembly: AssemblyFixture(typeof(Latchkey.Interop.Tests.Client.OpenIddictServer))]

namespace Latchkey.Interop.Tests.Client;

/// <summary>OpenIddict's server on 127.0.0.1, whose one person, alice, is always signed in and allows everything.</summary>
public sealed class OpenIddictServer : IAsyncLifetime
{
    public const string RedirectUri = "https://app.test/callback";
    public const string Api = "https://api.test/v1";
    public const string Secret = "openiddict-secret-0123456789";
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private WebApplication? _app;

    /// <summary>Whether access tokens are references to rows, which nobody but the server can read, rather than JWTs.</summary>
    public bool HasReferenceTokens { get; init; }

    public string Issuer { get; } = $"http://127.0.0.1:{LoopbackPorts.Next()}/";

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Issuer);
        builder.Services.AddDbContext<DbContext>(options => options.UseOpenIddict().UseInMemoryDatabase(Issuer)
            .ConfigureWarnings(warnings => warnings.Ignore(InMemoryEventId.TransactionIgnoredWarning)));
        builder.Services.AddAuthentication();
        builder.Services.AddOpenIddict()
            .AddCore(core => core.UseEntityFrameworkCore().UseDbContext<DbContext>().DisableBulkOperations())
            .AddServer(server =>
            {
                server.SetIssuer(Issuer).SetAuthorizationEndpointUris("authorize").SetTokenEndpointUris("token").SetPushedAuthorizationEndpointUris("par")
                    .SetDeviceAuthorizationEndpointUris("device").SetEndUserVerificationEndpointUris("verify").SetUserInfoEndpointUris("userinfo")
                    .SetRevocationEndpointUris("revoke").SetIntrospectionEndpointUris("introspect");
                server.AllowAuthorizationCodeFlow().AllowRefreshTokenFlow().AllowClientCredentialsFlow().AllowDeviceAuthorizationFlow().RequireProofKeyForCodeExchange();
                server.RegisterScopes(Scopes.OpenId, Scopes.OfflineAccess, "api:read").RegisterResources(Api);
                if (HasReferenceTokens) server.UseReferenceAccessTokens();
                server.AddEphemeralEncryptionKey().AddEphemeralSigningKey().DisableAccessTokenEncryption();
                server.UseAspNetCore().DisableTransportSecurityRequirement().EnableAuthorizationEndpointPassthrough().EnableTokenEndpointPassthrough()
                    .EnableEndUserVerificationEndpointPassthrough().EnableUserInfoEndpointPassthrough();
            });
        _app = builder.Build();
        _app.UseAuthentication();
        _app.MapGet("authorize", context => SignInAsync(context, Alice(context.GetOpenIddictServerRequest()!.GetScopes())));
        _app.MapPost("token", TokenAsync);
        _app.MapGet("verify", async context => await SignInAsync(context, Alice((await context.AuthenticateAsync(Scheme)).Principal!.GetScopes())));
        _app.MapGet("userinfo", async context =>
            await context.Response.WriteAsJsonAsync(new { sub = (await context.AuthenticateAsync(Scheme)).Principal!.GetClaim(Claims.Subject) }));
        await _app.StartAsync();
        await using var scope = _app.Services.CreateAsyncScope();
        var applications = scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>();
        foreach (var application in Applications()) await applications.CreateAsync(application);
        // On a busy machine its first answers take longer than a client waits for a provider.
        using var http = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
        foreach (var path in (string[])[".well-known/openid-configuration", ".well-known/jwks"]) await http.GetStringAsync(new Uri(Issuer + path));
    }

    public LatchkeyClient Client(string id, Action<LatchkeyClientOptions>? change = null)
    {
        var options = new LatchkeyClientOptions { Issuer = Issuer, ClientId = id, RedirectUri = RedirectUri, Scope = "openid offline_access" };
        options.Credential = id switch
        {
            "terminal" => ClientCredential.None,
            "key" => ClientCredential.PrivateKey(JwsSigner.Open("ES256", "client-key", _key.ExportPkcs8PrivateKey())),
            _ => ClientCredential.Secret(Secret),
        };
        change?.Invoke(options);
        return new LatchkeyClient(options);
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        _key.Dispose();
    }

    private IEnumerable<OpenIddictApplicationDescriptor> Applications()
    {
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(ECDsa.Create(_key.ExportParameters(includePrivateParameters: false))) { KeyId = "client-key" });
        jwk.Use = "sig";
        yield return Application("web", Secret, ClientTypes.Confidential);
        yield return Application("terminal", null, ClientTypes.Public);
        // OpenIddict tells all about a token only to whom it is for: its API's client is called as the API is.
        yield return Application(Api, Secret, ClientTypes.Confidential);
        var key = Application("key", null, ClientTypes.Confidential);
        key.JsonWebKeySet = new JsonWebKeySet { Keys = { jwk } };
        yield return key;
    }

    private static OpenIddictApplicationDescriptor Application(string id, string? secret, string type)
    {
        var application = new OpenIddictApplicationDescriptor { ClientId = id, ClientSecret = secret, ClientType = type, RedirectUris = { new Uri(RedirectUri) } };
        application.Permissions.UnionWith([
            Permissions.Endpoints.Authorization, Permissions.Endpoints.Token, Permissions.Endpoints.PushedAuthorization, Permissions.Endpoints.DeviceAuthorization,
            Permissions.Endpoints.Revocation, Permissions.Endpoints.Introspection, Permissions.GrantTypes.AuthorizationCode, Permissions.GrantTypes.RefreshToken,
            Permissions.GrantTypes.DeviceCode, Permissions.ResponseTypes.Code, Permissions.Prefixes.Scope + "api:read", Permissions.Prefixes.Resource + Api,
        ]);
        if (type == ClientTypes.Confidential) application.Permissions.Add(Permissions.GrantTypes.ClientCredentials);
        return application;
    }

    private static async Task TokenAsync(HttpContext context)
    {
        var request = context.GetOpenIddictServerRequest()!;
        var principal = request.IsClientCredentialsGrantType() ? Principal(request.ClientId!, request.GetScopes(), request.GetResources()) : (await context.AuthenticateAsync(Scheme)).Principal!;
        await SignInAsync(context, principal);
    }

    private static Task SignInAsync(HttpContext context, ClaimsPrincipal principal) => context.SignInAsync(Scheme, principal);

    private static ClaimsPrincipal Alice(IEnumerable<string> scopes) => Principal("alice", scopes);

    private static ClaimsPrincipal Principal(string subject, IEnumerable<string> scopes, params IEnumerable<string> resources)
    {
        var identity = new ClaimsIdentity("test", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, subject).SetScopes(scopes).SetResources(resources);
        identity.SetDestinations(_ => [Destinations.AccessToken, Destinations.IdentityToken]);
        return new ClaimsPrincipal(identity);
    }
}
