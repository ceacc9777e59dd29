using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>A load balancer without any memory: each request goes to the next node, whoever sent it.</summary>
internal sealed class RoundRobin : IAsyncDisposable
{
    private readonly HttpMessageInvoker _nodes = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, AutomaticDecompression = System.Net.DecompressionMethods.None });
    private readonly IReadOnlyList<int> _ports;
    private readonly WebApplication _app;
    private int _next;

    private RoundRobin(int port, IReadOnlyList<int> ports)
    {
        _ports = ports;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenLocalhost(port));
        _app = builder.Build();
        _app.Run(ForwardAsync);
    }

    public static async Task<RoundRobin> StartAsync(int port, IReadOnlyList<int> ports)
    {
        var balancer = new RoundRobin(port, ports);
        await balancer._app.StartAsync();
        return balancer;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _nodes.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        var port = _ports[(int)((uint)Interlocked.Increment(ref _next) % (uint)_ports.Count)];
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), $"http://127.0.0.1:{port}{target}");
        if (context.Request.ContentLength > 0) request.Content = new StreamContent(context.Request.Body);
        foreach (var (name, values) in context.Request.Headers)
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values)) request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        using var answer = await _nodes.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers)) context.Response.Headers[name] = values.ToArray();
        context.Response.Headers.Remove("Transfer-Encoding");
        await answer.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }
}
