using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Tests.Harness;

/// <summary>A web site of somebody else's on 127.0.0.1: serves what a test puts there, and counts who asks.</summary>
public sealed class DocumentHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<string> _asked = new();

    private readonly string _scheme;

    private DocumentHost(WebApplication app, int port, string scheme) => (_app, Port, _scheme) = (app, port, scheme);

    public int Port { get; }

    /// <summary>What answers at a path; 404 where nothing is put.</summary>
    public ConcurrentDictionary<string, RequestDelegate> Paths { get; } = new(StringComparer.Ordinal);

    /// <summary>The paths that were asked for, in order.</summary>
    public IReadOnlyList<string> Asked => [.. _asked];

    /// <summary>Starts a site.</summary>
    /// <param name="certificate">Its certificate; it speaks http without one.</param>
    public static async Task<DocumentHost> StartAsync(X509Certificate2? certificate = null)
    {
        var port = LoopbackPorts.Next();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port, listen =>
        {
            if (certificate is not null) listen.UseHttps(certificate);
        }));
        var app = builder.Build();
        var host = new DocumentHost(app, port, certificate is null ? "http" : "https");
        app.Run(host.AnswerAsync);
        await app.StartAsync();
        return host;
    }

    /// <summary>The URL of a path.</summary>
    public string Url(string path) => $"{_scheme}://127.0.0.1:{Port}{path}";

    /// <summary>How often a path was asked for.</summary>
    public int Count(string path) => _asked.Count(asked => asked == path);

    /// <summary>Puts a text at a path.</summary>
    /// <returns>Its URL.</returns>
    public string Put(string path, string body, string contentType = "application/json", string? cacheControl = null, int status = 200)
    {
        Paths[path] = async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = contentType;
            if (cacheControl is not null) context.Response.Headers.CacheControl = cacheControl;
            await context.Response.WriteAsync(body, context.RequestAborted);
        };
        return Url(path);
    }

    /// <summary>Takes everything away, and forgets who asked.</summary>
    public void Clear()
    {
        Paths.Clear();
        _asked.Clear();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private Task AnswerAsync(HttpContext context)
    {
        _asked.Enqueue(context.Request.Path.Value ?? "");
        if (Paths.TryGetValue(context.Request.Path.Value ?? "", out var answer)) return answer(context);
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }
}
