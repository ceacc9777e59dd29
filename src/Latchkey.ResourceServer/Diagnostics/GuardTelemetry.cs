using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Latchkey.ResourceServer.Diagnostics;

/// <summary>The guard's figures and activities. docs/how-to/guard-an-api.md lists the names.</summary>
internal static class GuardTelemetry
{
    private static readonly Meter Meter = new(ResourceServerDefaults.Telemetry);

    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>(
        "latchkey.resource_server.tokens", "{token}", "Access tokens judged, by result (accepted, remembered, refused, unavailable) and code of the refusal.");

    private static readonly Counter<long> Forbidden = Meter.CreateCounter<long>(
        "latchkey.resource_server.forbidden", "{request}", "Requests whose token was good but not good enough for the endpoint, by code.");

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>(
        "latchkey.resource_server.token.duration", "s", "Time to judge an access token, waiting for the provider included.");

    /// <summary>One activity for each token that is not remembered.</summary>
    public static ActivitySource Activities { get; } = new(ResourceServerDefaults.Telemetry);

    public static void Accepted(string resource, bool remembered) =>
        Tokens.Add(1, new("resource", resource), new("result", remembered ? "remembered" : "accepted"));

    public static void Refused(string resource, bool unavailable, string code) =>
        Tokens.Add(1, new("resource", resource), new("result", unavailable ? "unavailable" : "refused"), new("code", code));

    public static void Took(string resource, TimeSpan time) => Duration.Record(time.TotalSeconds, new KeyValuePair<string, object?>("resource", resource));

    public static void AccessRefused(string resource, string code) => Forbidden.Add(1, new("resource", resource), new("code", code));
}
