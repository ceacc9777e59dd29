using System.Net;

namespace Latchkey.Server.Tests.Device;

/// <summary>What tests of devices have in common.</summary>
internal static class DevicePages
{
    /// <summary>What a device was given.</summary>
    public sealed record Started(string DeviceCode, string UserCode, string Complete);

    /// <summary>A device asks.</summary>
    public static async Task<Started> StartAsync(this OAuthClient client, string scope = "openid profile api:read", params IEnumerable<(string Name, string? Value)> changes)
    {
        var answer = (await client.DeviceAsync(scope, changes)).Expect(HttpStatusCode.OK);
        return new(answer["device_code"]!, answer["user_code"]!, answer["verification_uri_complete"]!);
    }

    /// <summary>A person opens the link, signs in where asked, and stands before the question.</summary>
    public static async Task<Stop> OpenAsync(this PageWalker browser, Started started)
    {
        var stop = await browser.GetAsync(started.Complete);
        if (stop.Has("password")) stop = await browser.SignInAsync(stop);
        return stop.Has("decision", "allow") ? stop : throw new InvalidOperationException($"No question at {stop}");
    }

    /// <summary>The whole way of a person.</summary>
    public static async Task<Stop> DecideAsync(this PageWalker browser, Started started, string decision = "allow") =>
        await browser.SubmitAsync(await browser.OpenAsync(started), ("decision", decision));
}
