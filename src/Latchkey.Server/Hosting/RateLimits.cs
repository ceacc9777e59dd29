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

    // Wrong passwords for one name from one place, and for all names from there.
    private readonly RateLimiter _name = new(20, Minute, clock);
    private readonly RateLimiter _names = new(200, Minute, clock);

    /// <summary>Wrong secrets of clients from one place: enough for any number of clients that are set up wrongly, not for guessing.</summary>
    public RateLimiter ClientSecret { get; } = new(600, Minute, clock);

    /// <summary>Metadata documents of clients that one place had the server ask for in vain.</summary>
    public RateLimiter ClientDocument { get; } = new(60, Minute, clock);

    /// <summary>Clients that were registered from one place: every one counts, since a row stays.</summary>
    public RateLimiter Registration { get; } = new(100, TimeSpan.FromMinutes(10), clock);

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

    /// <summary>Takes a permit to try a password.</summary>
    public bool TryTakeSignIn(HttpContext context, string username, out TimeSpan retryAfter)
    {
        var (source, key) = SignIn(context, username);
        if (!_names.TryTake(source, out retryAfter)) return false;
        if (_name.TryTake(key, out retryAfter)) return true;
        _names.GiveBack(source);
        return false;
    }

    /// <summary>Gives the permit back: the password was right.</summary>
    public void GiveBackSignIn(HttpContext context, string username)
    {
        var (source, key) = SignIn(context, username);
        _names.GiveBack(source);
        _name.GiveBack(key);
    }

    /// <summary>The answer to who guesses too often; sets <c>Retry-After</c>.</summary>
    public static OAuthError Refuse(HttpContext context, TimeSpan retryAfter)
    {
        context.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        return new("temporarily_unavailable", "There were too many failed attempts from this address; wait as long as Retry-After says.", StatusCodes.Status429TooManyRequests);
    }

    private static (string Source, string Name) SignIn(HttpContext context, string username)
    {
        var source = Source(context);
        return (source, $"{source} {username.Trim().ToUpperInvariant()}");
    }
}
