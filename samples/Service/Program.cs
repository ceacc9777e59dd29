// A service that calls another service's API in its own name: client_credentials (RFC 6749 section 4.4).
using System.Net;
using System.Text.Json;
using Latchkey.Samples;
using Latchkey.Samples.Service;

var flags = new Flags(
    args,
    "service --issuer URL --client-id ID --client-secret SECRET --scope SCOPE --call URL [--times N] [--parallel M]",
    "issuer", "client-id", "client-secret", "scope", "call", "times", "parallel");
var (url, times, parallel) = (flags.Get("call"), flags.Number("times", 1), flags.Number("parallel", 1));
using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };
var tokens = new TokenCache(http, TimeProvider.System, flags.Get("issuer"), flags.Get("client-id"), flags.Get("client-secret"), flags.Get("scope"));

var failed = 0;
await Parallel.ForEachAsync(Enumerable.Range(1, times), new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (number, cancellation) =>
{
    try
    {
        Print(new { call = number, status = (int)await CallAsync(cancellation) });
    }
    catch (Exception exception) when (exception is OAuthException or HttpRequestException or TaskCanceledException)
    {
        Interlocked.Increment(ref failed);
        Print(new { call = number, error = (exception as OAuthException)?.Code ?? "unreachable" });
        Console.Error.WriteLine(exception.Message);
    }
});
Print(new { calls = times, token_requests = tokens.Requests });
return failed == 0 ? 0 : 1;

async Task<HttpStatusCode> CallAsync(CancellationToken cancellation)
{
    var token = await tokens.GetAsync();
    var status = await SendAsync(token, cancellation);
    // A token can die before its time. One new one, once: if that is refused too, the refusal stands.
    return status == HttpStatusCode.Unauthorized ? await SendAsync(await tokens.GetAsync(refused: token), cancellation) : status;
}

async Task<HttpStatusCode> SendAsync(string token, CancellationToken cancellation)
{
    using var request = new HttpRequestMessage(HttpMethod.Get, url);
    request.Headers.Authorization = new("Bearer", token);
    using var response = await http.SendAsync(request, cancellation);
    return response.StatusCode;
}

static void Print<T>(T line) => Console.WriteLine(JsonSerializer.Serialize(line));
