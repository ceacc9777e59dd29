using System.Net;
using System.Text.Json;
using Latchkey.Server.Backchannel;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Logout;

/// <summary>
/// Sends what waits in the outbox: logout tokens (OpenID Connect Back-Channel Logout section 2.5) and pings (CIBA Core section 10.2). A message is leased, not removed, before it is sent: if
/// this process dies meanwhile, it comes up again. Clients wait for nobody: each has its share of what is sent at once, and one that is away
/// is tried again later and later, for a day.
/// </summary>
internal sealed partial class BackchannelLogoutSender(
    Database database, ConfigurationSource configuration, ServerOptions options, LogoutSignal signal, TimeProvider clock, ILogger<BackchannelLogoutSender> logger)
    : BackgroundService
{
    private const int AtOnce = 16;
    private const int AtOnceToOneClient = 2;

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromHours(24);

    // Seconds until the next try, by how many have failed; the last repeats.
    private static readonly int[] Delays = [2, 5, 15, 60, 300, 1800, 3600];

    private const int LongestDeferral = 15;

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        // A redirect could lead anywhere, and cookies have no business here.
        AllowAutoRedirect = false,
        UseCookies = false,
        ConnectTimeout = SendTimeout,
        MaxResponseHeadersLength = 16,
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
    })
    {
        Timeout = Timeout.InfiniteTimeSpan, // each request has its own limit, by our clock
    };

    // Only the loop below touches these.
    private readonly Dictionary<Task, string> _sending = [];

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var pause = await StartDueAsync().ConfigureAwait(false);
                await signal.WaitAsync(pause, clock, stoppingToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
#pragma warning disable CA1031 // a fault in one round must not end the server; the next one comes
            catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
            {
                if (!stoppingToken.IsCancellationRequested) LogUnavailable(logger, exception);
                await Task.Delay(PollInterval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        // What is on its way is let finish, so that it need not be sent twice; it takes seconds at most.
        await Task.WhenAll(_sending.Keys).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _http.Dispose();
        base.Dispose();
    }

    /// <summary>Starts sending what is due.</summary>
    /// <returns>How long nothing else will be due, unless the signal is raised.</returns>
    private async Task<TimeSpan> StartDueAsync()
    {
        while (true)
        {
            foreach (var done in _sending.Keys.Where(task => task.IsCompleted).ToList()) _sending.Remove(done);
            var free = AtOnce - _sending.Count;
            if (free == 0) return PollInterval; // whichever finishes raises the signal

            var now = Now;
            var next = await database.ReadAsync(Outbox.NextAsync).ConfigureAwait(false);
            if (next is null || next - now > PollInterval.TotalMilliseconds) return PollInterval;
            if (next > now) return TimeSpan.FromMilliseconds(next.Value - now);

            var leasedUntil = now + (long)Lease.TotalMilliseconds;
            var due = await database.WriteAsync(sql => Outbox.TakeAsync(sql, now, leasedUntil, free)).ConfigureAwait(false);
            foreach (var message in due)
            {
                if (_sending.Values.Count(client => client == message.ClientId) < AtOnceToOneClient)
                    _sending.Add(SendAndSettleAsync(message), message.ClientId);
                else
                    await WriteAsync(sql => Outbox.DeferAsync(sql, message.Id, now + 1000)).ConfigureAwait(false);
            }
        }
    }

    private async Task SendAndSettleAsync(OutboxMessage message)
    {
        // Off the loop: the next message must not wait for this one's first synchronous steps.
        await Task.Yield();
        try
        {
            if (message.Kind == Outbox.BackchannelPing)
            {
                await PingAsync(message).ConfigureAwait(false);
                return;
            }

            var ended = JsonSerializer.Deserialize(message.Payload, LogoutJson.Default.LogoutEndedSession)!;
            var outcome = await SendAsync(ended).ConfigureAwait(false);
            await SettleAsync(message, ended, outcome).ConfigureAwait(false);
            signal.NoteTried(ended.Sid);
        }
#pragma warning disable CA1031 // the lease runs out and the message comes up again
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailure(logger, message.ClientId, exception);
        }
        finally
        {
            signal.Raise();
        }
    }

    private async Task<Outcome> SendAsync(LogoutEndedSession ended)
    {
        var current = configuration.Current;
        if (current.FindClient(ended.ClientId) is not { } client) return new(false, false, "The client no longer exists.");
        if (client.Metadata.BackchannelLogoutUri is not { } uri) return new(false, false, "The client no longer has a backchannel_logout_uri.");
        if (!BackchannelLogout.MaySendTo(uri)) return new(false, false, "The backchannel_logout_uri is neither https nor http on this machine.");

        var token = BackchannelLogout.Issue(ended, client, current, options.Issuer, Now);
        using var request = new HttpRequestMessage(HttpMethod.Post, uri) { Content = new FormUrlEncodedContent([new("logout_token", token)]) };
        return await PostAsync(request).ConfigureAwait(false);
    }

    private async Task<Outcome> PostAsync(HttpRequestMessage request)
    {
        using var limit = new CancellationTokenSource(SendTimeout, clock);
        try
        {
            // The body of the answer says nothing that counts, so it is not read.
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            var status = (int)response.StatusCode;
            return new(response.IsSuccessStatusCode, IsPassing(response.StatusCode), $"The client answered {status}.");
        }
        catch (OperationCanceledException)
        {
            return new(false, true, $"The client did not answer within {SendTimeout.TotalSeconds:0} seconds.");
        }
        catch (HttpRequestException exception)
        {
            return new(false, true, $"The client could not be reached: {exception.HttpRequestError}.");
        }
    }

    /// <summary>Tells a client that a person has decided. Once the request is over it need not know.</summary>
    private async Task PingAsync(OutboxMessage message)
    {
        var ping = JsonSerializer.Deserialize(message.Payload, BackchannelJson.Default.BackchannelPing)!;
        var outcome = await SendAsync(ping).ConfigureAwait(false);
        await SettleAsync(message, null, ping.Sub, AuditEvents.PingDelivered, AuditEvents.PingFailed, ping.ExpiresAt, outcome).ConfigureAwait(false);
    }

    private async Task<Outcome> SendAsync(BackchannelPing ping)
    {
        var current = configuration.Current;
        if (current.FindClient(ping.ClientId) is not { } client) return new(false, false, "The client no longer exists.");
        if (client.Metadata.BackchannelClientNotificationEndpoint is not { } uri || !BackchannelLogout.MaySendTo(uri))
            return new(false, false, "The client has no backchannel_client_notification_endpoint that is https, or http on this machine.");
        if (BackchannelNotification.Open(current.Keys, ping.Notification) is not { } notification) return new(false, false, "The key that the ping was encrypted with is gone.");

        using var request = new HttpRequestMessage(HttpMethod.Post, uri)
        {
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new BackchannelPingBody(notification.RequestId), BackchannelJson.Default.BackchannelPingBody)),
        };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Authorization = new("Bearer", notification.Token);
        return await PostAsync(request).ConfigureAwait(false);
    }

    private Task SettleAsync(OutboxMessage message, LogoutEndedSession ended, Outcome outcome) => SettleAsync(
        message, ended.Sid, ended.Sub, AuditEvents.LogoutDelivered, AuditEvents.LogoutFailed, message.CreatedAt + (long)GiveUpAfter.TotalMilliseconds, outcome);

    private async Task SettleAsync(OutboxMessage message, string? sid, string subject, string delivered, string failed, long giveUpAt, Outcome outcome)
    {
        var now = Now;
        var failures = message.Attempts + 1;
        var delay = Delays[Math.Min(message.Attempts, Delays.Length - 1)];
        var until = now + delay * 1000L;
        var again = outcome is { Delivered: false, MayPass: true } && until < giveUpAt;
        var detail = new LogoutDelivery(sid, failures, outcome.Reason, again ? until : null);
        var audit = new AuditEvent
        {
            At = now,
            Event = outcome.Delivered ? delivered : failed,
            Outcome = outcome.Delivered ? AuditOutcomes.Success : AuditOutcomes.Failed,
            Actor = "server",
            Subject = subject,
            ClientId = message.ClientId,
            Detail = JsonSerializer.Serialize(detail, LogoutJson.Default.LogoutDelivery),
        };
        await WriteAsync(async sql =>
        {
            if (again)
            {
                await Outbox.PostponeAsync(sql, message.Id, until).ConfigureAwait(false);
                // What else waits for this client would fare no better now; but a young message does not wait as long as an old one.
                await Outbox.DeferClientAsync(sql, message.ClientId, now + Math.Min(delay, LongestDeferral) * 1000L).ConfigureAwait(false);
            }
            else
            {
                await Outbox.DeleteAsync(sql, message.Id).ConfigureAwait(false);
            }

            // The first failure and the end of it are told, not every try between.
            if (!again || message.Attempts == 0) await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
        }).ConfigureAwait(false);
        if (!outcome.Delivered) LogUndelivered(logger, message.ClientId, failures, outcome.Reason, again ? "tried again" : "given up");
    }

    private async ValueTask WriteAsync(Func<SqlSession, ValueTask> write) => await database.WriteAsync(async sql =>
    {
        await write(sql).ConfigureAwait(false);
        return true;
    }).ConfigureAwait(false);

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    // 404 is what some gateways answer while an app is being replaced. Other refusals are about the token and would be the same next time.
    private static bool IsPassing(HttpStatusCode status) =>
        (int)status >= 500 || status is HttpStatusCode.NotFound or HttpStatusCode.RequestTimeout or (HttpStatusCode)425 or HttpStatusCode.TooManyRequests;

    [LoggerMessage(Level = LogLevel.Warning, Message = "A logout token or ping for client {ClientId} was not delivered at try {Try}: {Reason} It is {Next}.")]
    private static partial void LogUndelivered(ILogger logger, string clientId, int @try, string reason, string next);

    [LoggerMessage(Level = LogLevel.Error, Message = "Sending a logout token or ping to client {ClientId} failed; it is tried again")]
    private static partial void LogFailure(ILogger logger, string clientId, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Logout tokens and pings can't be sent while the database is away")]
    private static partial void LogUnavailable(ILogger logger, Exception exception);

    /// <param name="Delivered">Whether the client has taken the token.</param>
    /// <param name="MayPass">If not, whether trying again can help.</param>
    /// <param name="Reason">What happened, as a sentence.</param>
    private sealed record Outcome(bool Delivered, bool MayPass, string Reason);
}
