// A service that calls another service's API in its own name: client_credentials (RFC 6749 section 4.4).
using System.Diagnostics.Metrics;
using System.Text.Json;
using Latchkey.Client;
using Latchkey.Client.Tokens;
using Latchkey.Samples;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

var flags = new Flags(
    args,
    "service --issuer URL --client-id ID --client-secret SECRET --scope SCOPE --call URL [--times N] [--parallel M]",
    "issuer", "client-id", "client-secret", "scope", "call", "times", "parallel");
var (url, times, parallel) = (flags.Get("call"), flags.Number("times", 1), flags.Number("parallel", 1));

// The two lines that a service needs; whoever asks for the HTTP client "api" never sees a token.
var services = new ServiceCollection();
services.AddLatchkeyClient("provider", options =>
{
    options.Issuer = flags.Get("issuer");
    options.ClientId = flags.Get("client-id");
    options.Credential = ClientCredential.Secret(flags.Get("client-secret"));
    options.Scope = flags.Get("scope");
});
services.AddHttpClient("api").AddMachineToken("provider");

var tokenRequests = 0L;
using var meter = new MeterListener
{
    InstrumentPublished = (instrument, listener) =>
    {
        if (instrument.Name == "latchkey.client.token_requests") listener.EnableMeasurementEvents(instrument);
    },
};
meter.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref tokenRequests, count));
meter.Start();

var failed = 0;
try
{
    await using var provider = services.BuildServiceProvider();
    var api = provider.GetRequiredService<IHttpClientFactory>().CreateClient("api");
    await Parallel.ForEachAsync(Enumerable.Range(1, times), new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (number, cancellation) =>
    {
        try
        {
            using var response = await api.GetAsync(url, cancellation);
            Print(new { call = number, status = (int)response.StatusCode });
        }
        catch (Exception exception) when (exception is TokenUnavailableException or HttpRequestException or TaskCanceledException)
        {
            Interlocked.Increment(ref failed);
            Print(new { call = number, error = (exception as TokenUnavailableException)?.Error ?? "unreachable" });
            Console.Error.WriteLine(exception.Message);
        }
    });
}
catch (OptionsValidationException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 2;
}

Print(new { calls = times, token_requests = tokenRequests });
return failed == 0 ? 0 : 1;

static void Print<T>(T line) => Console.WriteLine(JsonSerializer.Serialize(line));
