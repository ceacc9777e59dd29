namespace Latchkey.Cli.Monitoring;

/// <summary>What tells the operator how the server is: nothing of it is there unless it is set.</summary>
internal static class MonitoringServices
{
    // Ours and the runtime's own.
    private static readonly string[] Meters = ["Latchkey.Server", "Latchkey.Storage", "System.Runtime"];

    public static void Add(IServiceCollection services, ServeSettings settings)
    {
        if (settings.MetricsAddresses.Count == 0 && settings.OtlpEndpoint is null) return;
        services.AddSingleton(provider => new Measurements(provider.GetRequiredService<TimeProvider>(), Meters));
        if (settings.MetricsAddresses.Count > 0)
            services.AddHostedService(provider => new MetricsServer(provider.GetRequiredService<Measurements>(), settings.MetricsAddresses));
        if (settings.OtlpEndpoint is { } endpoint)
        {
            services.AddHostedService(provider => new OtlpExporter(
                endpoint, settings.Options.Issuer, provider.GetRequiredService<Measurements>(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<OtlpExporter>>()));
        }
    }
}
