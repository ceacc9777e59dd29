// A web app with a server: people sign in by the authorization code flow with PKCE, and their tokens never leave this process.
using System.Security.Claims;
using Latchkey.Client;
using Latchkey.Client.AspNetCore;
using Latchkey.Samples;
using Latchkey.Samples.Web;
using Latchkey.Verification.Providers;

var flags = new Flags(
    args,
    "web --issuer URL --client-id ID --client-secret SECRET --scope SCOPE --urls URL [--api URL] [--name NAME]",
    "issuer", "client-id", "client-secret", "scope", "urls", "api", "name");
var url = flags.Get("urls").Split(';')[0].TrimEnd('/');
var api = flags.Find("api")?.TrimEnd('/');
var pages = new Pages(flags.Find("name") ?? "Demo web app", flags.Get("issuer"), api);

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning);
builder.WebHost.UseUrls(flags.Get("urls"));

// The provider, and who this app is there.
builder.Services.AddLatchkeyClient("web", client =>
{
    client.Issuer = flags.Get("issuer");
    client.ClientId = flags.Get("client-id");
    client.Credential = flags.Find("client-secret") is { } secret ? ClientCredential.Secret(secret) : ClientCredential.None;
    client.Scope = flags.Get("scope");
    client.RedirectUri = url + "/callback";
    client.PostLogoutRedirectUri = url + "/";
});
// /login, /callback, /logout and /backchannel-logout.
builder.Services.AddAuthentication().AddLatchkeySignIn("web", signIn => signIn.DefaultReturnUrl = "/dashboard");
builder.Services.AddAuthorization();
// What is called with the token of whoever is signed in: renewed in time, and once after a 401.
builder.Services.AddHttpClient<UserInfoEndpoint>().AddUserToken("web");
builder.Services.AddHttpClient<ApiEndpoint>(http => http.BaseAddress = api is null ? null : new Uri(api)).AddUserToken("web");
var app = builder.Build();

app.Use(async (context, next) =>
{
    try
    {
        await next(context);
    }
    catch (Exception exception) when (exception is OAuthException or ProviderException or HttpRequestException or TaskCanceledException && !context.RequestAborted.IsCancellationRequested)
    {
        await pages.ErrorAsync(context, exception);
    }
});
app.UseLatchkeySignInAgain();
app.UseAuthentication();
app.UseAuthorization();

app.MapGet("/", (HttpContext context) => pages.HomeAsync(context, context.User.Identity is { IsAuthenticated: true }));

app.MapGet("/dashboard", async (HttpContext context, UserInfoEndpoint userInfo) =>
    await pages.DashboardAsync(context, await userInfo.ReadAsync(context.User.FindFirstValue("sub")!, context.RequestAborted))).RequireAuthorization();

app.MapGet("/call-api", async (HttpContext context, ApiEndpoint endpoint) =>
{
    using var answer = await endpoint.ReadAsync(context.RequestAborted);
    await pages.ApiAnswerAsync(context, (int)answer.StatusCode, await answer.Content.ReadAsStringAsync(context.RequestAborted));
}).RequireAuthorization();

app.MapGet("/site.css", (HttpContext context) => pages.StyleAsync(context));

await app.StartAsync();
Console.WriteLine($"listening on {url}");
await app.WaitForShutdownAsync();
