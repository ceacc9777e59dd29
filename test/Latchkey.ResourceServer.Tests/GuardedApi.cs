using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Claims;
using Latchkey.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.ResourceServer.Tests;

/// <summary>An API behind the guard, at https://api.test, on the authority's clock. It writes down what it asks the provider and what it logs.</summary>
public sealed class GuardedApi : IAsyncDisposable
{
    private readonly WebApplication _app;

    private GuardedApi(WebApplication app, Recorder recorder, LogKeeper log)
    {
        _app = app;
        Asked = recorder.Asked;
        Log = log.Lines;
        Client = app.GetTestServer().CreateClient();
        Client.BaseAddress = new Uri(Ready.Api);
    }

    public HttpClient Client { get; }

    /// <summary>The addresses that the guard asked, without the origin, in order.</summary>
    public ConcurrentQueue<string> Asked { get; }

    /// <summary>The log's lines, with their category.</summary>
    public ConcurrentQueue<string> Log { get; }

    public int KeyReadings => Asked.Count(address => address.Contains("jwks", StringComparison.Ordinal));

    /// <summary>Starts an API for an authority.</summary>
    public static Task<GuardedApi> StartAsync(
        TestAuthority authority, Action<ResourceServerOptions>? configure = null, HttpMessageHandler? provider = null, Action<WebApplication>? map = null) =>
        StartAsync(authority.Clock, options =>
        {
            options.Issuer = authority.Issuer;
            configure?.Invoke(options);
        }, provider ?? authority.CreateHandler(), map);

    /// <summary>Starts an API whose provider is whatever the handler says.</summary>
    public static async Task<GuardedApi> StartAsync(
        TimeProvider clock, Action<ResourceServerOptions> configure, HttpMessageHandler provider, Action<WebApplication>? map = null)
    {
        var recorder = new Recorder(provider);
        var log = new LogKeeper();
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer();
        builder.Logging.ClearProviders().AddProvider(log).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddSingleton(clock);
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Resource = Ready.Api;
            options.BackchannelHttpHandler = recorder;
            configure(options);
        });
        builder.Services.AddAuthorizationBuilder().AddPolicy("writers", policy => policy.RequireScope("api:read", "api:write"));
        var app = builder.Build();
        app.MapGet("/public", () => "anybody");
        app.MapGet("/any", Tell).RequireAuthorization();
        app.MapGet("/read", Tell).RequireScope("api:read");
        app.MapPost("/write", Tell).RequireAuthorization("writers");
        app.MapGet("/recent", Tell).RequireRecentLogin(TimeSpan.FromSeconds(60));
        app.MapGet("/strong", Tell).RequireAcr("urn:strong", "urn:stronger").RequireScope("api:read");
        app.MapGet("/person", Tell).RequireUser();
        app.MapGet("/cached", (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, max-age=60";
            return "the same for all";
        }).RequireScope("api:read");
        app.MapGet("/never", () => "nobody").RequireAuthorization(policy => policy.RequireAssertion(_ => false));
        map?.Invoke(app);
        await app.StartAsync();
        return new(app, recorder, log);
    }

    /// <summary>Sends a request with an Authorization header as it is given.</summary>
    public async Task<Answer> SendAsync(string? authorization, string path = "/any", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        return await SendAsync(request);
    }

    /// <summary>Sends a request with a token as DPoP, and these proofs.</summary>
    public async Task<Answer> DPoPAsync(string token, string path, params string[] proofs)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Authorization", "DPoP " + token);
        foreach (var proof in proofs) request.Headers.TryAddWithoutValidation("DPoP", proof);
        return await SendAsync(request);
    }

    /// <summary>Sends a request with a Bearer token over a connection as the test makes it.</summary>
    /// <returns>The status and the code of the refusal, if it was refused.</returns>
    public async Task<(int Status, string Challenges)> ConnectAsync(string authorization, Action<HttpContext> connect)
    {
        var context = await _app.GetTestServer().SendAsync(context =>
        {
            (context.Request.Method, context.Request.Path, context.Request.Host) = ("GET", "/any", new("api.test"));
            context.Request.Headers.Authorization = authorization;
            connect(context);
        });
        return (context.Response.StatusCode, context.Response.Headers.WWWAuthenticate.ToString());
    }

    /// <summary>Sends a request with a Bearer token.</summary>
    public Task<Answer> BearerAsync(string token, string path = "/any", HttpMethod? method = null) => SendAsync("Bearer " + token, path, method);

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using var response = await Client.SendAsync(request);
        return new((int)response.StatusCode, [.. response.Headers.WwwAuthenticate], response.Headers, response.Content.Headers, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }

    private static IResult Tell(ClaimsPrincipal caller) => Results.Json(new Dictionary<string, string?>
    {
        ["sub"] = caller.FindFirstValue("sub"),
        ["client_id"] = caller.FindFirstValue("client_id"),
        ["scope"] = caller.FindFirstValue("scope"),
        ["name"] = caller.Identity?.Name,
    });

    /// <summary>What came back.</summary>
    public sealed record Answer(
        int Status, IReadOnlyList<AuthenticationHeaderValue> Challenges, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, string Body)
    {
        /// <summary>The first challenge, which must be of Bearer.</summary>
        public string Bearer
        {
            get
            {
                Assert.Equal("Bearer", Challenges[0].Scheme);
                return Challenges[0].Parameter ?? "";
            }
        }

        /// <summary>The token was refused by this check.</summary>
        public void IsRefused(string code, string error = "invalid_token", int status = 401)
        {
            Assert.Equal(status, Status);
            Assert.Contains($"error=\"{error}\", error_description=\"{code}: ", Bearer, StringComparison.Ordinal);
        }

        public void IsAccepted() => Assert.True(Status == 200, $"{Status} {string.Join(' ', Challenges)} {Body}");
    }

    private sealed class Recorder(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public ConcurrentQueue<string> Asked { get; } = new();

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked.Enqueue(request.RequestUri!.PathAndQuery);
            return base.SendAsync(request, cancellationToken);
        }
    }

    private sealed class LogKeeper : ILoggerProvider
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => new Category(categoryName, Lines);

        public void Dispose()
        {
        }

        private sealed class Category(string name, ConcurrentQueue<string> lines) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                lines.Enqueue($"{name} {logLevel} {formatter(state, exception)} {exception}");
        }
    }
}
