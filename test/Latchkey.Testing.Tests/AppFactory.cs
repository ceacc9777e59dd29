using System.Security.Claims;
using Latchkey.Client;
using Latchkey.Client.AspNetCore;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenIddict.Client.AspNetCore;
using OpenIddict.Validation.AspNetCore;

namespace Latchkey.Testing.Tests;

/// <summary>An app as people write it, made of its services; it has <c>/things</c> for callers and <c>/login</c> for people.</summary>
internal sealed class AppFactory(Action<IServiceCollection> services, Action<IEndpointRouteBuilder>? map = null) : WebApplicationFactory<AppFactory>
{
    // Named as the guide's are: a provider that does not exist.
    public const string Provider = "https://auth.example.com";
    public const string Api = "https://api.example.com";

    public static AppFactory Bearer(Action<JwtBearerOptions>? configure = null) => new(services =>
    {
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
        {
            options.Authority = Provider;
            options.Audience = Api;
            configure?.Invoke(options);
        });
        services.AddAuthorization();
    });

    public static AppFactory Guard() => new(
        services => services.AddAuthentication(ResourceServerDefaults.AuthenticationScheme).AddLatchkeyResourceServer(options => (options.Issuer, options.Resource) = (Provider, Api)),
        app => app.MapGet("/scoped", () => "in").RequireAuthorization().RequireScope("api:read"));

    public static AppFactory OpenIddict() => new(services =>
    {
        services.AddOpenIddict().AddValidation(validation =>
        {
            validation.SetIssuer(Provider);
            validation.AddAudiences(Api);
            validation.UseSystemNetHttp();
            validation.UseAspNetCore();
        });
        services.AddAuthentication(OpenIddictValidationAspNetCoreDefaults.AuthenticationScheme);
        services.AddAuthorization();
    });

    /// <summary>A web app on OpenIddict's client, which keeps no tokens.</summary>
    public static AppFactory OpenIddictClient(string secret) => new(
        services =>
        {
            services.AddOpenIddict().AddClient(client =>
            {
                client.AllowAuthorizationCodeFlow().DisableTokenStorage();
                client.AddEphemeralEncryptionKey().AddEphemeralSigningKey();
                client.UseSystemNetHttp();
                client.UseAspNetCore().EnableRedirectionEndpointPassthrough().DisableTransportSecurityRequirement();
                client.AddRegistration(new()
                {
                    Issuer = new Uri(Provider), ClientId = "my-app", ClientSecret = secret, Scopes = { "openid", "email" }, RedirectUri = new Uri("callback", UriKind.Relative),
                });
            });
            services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie();
            services.AddAuthorization();
        },
        app =>
        {
            app.MapGet("/enter", () => Results.Challenge(new() { RedirectUri = "/things" }, [OpenIddictClientAspNetCoreDefaults.AuthenticationScheme]));
            app.MapGet("/callback", async (HttpContext context) =>
            {
                var result = await context.AuthenticateAsync(OpenIddictClientAspNetCoreDefaults.AuthenticationScheme);
                var identity = new ClaimsIdentity([new Claim("sub", result.Principal!.FindFirst(ClaimTypes.NameIdentifier)!.Value)], "OpenIddict");
                return Results.SignIn(new(identity), new() { RedirectUri = result.Properties!.RedirectUri }, CookieAuthenticationDefaults.AuthenticationScheme);
            });
        });

    public static AppFactory SignIn(string secret = "short") => new(services =>
    {
        services.AddAuthentication(options =>
        {
            options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;
            options.DefaultChallengeScheme = OpenIdConnectDefaults.AuthenticationScheme;
        }).AddCookie().AddOpenIdConnect(options =>
        {
            options.Authority = Provider;
            options.ClientId = "my-app";
            options.ClientSecret = secret;
            options.Scope.Add("email");
            options.GetClaimsFromUserInfoEndpoint = true;
            options.MapInboundClaims = false;
        });
        services.AddAuthorization();
    });

    /// <summary>A web app and a service on Latchkey's own client, as their pages show them.</summary>
    public static AppFactory Latchkey(ClientCredential credential, Action<LatchkeyClientOptions>? client = null, Action<LatchkeySignInOptions>? signIn = null) => new(
        services =>
        {
            services.AddLatchkeyClient("app", options =>
            {
                options.Issuer = Provider;
                options.ClientId = "my-app";
                options.Credential = credential;
                options.Scope = "openid email offline_access api:read";
                client?.Invoke(options);
            });
            services.AddAuthentication().AddLatchkeySignIn("app", options =>
            {
                options.DefaultReturnUrl = "/things";
                signIn?.Invoke(options);
            });
            services.AddAuthorization();
            services.AddHttpClient("service", http => http.BaseAddress = new Uri("https://machines.test")).AddMachineToken("app", scope: "api:read")
                .ConfigurePrimaryHttpMessageHandler(() => new Echo());
        },
        app => app.MapGet("/service", (IHttpClientFactory clients) => clients.CreateClient("service").GetStringAsync("/")));

    protected override IHostBuilder CreateHostBuilder() => new HostBuilder().ConfigureWebHost(web => web
        .ConfigureServices(all =>
        {
            all.AddRouting();
            services(all);
        })
        .Configure(app => app.UseRouting().UseAuthentication().UseAuthorization().UseEndpoints(endpoints =>
        {
            Map(endpoints);
            map?.Invoke(endpoints);
        })));

    // No project of that name lies where the factory looks for it.
    protected override IHost CreateHost(IHostBuilder builder) => base.CreateHost(builder.UseContentRoot(AppContext.BaseDirectory));

    /// <summary>An API that tells what kind of token it was shown.</summary>
    private sealed class Echo : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage { Content = new StringContent(request.Headers.Authorization!.Scheme) });
    }

    private static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/things", (ClaimsPrincipal user) => user.FindFirst("sub")?.Value ?? user.FindFirst(ClaimTypes.NameIdentifier)?.Value ?? "?").RequireAuthorization();
        app.MapGet("/login", (HttpContext context) => context.User.FindFirst("email")?.Value).RequireAuthorization();
    }
}
