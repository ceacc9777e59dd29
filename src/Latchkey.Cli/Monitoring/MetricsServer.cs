using System.Net;

namespace Latchkey.Cli.Monitoring;

/// <summary>
/// Answers Prometheus at addresses of its own, with a listener of its own: what is open to the world never serves figures, and figures are there while the
/// world's connections are used up.
/// </summary>
internal sealed class MetricsServer : IHostedService, IAsyncDisposable
{
    private readonly WebApplication _app;

    public MetricsServer(Measurements measurements, IReadOnlyList<ListenAddress> addresses)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "latchkey-metrics" });
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 16;
            foreach (var address in addresses)
            {
                if (address.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) kestrel.ListenLocalhost(address.Port);
                else if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip)) kestrel.Listen(ip, address.Port);
                else kestrel.ListenAnyIP(address.Port);
            }
        });
        _app = builder.Build();
        _app.Run(async context =>
        {
            if (context.Request.Path != "/metrics" || !(HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }

            context.Response.ContentType = PrometheusText.ContentType;
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.WriteAsync(PrometheusText.Write(measurements), context.RequestAborted).ConfigureAwait(false);
        });
    }

    public Task StartAsync(CancellationToken cancellationToken) => _app.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
