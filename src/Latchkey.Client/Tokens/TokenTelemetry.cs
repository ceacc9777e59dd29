using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Latchkey.Client.Tokens;

/// <summary>
/// What can be counted and traced of tokens, by the meter and the activity source <c>Latchkey.Client</c>. Never a token, a session or a person.
/// </summary>
internal static class TokenTelemetry
{
    public const string First = "first", Expiry = "expiry", Refused = "refused";

    private static readonly Meter Meter = new("Latchkey.Client");

    private static readonly ActivitySource Activities = new("Latchkey.Client");

    private static readonly Counter<long> Requests =
        Meter.CreateCounter<long>("latchkey.client.token_requests", "{request}", "Token requests to the provider, by grant, reason and OAuth error code.");

    private static readonly Counter<long> Hits =
        Meter.CreateCounter<long>("latchkey.client.token_hits", "{token}", "Calls that got a kept token without asking the provider.");

    private static readonly Counter<long> Refusals =
        Meter.CreateCounter<long>("latchkey.client.token_refusals", "{response}", "Answers with 401 to calls that carried a token.");

    private static readonly Histogram<double> Duration =
        Meter.CreateHistogram<double>("latchkey.client.token_request.duration", "s", "How long token requests took.");

    public static void Hit(in TokenKey key)
    {
        if (Hits.Enabled) Hits.Add(1, new("latchkey.client", key.ClientId), new("latchkey.issuer", key.Issuer));
    }

    public static void ApiRefused() => Refusals.Add(1);

    /// <summary>Counts and traces a request, whatever comes of it.</summary>
    public static async Task<TokenSet> RequestAsync(TokenKey key, string grant, string reason, Func<Task<TokenSet>> request)
    {
        using var activity = Activities.StartActivity("latchkey.token", ActivityKind.Client);
        activity?.SetTag("latchkey.client", key.ClientId).SetTag("latchkey.issuer", key.Issuer).SetTag("latchkey.grant", grant).SetTag("latchkey.reason", reason);
        var started = Stopwatch.GetTimestamp();
        var error = "";
        try
        {
            return await request().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            error = (exception as OAuthException)?.Error ?? exception.GetType().Name;
            activity?.SetStatus(ActivityStatusCode.Error).SetTag("error.type", error);
            throw;
        }
        finally
        {
            var tags = new TagList { { "latchkey.client", key.ClientId }, { "latchkey.issuer", key.Issuer }, { "latchkey.grant", grant }, { "latchkey.reason", reason } };
            if (error.Length > 0) tags.Add("error.type", error);
            Requests.Add(1, tags);
            Duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
        }
    }
}
