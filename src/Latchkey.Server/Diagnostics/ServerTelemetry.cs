using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Latchkey.Server.Diagnostics;

/// <summary>
/// The server's figures and activities; docs/how-to/monitor.md lists the names. Labels are words of the specifications and of the routes: never a person, a
/// client, an address or a secret. Nothing is done while nobody listens.
/// </summary>
internal static class ServerTelemetry
{
    /// <summary>The name of meter and activity source.</summary>
    public const string Name = "Latchkey.Server";

    private static readonly Meter Meter = new(Name);
    private static readonly ActivitySource Activities = new(Name);

    private static readonly Histogram<double> Requests = Meter.CreateHistogram(
        "latchkey.request.duration", "s", "Requests by endpoint, method and status, and how long they took.", tags: null,
        new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] });

    private static readonly Counter<long> Refusals = Meter.CreateCounter<long>(
        "latchkey.refusals", "{request}", "Requests that were refused, by endpoint and error code.");

    private static readonly Counter<long> Issued = Meter.CreateCounter<long>("latchkey.tokens.issued", "{answer}", "Token answers by grant type.");

    private static readonly Counter<long> Reused = Meter.CreateCounter<long>(
        "latchkey.refresh.reused", "{token}", "Refresh tokens that came again after their successor was used; each ended its grant.");

    private static readonly Counter<long> FromFuture = Meter.CreateCounter<long>(
        "latchkey.refresh.from_future", "{token}", "Refresh tokens ahead of the database: it has lost a write that was acknowledged.");

    private static readonly Counter<long> Forged = Meter.CreateCounter<long>(
        "latchkey.refresh.forged", "{token}", "Refresh tokens whose MAC is not ours, refused without asking the database.");

    /// <summary>Whether a request must be timed for anybody.</summary>
    public static bool IsWanted => Requests.Enabled || Activities.HasListeners();

    /// <summary>Begins to watch a request. The caller's trace goes on in it.</summary>
    public static Activity? Begin(HttpContext context)
    {
        if (!Activities.HasListeners()) return null;
        // ASP.NET's own activity, which nobody exports, has read traceparent: what is its parent is ours, and logs say its trace id.
        var parent = Activity.Current is { } current && current.IdFormat == ActivityIdFormat.W3C
            ? new ActivityContext(current.TraceId, current.ParentSpanId, current.ActivityTraceFlags, current.TraceStateString, isRemote: true)
            : default;
        return Activities.StartActivity(context.Request.Method, ActivityKind.Server, parent);
    }

    /// <summary>Tells how a request went.</summary>
    /// <param name="context">The request.</param>
    /// <param name="activity">What <see cref="Begin"/> returned.</param>
    /// <param name="started">The timestamp of its begin.</param>
    public static void End(HttpContext context, Activity? activity, long started)
    {
        var endpoint = EndpointOf(context);
        var method = MethodOf(context.Request.Method);
        var status = Status(context.Response.StatusCode);
        Requests.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, new("endpoint", endpoint), new("method", method), new("status", status));
        if (activity is null) return;
        activity.DisplayName = $"{method} {endpoint}";
        activity.SetTag("http.request.method", method).SetTag("http.route", endpoint).SetTag("http.response.status_code", context.Response.StatusCode)
            .SetTag("latchkey.request_id", context.RequestId());
        if (context.Response.StatusCode >= 500) activity.SetStatus(ActivityStatusCode.Error);
        activity.Dispose();
    }

    /// <summary>A request was refused by a code of the specifications.</summary>
    public static void Refused(HttpContext context, string code)
    {
        if (Refusals.Enabled) Refusals.Add(1, new("endpoint", EndpointOf(context)), new("code", code));
        if (Activities.HasListeners()) Activity.Current?.SetTag("error.type", code);
    }

    /// <summary>Tokens were handed out.</summary>
    public static void TokensIssued(string grantType) => Issued.Add(1, new KeyValuePair<string, object?>("grant_type", grantType));

    /// <summary>A used refresh token came again.</summary>
    public static void RefreshReused() => Reused.Add(1);

    /// <summary>A refresh token is ahead of the database.</summary>
    public static void RefreshFromFuture() => FromFuture.Add(1);

    /// <summary>A refresh token was never ours.</summary>
    public static void RefreshForged() => Forged.Add(1);

    // Routes, and one word for whatever strangers try.
    private static string EndpointOf(HttpContext context) => (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "none";

    private static string MethodOf(string method) => method is "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "OPTIONS" ? method : "other";

    private static string Status(int status) => status switch
    {
        200 => "200",
        302 => "302",
        303 => "303",
        400 => "400",
        401 => "401",
        404 => "404",
        503 => "503",
        _ => status.ToString(CultureInfo.InvariantCulture),
    };
}
