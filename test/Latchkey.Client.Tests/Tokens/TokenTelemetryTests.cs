using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Latchkey.Client.Tokens;

namespace Latchkey.Client.Tests.Tokens;

public sealed class TokenTelemetryTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();

    public void Dispose() => _provider.Dispose();

    [Fact]
    public async Task Requests_hits_and_renewals_are_counted_and_traced_without_a_token()
    {
        var seen = new ConcurrentQueue<string>();
        using var meters = new MeterListener { InstrumentPublished = (instrument, listener) => { if (instrument.Meter.Name == "Latchkey.Client") listener.EnableMeasurementEvents(instrument); } };
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument.Name, value, tags));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument.Name, value, tags));
        meters.Start();
        using var activities = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Latchkey.Client",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => { if (activity.Tags.Any(tag => tag.Value == "telemetry")) seen.Enqueue($"{activity.OperationName} {string.Join(' ', activity.Tags)}"); },
        };
        ActivitySource.AddActivityListener(activities);

        var tokens = _provider.Machine(options => options.ClientId = "telemetry");
        var token = await tokens.GetAsync();
        await tokens.GetAsync();
        await tokens.RenewAsync(token);
        _provider.Fails("invalid_client");
        await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.For("other").GetAsync());

        Assert.Single(seen, line => line.StartsWith("latchkey.client.token_hits", StringComparison.Ordinal));
        Assert.Equal(["first", "refused", "first"], seen.Where(line => line.StartsWith("latchkey.client.token_requests", StringComparison.Ordinal))
            .Select(line => line.Split("latchkey.reason, ")[1].Split(']')[0]));
        Assert.Equal(3, seen.Count(line => line.StartsWith("latchkey.token ", StringComparison.Ordinal)));
        Assert.Equal(2, seen.Count(line => line.Contains("error.type, invalid_client", StringComparison.Ordinal) && !line.Contains("duration", StringComparison.Ordinal)));
        Assert.DoesNotContain(seen, line => line.Contains("access-", StringComparison.Ordinal) || line.Contains("secret", StringComparison.Ordinal));

        void Note<T>(string name, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var text = string.Join(' ', tags.ToArray());
            // Other tests run at the same time.
            if (text.Contains("telemetry", StringComparison.Ordinal)) seen.Enqueue($"{name} {value} {text}");
        }
    }
}
