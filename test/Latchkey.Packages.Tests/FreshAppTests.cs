using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Latchkey.Packages.Tests;

/// <summary>What a developer does on the first day: a new project, the package, the lines of its page.</summary>
public sealed class FreshAppTests(PackageFolder packages)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_console_app_and_a_web_app_work_with_the_packages_alone()
    {
        await using var server = await LatchkeyProcess.StartAsync(State(out var api, out var web));
        var apiFolder = await packages.BuildAppAsync("fresh-api", "Microsoft.NET.Sdk.Web", Api, "Latchkey.ResourceServer");
        var webFolder = await packages.BuildAppAsync("fresh-web", "Microsoft.NET.Sdk.Web", Web, "Latchkey.Client.AspNetCore");
        var consoleFolder = await packages.BuildAppAsync("fresh-console", "Microsoft.NET.Sdk", Console, "Latchkey.Client");

        await using var guarded = await AppAsync(apiFolder, "fresh-api", server.Issuer, api);
        using (var http = new HttpClient { BaseAddress = new Uri(api) })
        {
            using var refused = await http.GetAsync("/read");
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.StartsWith("Bearer", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
            using var forged = new HttpRequestMessage(HttpMethod.Get, "/read") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "eyJhbGciOiJub25lIn0.e30.") } };
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.SendAsync(forged)).StatusCode);
        }

        await using var console = await AppAsync(consoleFolder, "fresh-console", server.Issuer, api);
        Assert.Equal("""{"client_id":"machine","scope":"api:read"}""", await console.ReadAsync());

        await using var app = await AppAsync(webFolder, "fresh-web", server.Issuer, web);
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });
        using var alice = new PageWalker(server.Issuer);
        using var asked = await WithinAsync(browser, new Uri(web + "/"));
        var answered = await alice.AuthorizeAsync(asked.Headers.Location!.ToString());
        using var home = await WithinAsync(browser, answered.Url);
        Assert.Equal("Hello, Alice Example", await home.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_native_app_guards_calls_and_signs_in()
    {
        await using var server = await LatchkeyProcess.StartAsync(State(out _, out var web));
        var binary = await packages.PublishNativeAsync("fresh-native", Native, "Latchkey.ResourceServer", "Latchkey.Client.AspNetCore");
        await using var app = await StartAsync(binary, [server.Issuer, web]);

        // The guard: a stranger, and the app itself with its machine token.
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });
        using var refused = await browser.GetAsync(new Uri(web + "/read"));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.StartsWith("Bearer", refused.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Equal("machine may api:read", await browser.GetStringAsync(new Uri(web + "/call")));

        // The sign-in, and what a page sees of it.
        using var alice = new PageWalker(server.Issuer);
        using var asked = await WithinAsync(browser, new Uri(web + "/"));
        var answered = await alice.AuthorizeAsync(asked.Headers.Location!.ToString());
        using var home = await WithinAsync(browser, answered.Url);
        Assert.Equal("Hello, Alice Example", await home.Content.ReadAsStringAsync());
        using var user = new HttpRequestMessage(HttpMethod.Get, web + "/bff/user") { Headers = { { "X-CSRF", "1" } } };
        using var seen = await browser.SendAsync(user);
        Assert.Contains("Alice Example", await seen.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    // Goes where the app sends it as long as that is the app itself.
    private static async Task<HttpResponseMessage> WithinAsync(HttpClient browser, Uri url)
    {
        while (true)
        {
            var answer = await browser.GetAsync(url);
            if (answer.Headers.Location is not { } location || new Uri(url, location) is not { } next || next.Authority != url.Authority) return answer;
            answer.Dispose();
            url = next;
        }
    }

    private static JsonObject State(out string api, out string web)
    {
        (api, web) = ($"http://127.0.0.1:{LoopbackPorts.Next()}", $"http://127.0.0.1:{LoopbackPorts.Next()}");
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.Web)["redirect_uris"] = new JsonArray($"{web}/callback");
        return state;
    }

    private static Task<App> AppAsync(string folder, string name, string issuer, string url) =>
        StartAsync("dotnet", [Path.Combine(folder, name + ".dll"), issuer, url]);

    private static async Task<App> StartAsync(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        var app = new App(Process.Start(start)!);
        Assert.Equal("ready", await app.ReadAsync());
        return app;
    }

    private const string Api = """
        using System.Security.Claims;
        using Latchkey.ResourceServer;

        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(args[1]);
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(o =>
        {
            o.Issuer = args[0];
            o.Resource = "https://api.example.com";
        });
        var app = builder.Build();
        app.MapGet("/read", (ClaimsPrincipal caller) => new { client_id = caller.FindFirstValue("client_id"), scope = caller.FindFirstValue("scope") })
            .RequireScope("api:read");
        await app.StartAsync();
        Console.WriteLine("ready");
        await app.WaitForShutdownAsync();
        """;

    private const string Console = """
        using Latchkey.Client;
        using Microsoft.Extensions.DependencyInjection;

        var services = new ServiceCollection();
        services.AddLatchkeyClient("billing", o =>
        {
            o.Issuer = args[0];
            o.ClientId = "machine";
            o.Credential = ClientCredential.Secret("machine-secret-0123456789abcdef");
            o.Scope = "api:read";
        });
        services.AddHttpClient("invoices").AddMachineToken("billing");
        await using var provider = services.BuildServiceProvider();
        var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("invoices");
        Console.WriteLine("ready");
        Console.WriteLine(await http.GetStringAsync(args[1] + "/read"));
        """;

    private const string Web = """
        using Latchkey.Client;
        using Latchkey.Client.AspNetCore;

        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(args[1]);
        builder.Services.AddLatchkeyClient("web", o =>
        {
            o.Issuer = args[0];
            o.ClientId = "web";
            o.Credential = ClientCredential.Secret("web-secret-0123456789abcdef");
            o.Scope = "openid profile";
        });
        builder.Services.AddAuthentication().AddLatchkeySignIn("web");
        builder.Services.AddAuthorization();
        var app = builder.Build();
        app.MapGet("/", (System.Security.Claims.ClaimsPrincipal user) => $"Hello, {user.FindFirst("name")?.Value}").RequireAuthorization();
        await app.StartAsync();
        Console.WriteLine("ready");
        await app.WaitForShutdownAsync();
        """;

    private const string Native = """
        using System.Security.Claims;
        using Latchkey.Client;
        using Latchkey.Client.AspNetCore;
        using Latchkey.ResourceServer;

        var (issuer, url) = (args[0], args[1]);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url);
        builder.Services.AddLatchkeyClient("billing", o =>
        {
            o.Issuer = issuer;
            o.ClientId = "machine";
            o.Credential = ClientCredential.Secret("machine-secret-0123456789abcdef");
            o.Scope = "api:read";
        });
        builder.Services.AddHttpClient("invoices").AddMachineToken("billing");
        builder.Services.AddLatchkeyClient("web", o =>
        {
            o.Issuer = issuer;
            o.ClientId = "web";
            o.Credential = ClientCredential.Secret("web-secret-0123456789abcdef");
            o.Scope = "openid profile";
        });
        builder.Services.AddAuthentication()
            .AddLatchkeyResourceServer(o =>
            {
                o.Issuer = issuer;
                o.Resource = "https://api.example.com";
            })
            .AddLatchkeySignIn("web");
        builder.Services.AddAuthorizationBuilder()
            .AddPolicy("api", policy => policy.AddAuthenticationSchemes(ResourceServerDefaults.AuthenticationScheme).RequireScope("api:read"))
            .AddPolicy("person", policy => policy.AddAuthenticationSchemes("web").RequireAuthenticatedUser());
        var app = builder.Build();
        app.MapGet("/read", (ClaimsPrincipal caller) => $"{caller.FindFirst("client_id")?.Value} may {caller.FindFirst("scope")?.Value}").RequireAuthorization("api");
        app.MapGet("/call", (IHttpClientFactory clients) => clients.CreateClient("invoices").GetStringAsync(url + "/read"));
        app.MapGet("/", (ClaimsPrincipal user) => $"Hello, {user.FindFirst("name")?.Value}").RequireAuthorization("person");
        app.MapLatchkeyBff(bff => bff.Scheme = "web");
        await app.StartAsync();
        Console.WriteLine("ready");
        await app.WaitForShutdownAsync();
        """;

    private sealed class App(Process process) : IAsyncDisposable
    {
        private readonly Task<string> _errors = process.StandardError.ReadToEndAsync();

        public async Task<string> ReadAsync() =>
            await process.StandardOutput.ReadLineAsync().WaitAsync(Deadline) ?? throw new Xunit.Sdk.XunitException($"The app ended: {await _errors}");

        public async ValueTask DisposeAsync()
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
    }
}
