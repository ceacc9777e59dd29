using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Latchkey.Tests.Harness;

/// <summary>
/// Hands out ports of 127.0.0.1 that are free. They lie below the range from which the kernel takes the ports of outgoing connections,
/// so that no client socket sits on one between the choice and the start of the server.
/// </summary>
public static class LoopbackPorts
{
    private const int First = 15000;
    private const int Last = 32000;

    private static int _next = RandomNumberGenerator.GetInt32(First, Last);

    /// <summary>A port that nothing listens on; every call gives another.</summary>
    public static int Next()
    {
        for (var tries = 0; tries < Last - First; tries++)
        {
            var port = First + (Interlocked.Increment(ref _next) - First) % (Last - First);
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
