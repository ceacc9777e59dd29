// An API whose callers bring access tokens, as Bearer or with DPoP. The guard answers everybody else, and serves the metadata that says whose tokens count.
using System.Security.Claims;
using Latchkey.ResourceServer;
using Latchkey.Samples;

var flags = new Flags(args, "api --issuer URL --resource URL --urls URL", "issuer", "resource", "urls");
var urls = flags.Get("urls").Split(';');

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.WebHost.UseUrls(urls);
builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
{
    options.Issuer = flags.Get("issuer");
    options.Resource = flags.Get("resource");
    options.ResourceName = "Demo API";
    foreach (var scope in new[] { "api:read", "api:write" }) options.Scopes.Add(scope);
    // Where callers reach it: what their DPoP proofs must name, whatever the Host header says.
    foreach (var address in urls.Append(options.Resource)) options.Addresses.Add(address);
});
var app = builder.Build();

app.MapGet("/public", () => Results.Json(new { message = "Anybody may read this." }));
app.MapGet("/read", Answer).RequireScope("api:read");
app.MapPost("/write", Answer).RequireScope("api:write");
app.MapGet("/recent", Answer).RequireRecentLogin(TimeSpan.FromSeconds(60));

await app.StartAsync();
Console.WriteLine($"listening on {flags.Get("urls")}");
await app.WaitForShutdownAsync();

// Whose token it was, and what it allows.
static IResult Answer(ClaimsPrincipal caller) => Results.Json(new
{
    sub = caller.FindFirstValue("sub"),
    client_id = caller.FindFirstValue("client_id"),
    scope = caller.FindFirstValue("scope"),
});
