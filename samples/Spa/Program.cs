// A single-page app and its backend (RFC 10017 section 6.1): the script in the browser asks this server, and only this server has tokens.
using System.Reflection;
using Latchkey.Client;
using Latchkey.Client.AspNetCore;
using Latchkey.Samples;

var flags = new Flags(
    args,
    "spa --issuer URL --client-id ID --client-secret SECRET --scope SCOPE --urls URL --api URL",
    "issuer", "client-id", "client-secret", "scope", "urls", "api");
var url = flags.Get("urls").Split(';')[0].TrimEnd('/');

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning).AddFilter("Yarp", LogLevel.Warning);
builder.WebHost.UseUrls(flags.Get("urls"));
builder.Services.AddLatchkeyClient("spa", client =>
{
    client.Issuer = flags.Get("issuer");
    client.ClientId = flags.Get("client-id");
    client.Credential = flags.Find("client-secret") is { } secret ? ClientCredential.Secret(secret) : ClientCredential.None;
    client.Scope = flags.Get("scope");
    client.RedirectUri = url + "/callback";
    client.PostLogoutRedirectUri = url + "/";
});
builder.Services.AddAuthentication().AddLatchkeySignIn("spa");
var app = builder.Build();

// /bff/user, /bff/login, /bff/logout; and /api/read is the API's /read, with the person's token. Nothing else of the API can be reached.
app.MapLatchkeyBff(bff => bff.MapApi("/api", flags.Get("api"), api => api.Paths.Add("/read")));

// The app itself: three files, and a policy under which nothing else runs or loads.
var policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    + $"form-action 'self' {new Uri(flags.Get("issuer")).GetLeftPart(UriPartial.Authority)}; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";
app.MapGet("/", () => File("index.html", "text/html"));
app.MapGet("/app.js", () => File("app.js", "text/javascript"));
app.MapGet("/site.css", () => File("site.css", "text/css"));
await app.StartAsync();
Console.WriteLine($"listening on {url}");
await app.WaitForShutdownAsync();

IResult File(string name, string type) => new Page(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!, type + "; charset=utf-8", policy);

internal sealed record Page(Stream Content, string Type, string Policy) : IResult
{
    public async Task ExecuteAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        (headers.ContentType, headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers.CacheControl) = (Type, Policy, "nosniff", "no-cache");
        await using (Content) await Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
