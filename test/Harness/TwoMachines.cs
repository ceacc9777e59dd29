using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Latchkey.Tests.Harness;

/// <summary>
/// Two machines joined by a cable that can be pulled: network namespaces and a pair of virtual interfaces. What runs on one of them has its own loopback
/// and reaches the other by its address. Making them takes root, as in a container.
/// </summary>
public sealed class TwoMachines : IAsyncDisposable
{
    private static int _made;

    private TwoMachines(Machine a, Machine b) => (A, B) = (a, b);

    public Machine A { get; }

    public Machine B { get; }

    /// <summary>Makes them, and joins them.</summary>
    public static async Task<TwoMachines> CreateAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"lk{Environment.ProcessId}n{Interlocked.Increment(ref _made)}");
        var machines = new TwoMachines(new(name + "a", "10.0.0.1"), new(name + "b", "10.0.0.2"));
        try
        {
            foreach (var machine in (Machine[])[machines.A, machines.B])
            {
                await IpAsync("netns", "add", machine.Name);
                await IpAsync("-n", machine.Name, "link", "set", "lo", "up");
            }

            await IpAsync("link", "add", "cable", "netns", machines.A.Name, "type", "veth", "peer", "name", "cable", "netns", machines.B.Name);
            foreach (var machine in (Machine[])[machines.A, machines.B])
            {
                await IpAsync("-n", machine.Name, "address", "add", machine.Address + "/24", "dev", "cable");
                await IpAsync("-n", machine.Name, "link", "set", "cable", "up");
            }

            return machines;
        }
        catch
        {
            await machines.DisposeAsync();
            throw;
        }
    }

    /// <summary>Pulls the cable: nobody is told, packets just don't arrive.</summary>
    public Task CutAsync() => IpAsync("-n", A.Name, "link", "set", "cable", "down");

    public async ValueTask DisposeAsync()
    {
        foreach (var machine in (Machine[])[A, B])
        {
            await machine.DisposeAsync();
            if (File.Exists(machine.File)) await IpAsync("netns", "delete", machine.Name);
        }
    }

    private static async Task IpAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"This test needs two networks: run it as root with the right to make them (in a container: --cap-add SYS_ADMIN --cap-add NET_ADMIN). ip said: {errors.Trim()}");
    }
}

/// <summary>One of the two.</summary>
/// <param name="name">The network namespace.</param>
/// <param name="address">Its address on the cable.</param>
public sealed class Machine(string name, string address) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<TcpListener> _listeners = [];

    public string Name => name;

    /// <summary>Its address on the cable.</summary>
    public string Address => address;

    internal string File => "/var/run/netns/" + name;

    /// <summary>
    /// Opens a port of 127.0.0.1 here for who stands beside that machine: a connection to it goes on from there to an address that the machine sees.
    /// </summary>
    /// <returns>The port.</returns>
    public int Open(string host, int port)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        lock (_listeners) _listeners.Add(listener);
        _ = AcceptAsync(listener, new IPEndPoint(IPAddress.Parse(host), port));
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var listener in _listeners) listener.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener, IPEndPoint target)
    {
        try
        {
            while (true) _ = PassAsync(await listener.AcceptSocketAsync(_stop.Token), target);
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It is over.
        }
    }

    private async Task PassAsync(Socket near, IPEndPoint target)
    {
        using (near)
        using (var far = CreateSocket())
        {
            try
            {
                near.NoDelay = far.NoDelay = true;
                await far.ConnectAsync(target, _stop.Token);
                using var over = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                await Task.WhenAny(CopyAsync(near, far, over.Token), CopyAsync(far, near, over.Token));
                await over.CancelAsync();
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // So is the connection.
            }
        }
    }

    private static async Task CopyAsync(Socket from, Socket to, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, cancellation)) > 0)
                for (var sent = 0; sent < read;) sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), cancellation);
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The other side hears of it by its own end.
        }
    }

    /// <summary>A socket belongs to the network of the thread that makes it, whoever uses it later.</summary>
    private Socket CreateSocket()
    {
        Socket? socket = null;
        var error = 0;
        var thread = new Thread(() =>
        {
            using var space = System.IO.File.OpenHandle(File);
            if (SetNamespace(space.DangerousGetHandle().ToInt32(), 0) != 0) error = Marshal.GetLastPInvokeError();
            else socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        });
        thread.Start();
        thread.Join();
        return socket ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The network of {name} can't be entered (errno {error})."));
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetNamespace(int descriptor, int kind);
}
