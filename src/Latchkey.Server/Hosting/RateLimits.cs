using System.Globalization;
using System.Net.Sockets;
using Latchkey.Protocol;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Hosting;

/// <summary>
/// How often may be guessed. Only guesses are counted, never what succeeds: no number of good requests is ever refused.
/// </summary>
internal sealed class RateLimits(TimeProvider clock)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// <summary>Wrong passwords for one name from one place.</summary>
    public RateLimiter Login { get; } = new(20, Minute, clock);

    /// <summary>Wrong user codes from one place.</summary>
    public RateLimiter UserCode { get; } = new(10, Minute, clock);

    /// <summary>Wrong user codes of people who are not signed in, from everywhere together.</summary>
    public RateLimiter UserCodeAnywhere { get; } = new(100, Minute, clock);

    /// <summary>Where a request comes from, as one guesser: an address, or the network of one IPv6 customer.</summary>
    public static string Source(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        if (address is { IsIPv4MappedToIPv6: true }) address = address.MapToIPv4();
        return address is { AddressFamily: AddressFamily.InterNetworkV6 }
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))
            : address?.ToString() ?? "";
    }

    /// <summary>The answer to who guesses too often; sets <c>Retry-After</c>.</summary>
    public static OAuthError Refuse(HttpContext context, TimeSpan retryAfter)
    {
        context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return new("temporarily_unavailable", "There were too many failed attempts from this address; wait as long as Retry-After says.", StatusCodes.Status429TooManyRequests);
    }
}
