using System.Net;
using System.Net.Sockets;

namespace Latchkey.Testing.Hosting;

/// <summary>Ports of 127.0.0.1. An issuer has its port in it, so the port must be known before the server listens.</summary>
internal static class FreePort
{
    // Below the range from which systems take the ports of outgoing connections, so that no socket sits on one between the choice and the start.
    private const int First = 15000;
    private const int Last = 32000;

    private static int _next = First + (int)((uint)Environment.ProcessId * 7919 % (Last - First));

    /// <summary>A port that nothing listens on; every call gives another.</summary>
    public static int Next()
    {
        for (var tries = 0; tries < Last - First; tries++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _next) % (Last - First));
            if (IsFree(port)) return port;
        }

        throw new InvalidOperationException("No port of 127.0.0.1 is free.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
