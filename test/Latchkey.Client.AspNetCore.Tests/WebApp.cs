using System.Security.Claims;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Testing;
using Latchkey.Testing.Browsing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore.Tests;

/// <summary>An app with sign-in, in the test's process, under the authority's clock.</summary>
internal sealed class WebApp : IAsyncDisposable
{
    public const string Origin = "https://app.test";

    private readonly WebApplication _app;

    private WebApp(WebApplication app, string origin)
    {
        _app = app;
        Site = Site.Of(app.GetTestServer(), origin);
    }

    public Site Site { get; }

    public IServiceProvider Services => _app.Services;

    public ISessionStore Sessions => Services.GetRequiredService<ISessionStore>();

    public LatchkeyClient Client => Services.GetRequiredKeyedService<LatchkeyClient>("app");

    /// <summary>How many sessions there are.</summary>
    public int Count => ((MemorySessionStore)Sessions).Count;

    public static async Task<WebApp> StartAsync(
        TestAuthority authority, Action<LatchkeyClientOptions>? client = null, Action<LatchkeySignInOptions>? signIn = null, Action<IServiceCollection>? services = null, string origin = Origin,
        Action<WebApplication>? map = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "web-app" });
        builder.WebHost.UseTestServer(server => server.BaseAddress = new Uri(origin));
        builder.Services.AddLogging();
        builder.Services.AddSingleton<TimeProvider>(authority.Clock);
        builder.Services.AddSingleton<IDataProtectionProvider>(new EphemeralDataProtectionProvider());
        builder.Services.AddRoutingCore();
        builder.Services.AddLatchkeyClient("app", options =>
        {
            options.Issuer = authority.Issuer;
            options.ClientId = Ready.Web.ClientId;
            options.Credential = ClientCredential.Secret(Ready.Web.Secret!);
            options.Scope = "openid profile email api:read";
            client?.Invoke(options);
        });
        builder.Services.AddHttpClient(LatchkeyClientServices.HttpClientName("app")).ConfigurePrimaryHttpMessageHandler(authority.CreateHandler);
        builder.Services.AddAuthentication().AddLatchkeySignIn("app", signIn);
        builder.Services.AddAuthorization();
        builder.Services.AddHttpClient("user").AddUserToken("app").ConfigurePrimaryHttpMessageHandler(authority.CreateHandler);
        services?.Invoke(builder.Services);
        var app = builder.Build();
        app.UseLatchkeySignInAgain();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/", (HttpContext context) => context.Response.WriteAsync(context.User.FindFirstValue("sub") ?? "nobody"));
        app.MapGet("/me", (HttpContext context) => context.Response.WriteAsync(string.Join('\n', context.User.Claims.Select(claim => $"{claim.Type}={claim.Value}")))).RequireAuthorization();
        app.MapGet("/name", (HttpContext context) => context.Response.WriteAsync(context.User.Identity!.Name ?? "")).RequireAuthorization();
        app.MapGet("/userinfo", async (HttpContext context, IHttpClientFactory clients) =>
        {
            using var answer = await clients.CreateClient("user").GetAsync(authority.Issuer + "/userinfo");
            context.Response.StatusCode = (int)answer.StatusCode;
            await context.Response.WriteAsync(await answer.Content.ReadAsStringAsync());
        }).RequireAuthorization();
        map?.Invoke(app);
        await app.StartAsync();
        return new(app, origin);
    }

    /// <summary>Somebody with a browser that has signed in.</summary>
    public async Task<AuthorityBrowser> SignInAsync(TestAuthority authority, string user = "alice")
    {
        var browser = authority.Browser(user);
        (await browser.FollowAsync(Site, "/login")).ShouldHaveArrived();
        return browser;
    }

    /// <summary>Sends a request as it is: nothing is followed and no cookie is added.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, params (string Name, string Value)[] headers) => SendAsync(method, path, null, headers);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        using var invoker = new HttpMessageInvoker(Site.Handler, disposeHandler: false);
        using var request = new HttpRequestMessage(method, new Uri(Site.BaseAddress, path)) { Content = content };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await invoker.SendAsync(request, CancellationToken.None);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}

internal static class Answers
{
    /// <summary>The lines by which an answer sets cookies.</summary>
    public static IReadOnlyList<string> Cookies(this HttpResponseMessage response) =>
        response.Headers.TryGetValues("Set-Cookie", out var lines) ? [.. lines] : [];

    /// <summary>What a browser sends of its cookies.</summary>
    public static (string Name, string Value) CookieHeader(this AuthorityBrowser browser, string host = "app.test") =>
        ("Cookie", string.Join("; ", browser.Cookies(host).Select(cookie => $"{cookie.Key}={cookie.Value}")));

    public static Task<string> TextAsync(this HttpResponseMessage response) => response.Content.ReadAsStringAsync();
}
