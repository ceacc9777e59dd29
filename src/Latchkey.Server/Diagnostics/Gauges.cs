using System.Diagnostics.Metrics;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.Extensions.Hosting;

namespace Latchkey.Server.Diagnostics;

/// <summary>The figures of one server that are looked up when somebody asks: they go with it.</summary>
internal sealed class Gauges : IHostedService, IDisposable
{
    private readonly Meter _meter = new(ServerTelemetry.Name);
    private readonly ConfigurationSource _configurations;
    private readonly TimeProvider _clock;

    public Gauges(ConfigurationSource configurations, Auditor auditor, Database database, TimeProvider clock)
    {
        _configurations = configurations;
        _clock = clock;
        _meter.CreateObservableGauge("latchkey.key.age", KeyAges, "s", "How long the key that signs has been in use, by algorithm.");
        _meter.CreateObservableGauge("latchkey.store.queue", () => database.Waiting, "{write}", "Writes that wait for the database.");
        _meter.CreateObservableCounter("latchkey.audit.dropped", () => auditor.Dropped, "{event}", "Routine audit events that found their queue full or the database away.");
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> KeyAges()
    {
        var now = _clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var keys in _configurations.Current.Keys.Signing.Where(key => key.SignsAt(now)).GroupBy(key => key.Signer.Algorithm, StringComparer.Ordinal))
            yield return new((now - keys.Max(key => key.ActiveFrom)) / 1000.0, new KeyValuePair<string, object?>("alg", keys.Key));
    }
}
