// An API whose callers bring access tokens: JWTs by RFC 9068, sent as RFC 6750 says, refused as RFC 6750 and RFC 9470 say.
using System.Security.Claims;
using Latchkey.Samples;
using Latchkey.Samples.Api;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;

var flags = new Flags(args, "api --issuer URL --resource URL --urls URL", "issuer", "resource", "urls");
var (issuer, resource, urls) = (flags.Get("issuer"), flags.Get("resource"), flags.Get("urls"));
// RFC 9728 section 3.1: the well-known part comes between host and path of the resource.
var metadataPath = "/.well-known/oauth-protected-resource" + new Uri(resource).AbsolutePath.TrimEnd('/');
var metadataUrl = urls.Split(';')[0].TrimEnd('/') + metadataPath;

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.WebHost.UseUrls(urls);
builder.Services
    .AddAuthentication(JwtBearerDefaults.AuthenticationScheme)
    .AddJwtBearer(options => AccessTokens.Configure(options, issuer, resource));
builder.Services.AddAuthorization();
builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler>(new Refusals(metadataUrl));
var app = builder.Build();
app.UseAuthentication();
app.UseAuthorization();

app.MapGet("/public", () => Results.Json(new { message = "Anybody may read this." }));
app.MapGet("/read", Answer).RequireAuthorization(policy => policy.AddRequirements(new ScopeRequirement("api:read")));
app.MapPost("/write", Answer).RequireAuthorization(policy => policy.AddRequirements(new ScopeRequirement("api:write")));
app.MapGet("/recent", Answer).RequireAuthorization(policy => policy.AddRequirements(new RecencyRequirement(60, TimeProvider.System)));
app.MapGet(metadataPath, () => Results.Json(new
{
    resource,
    authorization_servers = new[] { issuer },
    scopes_supported = new[] { "api:read", "api:write" },
    bearer_methods_supported = new[] { "header" },
    resource_name = "Demo API",
}));

await app.StartAsync();
Console.WriteLine($"listening on {urls}");
await app.WaitForShutdownAsync();

// Whose token it was, and what it allows.
static IResult Answer(ClaimsPrincipal caller) => Results.Json(new
{
    sub = caller.FindFirstValue("sub"),
    client_id = caller.FindFirstValue("client_id"),
    scope = caller.FindFirstValue("scope"),
});
