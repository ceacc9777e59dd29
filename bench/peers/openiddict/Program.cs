// OpenIddict 7.8 on ASP.NET Core with EF Core, as its own samples do it: token, authorize and userinfo in pass-through mode, written as minimal APIs.
//   PORT  the port on loopback    DATA  the folder of database and keys    ALG  RS256 or ES256    DATABASE  a postgres:// URL; SQLite if absent
using System.Collections.Immutable;
using System.Net;
using System.Security.Claims;
using Latchkey.Bench.OpenIddict;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

const string ApiScope = "api:read";
var (port, data, algorithm) = (Environment.GetEnvironmentVariable("PORT"), Environment.GetEnvironmentVariable("DATA")!, Environment.GetEnvironmentVariable("ALG"));
var issuer = $"http://127.0.0.1:{port}/";

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, EnvironmentName = "Production" });
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseUrls(issuer);
builder.Services.AddDataProtection().PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(data, "dp")));
builder.Services.AddDbContextPool<Store>(options =>
{
    if (Environment.GetEnvironmentVariable("DATABASE") is { Length: > 0 } url) options.UseNpgsql(Store.ConnectionString(url));
    else options.UseSqlite($"Data Source={Path.Combine(data, "openiddict.db")}");
    options.UseOpenIddict();
});

builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(options =>
{
    options.LoginPath = "/login";
    options.ExpireTimeSpan = TimeSpan.FromHours(12);
});
builder.Services.AddAuthorization();

builder.Services.AddOpenIddict()
    .AddCore(options => options.UseEntityFrameworkCore().UseDbContext<Store>())
    .AddServer(options =>
    {
        options.SetIssuer(issuer);
        options.SetAuthorizationEndpointUris("authorize").SetTokenEndpointUris("token").SetIntrospectionEndpointUris("introspect")
            .SetRevocationEndpointUris("revoke").SetUserInfoEndpointUris("userinfo");
        options.AllowAuthorizationCodeFlow().AllowClientCredentialsFlow().AllowRefreshTokenFlow().RequireProofKeyForCodeExchange();
        options.RegisterScopes(Scopes.OpenId, Scopes.Profile, Scopes.Email, Scopes.OfflineAccess, ApiScope);
        if (algorithm == "ES256") options.AddSigningKey(new ECDsaSecurityKey(KeyFiles.EllipticCurve(data)) { KeyId = "es" });
        else options.AddSigningKey(new RsaSecurityKey(KeyFiles.Rsa(data)) { KeyId = "rs" });
        // The cheapest for codes and refresh tokens; its documentation's certificates cost an RSA decryption more.
        options.AddEncryptionKey(new SymmetricSecurityKey(KeyFiles.Symmetric(data)) { KeyId = "enc" });
        options.DisableAccessTokenEncryption();
        options.UseAspNetCore().EnableAuthorizationEndpointPassthrough().EnableTokenEndpointPassthrough()
            .EnableUserInfoEndpointPassthrough().DisableTransportSecurityRequirement();
    });

var app = builder.Build();
await Seed.RunAsync(app.Services);
app.UseAuthentication();
app.UseAuthorization();

app.MapGet("/login", (HttpContext context) =>
    Html($"<form method=\"post\" action=\"/login{Encode(context.Request.QueryString.Value)}\"><input name=\"username\"><input name=\"password\" type=\"password\"><button>Sign in</button></form>"));
app.MapPost("/login", async (HttpContext context) =>
{
    var form = await context.Request.ReadFormAsync();
    if (form["username"] != Person.Subject || form["password"] != Person.Password) return Html("wrong password");
    var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, Person.Subject)], CookieAuthenticationDefaults.AuthenticationScheme);
    await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity));
    return Results.LocalRedirect(context.Request.Query["ReturnUrl"].ToString() is { Length: > 0 } target ? target : "/");
});

app.MapMethods("/authorize", ["GET", "POST"], async (
    HttpContext context, IOpenIddictApplicationManager applications, IOpenIddictAuthorizationManager authorizations, IOpenIddictScopeManager scopes) =>
{
    var request = context.GetOpenIddictServerRequest()!;
    var session = await context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme);
    if (!session.Succeeded)
    {
        return Results.Challenge(
            new AuthenticationProperties { RedirectUri = context.Request.PathBase + context.Request.Path + context.Request.QueryString },
            [CookieAuthenticationDefaults.AuthenticationScheme]);
    }

    var subject = session.Principal.FindFirstValue(ClaimTypes.NameIdentifier)!;
    var application = await applications.FindByClientIdAsync(request.ClientId!) ?? throw new InvalidOperationException("There is no such client.");
    var applicationId = (await applications.GetIdAsync(application))!;
    var authorization = await FirstAsync(authorizations.FindAsync(subject, applicationId, Statuses.Valid, AuthorizationTypes.Permanent, request.GetScopes()));
    var decision = context.Request.HasFormContentType ? (await context.Request.ReadFormAsync())["decision"].ToString() : "";
    if (authorization is null && decision != "allow")
    {
        var hidden = string.Concat(context.Request.Query.Select(pair => $"<input type=\"hidden\" name=\"{Encode(pair.Key)}\" value=\"{Encode(pair.Value)}\">"));
        return Html($"<form method=\"post\" action=\"/authorize{Encode(context.Request.QueryString.Value)}\">{hidden}<button name=\"decision\" value=\"allow\">Allow</button></form>");
    }

    var identity = new ClaimsIdentity(TokenValidationParameters.DefaultAuthenticationType, Claims.Name, Claims.Role);
    identity.SetClaim(Claims.Subject, subject);
    Person.AddTo(identity);
    identity.SetScopes(request.GetScopes());
    identity.SetResources(await ListAsync(scopes.ListResourcesAsync(identity.GetScopes())));
    authorization ??= await authorizations.CreateAsync(identity, subject, applicationId, AuthorizationTypes.Permanent, identity.GetScopes());
    identity.SetAuthorizationId(await authorizations.GetIdAsync(authorization));
    identity.SetDestinations(Person.Destinations);
    return Results.SignIn(new ClaimsPrincipal(identity), authenticationScheme: OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
});

app.MapPost("/token", async (HttpContext context, IOpenIddictScopeManager scopes) =>
{
    var request = context.GetOpenIddictServerRequest()!;
    ClaimsIdentity identity;
    if (request.IsClientCredentialsGrantType())
    {
        identity = new ClaimsIdentity(TokenValidationParameters.DefaultAuthenticationType, Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, request.ClientId);
        identity.SetScopes(request.GetScopes());
        identity.SetResources(await ListAsync(scopes.ListResourcesAsync(identity.GetScopes())));
        identity.SetDestinations(static _ => [Destinations.AccessToken]);
    }
    else
    {
        var result = await context.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
        identity = new ClaimsIdentity(result.Principal!.Claims, TokenValidationParameters.DefaultAuthenticationType, Claims.Name, Claims.Role);
        Person.AddTo(identity);
        identity.SetDestinations(Person.Destinations);
    }

    return Results.SignIn(new ClaimsPrincipal(identity), authenticationScheme: OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
});

app.MapMethods("/userinfo", ["GET", "POST"], async (HttpContext context) =>
{
    var result = await context.AuthenticateAsync(OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    return result.Succeeded
        ? Results.Json(Person.ClaimsOf(result.Principal))
        : Results.Challenge(authenticationSchemes: [OpenIddictServerAspNetCoreDefaults.AuthenticationScheme]);
});

await app.RunAsync();

static string Encode(string? text) => WebUtility.HtmlEncode(text ?? "");

static IResult Html(string body) => Results.Content("<!doctype html><title>OpenIddict</title>" + body, "text/html");

static async Task<object?> FirstAsync(IAsyncEnumerable<object> all)
{
    await foreach (var one in all) return one;
    return null;
}

static async Task<ImmutableArray<string>> ListAsync(IAsyncEnumerable<string> all)
{
    var list = ImmutableArray.CreateBuilder<string>();
    await foreach (var one in all) list.Add(one);
    return list.ToImmutable();
}
