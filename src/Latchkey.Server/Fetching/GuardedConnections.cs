using System.Net;
using System.Net.Sockets;
using Latchkey.Protocol;

namespace Latchkey.Server.Fetching;

/// <summary>Looks up the addresses of a host name.</summary>
/// <param name="host">The name, or an address as text.</param>
/// <param name="cancellation">Ends the wait.</param>
internal delegate Task<IPAddress[]> ResolveHost(string host, CancellationToken cancellation);

/// <summary>
/// Makes connections of the server's own to hosts that somebody else named. The name is looked up once, every address is judged, and the connection
/// goes to the very address that was judged: a name that answers differently the second time gains nothing. No proxy of the environment is used,
/// since it would look the name up once more. Redirects are not followed, cookies are not kept, nothing is decompressed.
/// </summary>
internal static class GuardedConnections
{
    // A name may have any number of addresses; nobody is called on more than a few of them.
    private const int MostAddresses = 4;

    /// <summary>Why a host was not connected to; the same whether it has no address or none that may be reached, so that nobody can explore a network.</summary>
    public const string NotReachable = "has no host with an address of the public Internet";

    /// <summary>Whether the URL itself may be asked for, before any name is looked up.</summary>
    /// <returns>What is wrong with it, as the end of a sentence; null if nothing is.</returns>
    public static string? Fault(string url, Reach reach)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || url.Any(character => character is <= ' ' or > '~' or '\\')) return "is not an absolute URL";
        if (uri.Scheme is not ("https" or "http")) return "is not an https URL";
        if (uri.UserInfo.Length > 0) return "has user information in it";
        if (uri.Host.Length == 0) return "has no host";
        if (uri.Scheme == "https" || (reach != Reach.Public && IsLoopback(url))) return null;
        return reach == Reach.Public ? "is not an https URL" : "is not an https URL, nor an http URL on this computer";
    }

    /// <summary>Whether the URL names this computer in one of the three plain ways.</summary>
    public static bool IsLoopback(string url) =>
        RedirectUri.IsLoopback(url.StartsWith("https://", StringComparison.Ordinal) ? string.Concat("http", url.AsSpan("https".Length)) : url);

    /// <summary>A handler whose connections keep to a reach.</summary>
    /// <param name="reach">Where they may go. Handlers are never shared between reaches: a kept connection was judged by one of them.</param>
    /// <param name="resolve">How names are looked up.</param>
    /// <param name="permit">Asked before a connection is made to an address for a request; may refuse.</param>
    public static SocketsHttpHandler CreateHandler(Reach reach, ResolveHost resolve, Func<HttpRequestMessage, IPAddress, bool>? permit = null) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        MaxResponseHeadersLength = 16, // KB
        MaxResponseDrainSize = 0, // what is too long is not read to its end to keep a connection
        MaxConnectionsPerServer = 8,
        PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
        ConnectCallback = (context, cancellation) => ConnectAsync(context, reach, resolve, permit, cancellation),
    };

    /// <summary>The system's name service. The wait ends with the token even where the service itself can't be hurried.</summary>
    public static Task<IPAddress[]> ResolveBySystemAsync(string host, CancellationToken cancellation) =>
        Dns.GetHostAddressesAsync(host, cancellation).WaitAsync(cancellation);

    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, Reach reach, ResolveHost resolve, Func<HttpRequestMessage, IPAddress, bool>? permit, CancellationToken cancellation)
    {
        var loopback = reach == Reach.PublicOrLoopback && context.InitialRequestMessage.RequestUri is { } asked && IsLoopback(asked.OriginalString);
        var addresses = await resolve(context.DnsEndPoint.Host, cancellation).ConfigureAwait(false);
        Exception? last = null;
        foreach (var address in addresses.Where(address => MayReach(address, reach, loopback)).Take(MostAddresses))
        {
            if (permit?.Invoke(context.InitialRequestMessage, address) == false) continue;
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, context.DnsEndPoint.Port), cancellation).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException exception)
            {
                socket.Dispose();
                last = exception;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last is null ? new HostNotReachableException() : new HttpRequestException(HttpRequestError.ConnectionError, null, last);
    }

    private static bool MayReach(IPAddress address, Reach reach, bool loopback) =>
        reach == Reach.Declared || (loopback ? IPAddress.IsLoopback(address) && !address.IsIPv4MappedToIPv6 : PublicAddresses.Contains(address));
}

/// <summary>A host has no address that may be connected to.</summary>
internal sealed class HostNotReachableException() : IOException(GuardedConnections.NotReachable);
