using System.Collections.Concurrent;
using System.Net;
using Latchkey.Client.AspNetCore.Bff;
using Latchkey.Testing;
using Latchkey.Testing.Browsing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.AspNetCore.Tests.Bff;

/// <summary>A backend on a real port of loopback, and the API behind it, which keeps what it was sent.</summary>
internal sealed class BffApp : IAsyncDisposable
{
    private static readonly SocketsHttpHandler Network = new() { UseCookies = false, AllowAutoRedirect = false };

    private readonly WebApplication _app;
    private readonly WebApplication _api;

    private BffApp(WebApplication app, WebApplication api, string address) => (_app, _api, Address) = (app, api, address);

    public string Address { get; }

    /// <summary>What reached the API: target, headers and body.</summary>
    public ConcurrentQueue<(string Target, string Method, IHeaderDictionary Headers, string Body)> Calls { get; } = [];

    /// <summary>What the API answers with.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = context => context.Response.WriteAsync("{\"ok\":true}");

    public static async Task<BffApp> StartAsync(TestAuthority authority, Action<BffApi>? configure = null)
    {
        var api = Empty("api");
        BffApp? self = null;
        api.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var headers = new HeaderDictionary(context.Request.Headers.ToDictionary(StringComparer.OrdinalIgnoreCase));
            self!.Calls.Enqueue((context.Features.Get<IHttpRequestFeature>()!.RawTarget, context.Request.Method, headers, await reader.ReadToEndAsync()));
            await self.Answer(context);
        });
        await api.StartAsync();

        var port = LoopbackPorts.Next();
        var address = $"http://127.0.0.1:{port}";
        await authority.AddClientAsync(
            new() { ClientId = "bff", RedirectUris = [address + "/callback"], PostLogoutRedirectUris = [address + "/"], GrantTypes = ["authorization_code", "refresh_token"], Scope = Ready.AllScopes },
            "bff-secret-0123456789abcdef");
        var app = Empty("bff", port, services =>
        {
            services.AddSingleton<TimeProvider>(authority.Clock);
            services.AddSingleton<IDataProtectionProvider>(new EphemeralDataProtectionProvider());
            services.AddLatchkeyClient("bff", options =>
            {
                (options.Issuer, options.ClientId, options.Scope) = (authority.Issuer, "bff", "openid profile api:read");
                options.Credential = ClientCredential.Secret("bff-secret-0123456789abcdef");
            });
            services.AddHttpClient(LatchkeyClientServices.HttpClientName("bff")).ConfigurePrimaryHttpMessageHandler(authority.CreateHandler);
            services.AddAuthentication().AddLatchkeySignIn("bff");
        });
        app.UseAuthentication();
        app.MapLatchkeyBff(bff => bff.MapApi("/api", $"{api.Urls.Single()}/v1/", configure));
        app.MapGet("/", () => "home");
        await app.StartAsync();
        return self = new(app, api, address);
    }

    public Task<AuthorityBrowser> SignInAsync(TestAuthority authority) => SignInAsync(authority.Browser("alice"));

    public async Task<AuthorityBrowser> SignInAsync(AuthorityBrowser browser)
    {
        (await browser.FollowAsync(Site.At(Address), "/bff/login")).ShouldHaveArrived();
        return browser;
    }

    /// <summary>Sends a call with the header, the path exactly as written.</summary>
    public Task<HttpResponseMessage> CallAsync(AuthorityBrowser? who, string path, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, path, null, [.. who is null ? [] : new[] { who.CookieHeader("127.0.0.1") }, ("X-CSRF", "1"), .. headers]);

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, params (string Name, string Value)[] headers)
    {
        var uri = new Uri(Address + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(method, uri) { Content = content };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var invoker = new HttpMessageInvoker(Network, disposeHandler: false);
        return await invoker.SendAsync(request, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _api.DisposeAsync();
    }

    private static WebApplication Empty(string name, int port = 0, Action<IServiceCollection>? configure = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = name });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddLogging();
        builder.Services.AddRoutingCore();
        configure?.Invoke(builder.Services);
        return builder.Build();
    }
}
