using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Latchkey.Reliability.Tests.HostileInput;

/// <summary>A TCP connection that says whatever bytes it is given and tells what came back.</summary>
internal static partial class RawConnection
{
    /// <summary>The longest that a server may keep somebody waiting who has said all.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    /// <summary>After this long without an answer the caller hangs up: what it said was no whole request, as it seems.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(700);

    /// <summary>Says something and listens until the server has answered and fallen silent, or hangs up.</summary>
    /// <param name="port">The server's port.</param>
    /// <param name="parts">What to say; a pause is made between the parts.</param>
    /// <returns>The status codes of the answers; empty if the server just hung up.</returns>
    /// <exception cref="TimeoutException">The server did not end the connection after its caller had hung up.</exception>
    public static async Task<IReadOnlyList<int>> TalkAsync(int port, params IReadOnlyList<byte[]> parts)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        var heard = new List<byte>();
        using var over = new CancellationTokenSource();
        var listening = ListenAsync(socket, heard, over.Token);
        try
        {
            for (var i = 0; i < parts.Count; i++)
            {
                if (i > 0) await Task.Delay(TimeSpan.FromMilliseconds(20));
                await socket.SendAsync(parts[i]);
            }

            await Task.WhenAny(listening, UntilSilentAsync(heard));
            if (!listening.IsCompleted) socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The server would not hear the rest: its right.
        }

        if (await Task.WhenAny(listening, Task.Delay(Deadline)) != listening)
        {
            await over.CancelAsync();
            throw new TimeoutException($"The server keeps the connection of a caller who hung up, for {Deadline.TotalSeconds} s now.");
        }

        lock (heard) return Statuses(heard);
    }

    private static List<int> Statuses(List<byte> heard) =>
        [.. Status().Matches(Encoding.Latin1.GetString([.. heard])).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    private static async Task UntilSilentAsync(List<byte> heard)
    {
        var begun = TimeProvider.System.GetTimestamp();
        var before = 0;
        while (true)
        {
            await Task.Delay(before == 0 ? Patience / 50 : Patience / 10);
            int now;
            lock (heard) now = heard.Count;
            if (now == before && (now > 0 || TimeProvider.System.GetElapsedTime(begun) > Patience)) return;
            before = now;
        }
    }

    private static async Task ListenAsync(Socket socket, List<byte> heard, CancellationToken over)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, over) is var count and > 0)
            {
                lock (heard) heard.AddRange(buffer.AsSpan(0, count));
            }
        }
        catch (SocketException)
        {
            // Reset: it hung up.
        }
        catch (OperationCanceledException)
        {
            // The caller gave up.
        }
    }

    [GeneratedRegex(@"HTTP/1\.[01] (\d{3}) ")]
    private static partial Regex Status();
}
