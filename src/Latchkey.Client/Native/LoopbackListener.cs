using System.Net;
using System.Net.Sockets;
using Latchkey.Protocol;

namespace Latchkey.Client.Native;

/// <summary>
/// Waits on a free loopback port for the one request that ends a sign-in (RFC 8252 section 7.3). Small on purpose: it reads a bounded head, knows one path
/// and one method, and listens no longer than until the answer is there. Any program and any web page on the machine can reach it, so everything else is turned
/// away without ending the wait.
/// </summary>
internal sealed class LoopbackListener : IDisposable
{
    // Browsers open connections on suspicion and leave them idle; one of those must not block the one that matters.
    private const int MaximumConnections = 16;

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(10);

    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _closed = new();
    private readonly SemaphoreSlim _connections = new(MaximumConnections, MaximumConnections);
    private readonly string _path;
    private readonly string _authority;
    private readonly TimeProvider _clock;

    /// <summary>Listens at once.</summary>
    /// <param name="path">The path of the redirect URI.</param>
    /// <param name="useIPv6">Whether on <c>[::1]</c>.</param>
    /// <param name="clock">The clock of the read time limit.</param>
    /// <exception cref="ArgumentException">The path is none.</exception>
    public LoopbackListener(string path, bool useIPv6, TimeProvider clock)
    {
        if (!path.StartsWith('/') || path.Any(character => character is <= ' ' or > '~' or '?' or '#'))
            throw new ArgumentException("The loopback path begins with a slash and has no query; use one such as /callback.", nameof(path));
        _path = path;
        _clock = clock;
        // The address itself, not "localhost": that may be another machine by a hosts file, and a firewall may ask (RFC 8252 section 8.3).
        _listener = new TcpListener(useIPv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback, 0) { ExclusiveAddressUse = true };
        _listener.Start();
        _authority = $"{(useIPv6 ? "[::1]" : "127.0.0.1")}:{((IPEndPoint)_listener.LocalEndpoint).Port}";
    }

    /// <summary>The redirect URI with the port that was free.</summary>
    public string RedirectUri => $"http://{_authority}{_path}";

    /// <summary>Waits for the answer.</summary>
    /// <param name="isAnswer">Tells the awaited answer from whatever else comes.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The answer, whose browser still waits for a page.</returns>
    public async Task<LoopbackArrival> WaitAsync(Func<Parameters, bool> isAnswer, CancellationToken cancellation)
    {
        using var until = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _closed.Token);
        var arrived = new TaskCompletionSource<LoopbackArrival>(TaskCreationOptions.RunContinuationsAsynchronously);
        var accepting = AcceptAsync(arrived, isAnswer, until.Token);
        try
        {
            return await arrived.Task.WaitAsync(until.Token).ConfigureAwait(false);
        }
        finally
        {
            await until.CancelAsync().ConfigureAwait(false);
            await accepting.ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        if (!_closed.IsCancellationRequested) _closed.Cancel();
    }

    private async Task AcceptAsync(TaskCompletionSource<LoopbackArrival> arrived, Func<Parameters, bool> isAnswer, CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            try
            {
                await _connections.WaitAsync(until).ConfigureAwait(false);
                var socket = await _listener.AcceptSocketAsync(until).ConfigureAwait(false);
                _ = ServeAsync(socket, arrived, isAnswer, until);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // One connection that broke while it was accepted; if it is the listener, nothing more will come.
                if (exception is ObjectDisposedException) return;
                _connections.Release();
            }
        }
    }

    private async Task ServeAsync(Socket socket, TaskCompletionSource<LoopbackArrival> arrived, Func<Parameters, bool> isAnswer, CancellationToken until)
    {
        var arrival = new LoopbackArrival(socket);
        var keep = false;
        try
        {
            using var timeout = new CancellationTokenSource(ReadTimeout, _clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, until);
            var page = await arrival.ReadAsync(_authority, _path, either.Token).ConfigureAwait(false);
            if (page is null)
            {
                if (isAnswer(arrival.Parameters)) keep = arrived.TrySetResult(arrival);
                if (!keep) page = SignInPage.Unknown;
            }

            if (page is not null) await arrival.AnswerAsync(page, either.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
        {
            // Whoever it was has gone, or took too long.
        }
        finally
        {
            if (!keep) arrival.Dispose();
            _connections.Release();
        }
    }
}
