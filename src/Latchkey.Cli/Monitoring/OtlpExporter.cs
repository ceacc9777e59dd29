using System.Diagnostics;
using System.Net.Http.Headers;
using System.Threading.Channels;

namespace Latchkey.Cli.Monitoring;

/// <summary>
/// Sends figures and traces to an OpenTelemetry collector, OTLP/HTTP in its JSON form. What can't be sent is dropped: the server never waits for its
/// collector, and never fills the memory for it.
/// </summary>
internal sealed partial class OtlpExporter : BackgroundService
{
    private const int MaximumSpans = 2048;
    private const int SpansOfOneRequest = 512;

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Uri _endpoint;
    private readonly OtlpJson _json;
    private readonly Measurements _measurements;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly Channel<Activity> _spans = Channel.CreateBounded<Activity>(new BoundedChannelOptions(MaximumSpans) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ActivityListener _listener;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ActivityHeadersPropagator = null }) { Timeout = Patience };
    private bool _failing;

    public OtlpExporter(Uri endpoint, string issuer, Measurements measurements, TimeProvider clock, ILogger<OtlpExporter> logger)
    {
        (_endpoint, _json, _measurements, _clock, _logger) = (endpoint, new OtlpJson(issuer), measurements, clock, logger);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Latchkey.Server",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => _spans.Writer.TryWrite(activity),
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public override void Dispose()
    {
        _listener.Dispose();
        _http.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false)) await SendAsync(stoppingToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What happened last is told too, if the collector is quick.
            await SendAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PostAsync("v1/metrics", _json.Metrics(_measurements, _clock.GetUtcNow()), cancellationToken).ConfigureAwait(false);
            var spans = new List<Activity>(SpansOfOneRequest);
            while (_spans.Reader.TryPeek(out _))
            {
                spans.Clear();
                while (spans.Count < SpansOfOneRequest && _spans.Reader.TryRead(out var span)) spans.Add(span);
                await PostAsync("v1/traces", _json.Traces(spans), cancellationToken).ConfigureAwait(false);
            }

            if (_failing) LogBack(_logger, _endpoint);
            _failing = false;
        }
        catch (Exception exception) when (exception is HttpRequestException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // One line for each time that it goes away, not for each try.
            if (!_failing) LogAway(_logger, _endpoint, exception.Message);
            _failing = true;
        }
    }

    private async Task PostAsync(string path, byte[] json, CancellationToken cancellationToken)
    {
        using var content = new ByteArrayContent(json) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var answer = await _http.PostAsync(new Uri(_endpoint, path), content, cancellationToken).ConfigureAwait(false);
        answer.EnsureSuccessStatusCode();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The collector at {Endpoint} takes no metrics or traces; they are dropped until it does. {Reason}")]
    private static partial void LogAway(ILogger logger, Uri endpoint, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The collector at {Endpoint} takes metrics and traces again")]
    private static partial void LogBack(ILogger logger, Uri endpoint);
}
