// A terminal program that signs a person in on another device: the device authorization grant (RFC 8628).
using System.Text.Json;
using Latchkey.Samples;

var flags = new Flags(args, "device --issuer URL --client-id ID --scope SCOPE", "issuer", "client-id", "client-secret", "scope");
var (clientId, clientSecret) = (flags.Get("client-id"), flags.Find("client-secret"));
var clock = TimeProvider.System;
using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(30) };

try
{
    var provider = await Provider.DiscoverAsync(http, flags.Get("issuer"));
    var start = await provider.PostAsync(http, "device_authorization_endpoint", clientId, clientSecret, new() { ["scope"] = flags.Get("scope") });
    Console.WriteLine($"Visit {start.Text("verification_uri")} and enter code: {start.Text("user_code")}");
    if (start.Text("verification_uri_complete") is { } complete) Console.WriteLine($"Or open {complete} and compare the code.");

    var tokens = await WaitAsync(provider, start);
    Console.WriteLine(await UserInfoAsync(provider, tokens));
    return 0;
}
catch (OAuthException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
catch (HttpRequestException exception)
{
    Console.Error.WriteLine($"unreachable: {exception.Message}");
    return 1;
}

async Task<JsonElement> WaitAsync(Provider provider, JsonElement start)
{
    var interval = TimeSpan.FromSeconds(start.Number("interval") ?? 5);
    var pause = interval;
    var end = clock.GetUtcNow().AddSeconds(start.Number("expires_in") ?? 600);
    while (clock.GetUtcNow() + pause < end)
    {
        await Task.Delay(pause, clock);
        try
        {
            return await provider.PostAsync(http, "token_endpoint", clientId, clientSecret, new()
            {
                ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code",
                ["device_code"] = start.Text("device_code")!,
            });
        }
        catch (OAuthException exception) when (exception.Code == "authorization_pending")
        {
            pause = interval;
        }
        catch (OAuthException exception) when (exception.Code == "slow_down")
        {
            // From now on, not just once (RFC 8628 section 3.5).
            pause = interval += TimeSpan.FromSeconds(5);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException
            or OAuthException { Code: "temporarily_unavailable" or "server_error" })
        {
            // Somebody who can't answer is not helped by being asked as often.
            pause *= 2;
        }
    }

    throw new OAuthException("expired_token", "Nobody entered the code in time.");
}

async Task<JsonElement> UserInfoAsync(Provider provider, JsonElement tokens)
{
    using var request = new HttpRequestMessage(HttpMethod.Get, provider.Endpoint("userinfo_endpoint"));
    request.Headers.Authorization = new("Bearer", tokens.Text("access_token"));
    using var response = await http.SendAsync(request);
    var user = await response.ReadJsonAsync();
    return response.IsSuccessStatusCode ? user : throw OAuthException.From(response, user);
}
