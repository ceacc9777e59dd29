using System.Security.Claims;
using Latchkey.ResourceServer;
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

    private static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/things", (ClaimsPrincipal user) => user.FindFirst("sub")?.Value ?? user.FindFirst(ClaimTypes.NameIdentifier)?.Value ?? "?").RequireAuthorization();
        app.MapGet("/login", (HttpContext context) => context.User.FindFirst("email")?.Value).RequireAuthorization();
    }
}
