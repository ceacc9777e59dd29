using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Tests.Logout;

/// <summary>Where clients take logout tokens: keeps all that is sent, and answers as a test says.</summary>
public sealed class LogoutReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<LogoutCall> _calls = new();

    private LogoutReceiver(WebApplication app, int port) => (_app, Port) = (app, port);

    public int Port { get; }

    /// <summary>How it answers, by client; 200 where nothing is said.</summary>
    public ConcurrentDictionary<string, Func<HttpContext, Task>> Answers { get; } = new(StringComparer.Ordinal);

    /// <summary>All that came, in order.</summary>
    public IReadOnlyList<LogoutCall> Calls => [.. _calls];

    public static async Task<LogoutReceiver> StartAsync(int? port = null)
    {
        var chosen = port ?? LoopbackPorts.Next();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{chosen}");
        var app = builder.Build();
        var receiver = new LogoutReceiver(app, chosen);
        app.Run(receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    /// <summary>A client's <c>backchannel_logout_uri</c>; its query must come back as it is.</summary>
    public string Url(string clientId) => UrlAt(Port, clientId);

    /// <summary>As <see cref="Url"/>, for a receiver that is not there yet.</summary>
    public static string UrlAt(int port, string clientId) => $"http://127.0.0.1:{port}/logout/{clientId}?kept=a%20b";

    /// <summary>What came for a client.</summary>
    public IReadOnlyList<LogoutCall> For(string clientId) => [.. _calls.Where(call => call.ClientId == clientId)];

    /// <summary>Waits until so much came for a client.</summary>
    public async Task<IReadOnlyList<LogoutCall>> WaitAsync(string clientId, int count = 1, int seconds = 20)
    {
        await Eventually.HoldsAsync($"{count} logout token(s) for {clientId}", () => For(clientId).Count >= count, seconds);
        return For(clientId);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        var clientId = context.Request.Path.Value!["/logout/".Length..];
        using var reader = new StreamReader(context.Request.Body);
        _calls.Enqueue(new(
            clientId, context.Request.Method, context.Request.QueryString.Value ?? "", context.Request.ContentType ?? "", await reader.ReadToEndAsync(),
            [.. context.Request.Headers.Keys]));
        if (Answers.TryGetValue(clientId, out var answer)) await answer(context);
    }
}

/// <summary>A request with a logout token.</summary>
public sealed record LogoutCall(string ClientId, string Method, string Query, string ContentType, string Body, IReadOnlyList<string> Headers)
{
    /// <summary>The fields of the form.</summary>
    public IReadOnlyDictionary<string, string> Fields
    {
        get
        {
            var form = System.Web.HttpUtility.ParseQueryString(Body);
            return form.AllKeys.ToDictionary(key => key!, key => form[key]!);
        }
    }

    public string Token => Fields["logout_token"];
}
