using System.Net.Sockets;
using System.Text;
using Latchkey.Protocol;

namespace Latchkey.Client.Native;

/// <summary>One request that came to the listener, and its connection as long as it waits for a page.</summary>
internal sealed class LoopbackArrival(Socket socket) : IDisposable
{
    // A signed answer (JARM) is a long query; a request of more than this is no sign-in.
    private const int MaximumHead = 32 * 1024;

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);

    /// <summary>What the query says.</summary>
    public Parameters Parameters { get; private set; } = Parameters.Parse("");

    /// <summary>Reads the head.</summary>
    /// <param name="authority">Host and port that were listened on.</param>
    /// <param name="path">The one path.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <returns>The page that turns it away; null if it may be the answer.</returns>
    public async Task<SignInPage?> ReadAsync(string authority, string path, CancellationToken cancellation)
    {
        if (await ReadHeadAsync(cancellation).ConfigureAwait(false) is not { } head) return SignInPage.BadRequest;
        var lines = head.Split("\r\n");
        if (lines[0].Split(' ') is not [var method, var target, "HTTP/1.1" or "HTTP/1.0"]) return SignInPage.BadRequest;
        // A page that points its own name at 127.0.0.1 gets this far and no further.
        var hosts = lines.Skip(1).Where(line => line.StartsWith("Host:", StringComparison.OrdinalIgnoreCase)).ToList();
        if (hosts.Count != 1 || hosts[0]["Host:".Length..].Trim() != authority) return SignInPage.BadRequest;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        if ((query < 0 ? target : target[..query]) != path) return SignInPage.NotFound;
        if (method != "GET") return SignInPage.MethodNotAllowed;
        Parameters = Parameters.Parse(query < 0 ? "" : target[(query + 1)..]);
        return null;
    }

    /// <summary>Answers and ends the connection. A browser that has gone is no failure: the sign-in does not depend on it.</summary>
    public async Task AnswerAsync(SignInPage page, CancellationToken cancellation)
    {
        try
        {
            await _stream.WriteAsync(page.Response, cancellation).ConfigureAwait(false);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // Nobody is there to read it.
        }

        Dispose();
    }

    public void Dispose() => _stream.Dispose();

    private async Task<string?> ReadHeadAsync(CancellationToken cancellation)
    {
        var buffer = new byte[4096];
        var length = 0;
        while (true)
        {
            var read = await _stream.ReadAsync(buffer.AsMemory(length), cancellation).ConfigureAwait(false);
            if (read == 0) return null;
            var seen = Math.Max(0, length - 3);
            length += read;
            var end = buffer.AsSpan(seen, length - seen).IndexOf("\r\n\r\n"u8);
            if (end >= 0) return Encoding.Latin1.GetString(buffer, 0, seen + end);
            if (length == MaximumHead) return null;
            if (length == buffer.Length) Array.Resize(ref buffer, Math.Min(buffer.Length * 2, MaximumHead));
        }
    }
}
