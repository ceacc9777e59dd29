// An MCP server whose tools people use through their AI apps. The guard answers whoever has no token with where to get one; the apps do the rest.
using Latchkey.ResourceServer;
using Latchkey.Samples;
using Latchkey.Samples.Mcp;

var flags = new Flags(args, "mcp --issuer URL --resource URL --urls URL", "issuer", "resource", "urls");

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.WebHost.UseUrls(flags.Get("urls").Split(';'));
builder.Services.AddHttpContextAccessor();
builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
{
    options.Issuer = flags.Get("issuer");
    // The very URL that people give their app, so that the app finds itself in the metadata.
    options.Resource = flags.Get("resource");
    options.ResourceName = "Demo MCP server";
    options.Scopes.Add("mcp:tools");
});
builder.Services.AddMcpServer().WithHttpTransport().WithTools<NoteTools>();
var app = builder.Build();

app.MapMcp(new Uri(flags.Get("resource")).AbsolutePath).RequireScope("mcp:tools");

await app.StartAsync();
Console.WriteLine($"listening on {flags.Get("urls")}");
await app.WaitForShutdownAsync();
