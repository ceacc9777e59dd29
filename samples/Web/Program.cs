// A web app with a server: signs people in by the authorization code flow with PKCE, and keeps their tokens to itself.
using Latchkey.Samples;
using Latchkey.Samples.Web;

var flags = new Flags(
    args,
    "web --issuer URL --client-id ID --client-secret SECRET --scope SCOPE --urls URL [--api URL]",
    "issuer", "client-id", "client-secret", "scope", "urls", "api");
var url = flags.Get("urls").Split(';')[0].TrimEnd('/');
var settings = new App(flags.Get("issuer"), flags.Get("client-id"), flags.Find("client-secret"), flags.Get("scope"), url, flags.Find("api")?.TrimEnd('/'));
var https = url.StartsWith("https:", StringComparison.Ordinal);

using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
{
    Timeout = TimeSpan.FromSeconds(15),
};
var sessions = new Sessions(TimeProvider.System, https);
var idTokens = new IdTokens(http, TimeProvider.System, settings.ClientId);
var signIn = new SignIn(settings, http, sessions, idTokens, TimeProvider.System);
var calls = new ApiCalls(settings, http, signIn, idTokens);
var pages = new Pages(settings);

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.WebHost.UseUrls(flags.Get("urls"));
var app = builder.Build();

app.Use(async (context, next) =>
{
    try
    {
        await next(context);
    }
    catch (OAuthException exception)
    {
        var status = exception.Code switch { "Invalid state" => 403, "server_error" or "temporarily_unavailable" => 502, _ => 400 };
        await pages.ErrorAsync(context, status, exception.Code, exception.Description);
    }
    catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException && !context.RequestAborted.IsCancellationRequested)
    {
        await pages.ErrorAsync(context, 502, "Unreachable", "The sign-in server or the API does not answer. Try again in a moment.");
    }
});

app.MapGet("/", context => pages.HomeAsync(context, sessions.Find(context) is { IsSignedIn: true }));

app.MapGet("/login", async context => context.Response.Redirect(await signIn.StartAsync(context)));

app.MapGet("/callback", async context =>
{
    await signIn.FinishAsync(context);
    context.Response.Redirect("/dashboard");
});

app.MapGet("/dashboard", async context =>
{
    if (sessions.Find(context) is not { IsSignedIn: true } session)
    {
        context.Response.Redirect("/login");
        return;
    }

    var provider = await signIn.ProviderAsync();
    using var response = await calls.GetAsync(session, provider.Endpoint("userinfo_endpoint"));
    var user = await response.ReadJsonAsync();
    if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
    {
        sessions.End(context, session);
        context.Response.Redirect("/login");
        return;
    }

    if (!response.IsSuccessStatusCode) throw OAuthException.From(response, user);
    // Claims of another person than the ID token's are nobody's business (OpenID Connect Core section 5.3.4).
    if (user.Text("sub") != session.Subject) throw new OAuthException("server_error", "The claims are another person's.");
    await pages.DashboardAsync(context, user);
});

app.MapGet("/call-api", async context =>
{
    if (sessions.Find(context) is not { IsSignedIn: true } session)
    {
        context.Response.Redirect("/login");
        return;
    }

    if (settings.Api is null) throw new OAuthException("no_api", "Start this program with --api URL to call one.");
    using var response = await calls.GetAsync(session, settings.Api + "/read");
    await pages.ApiAnswerAsync(context, (int)response.StatusCode, await response.Content.ReadAsStringAsync());
});

// A link from another site may not sign anybody out: it is asked first, and then posted, and Lax cookies stay at home on a cross-site POST.
app.MapGet("/logout", async context =>
{
    if (context.Request.Headers["Sec-Fetch-Site"] == "cross-site") await pages.LogoutAsync(context);
    else context.Response.Redirect(await signIn.LogoutAsync(context));
});

app.MapPost("/logout", async context =>
{
    context.Response.StatusCode = StatusCodes.Status303SeeOther;
    context.Response.Headers.Location = await signIn.LogoutAsync(context);
});

app.MapPost("/backchannel-logout", async context =>
{
    context.Response.Headers.CacheControl = "no-store";
    if (!context.Request.HasFormContentType) throw new OAuthException("invalid_request", "The body is a form with logout_token.");
    var form = await context.Request.ReadFormAsync();
    var (subject, session) = await idTokens.ValidateLogoutAsync(await signIn.ProviderAsync(), form["logout_token"].ToString());
    sessions.EndAll(subject, session);
});

app.MapGet("/site.css", pages.StyleAsync);

await app.StartAsync();
Console.WriteLine($"listening on {url}");
await app.WaitForShutdownAsync();
