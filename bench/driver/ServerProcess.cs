using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Latchkey.Bench;

/// <summary>The server as its own process, on a free port of loopback, and what /proc says of it.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const double MicrosecondsPerTick = 1e6 / 100; // USER_HZ

    private readonly Process _process;

    private ServerProcess(Process process, string issuer, double readyAfter)
    {
        _process = process;
        Issuer = issuer;
        ReadyAfter = readyAfter;
    }

    public string Issuer { get; }

    /// <summary>Milliseconds from the start of the process to the first 200 of /healthz/ready.</summary>
    public double ReadyAfter { get; }

    /// <summary>User and system time so far, in microseconds.</summary>
    public double Cpu
    {
        get
        {
            var stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            // The name stands in parentheses and may hold anything.
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * MicrosecondsPerTick;
        }
    }

    /// <summary>Resident memory in MiB.</summary>
    public double ResidentMemory
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        }
    }

    public static async Task<ServerProcess> StartAsync(string program, string data, string state)
    {
        var issuer = $"http://127.0.0.1:{FreePort()}";
        using var http = new HttpClient();
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true };
        foreach (var argument in new[] { "serve", "--issuer", issuer, "--data", data, "--config", state, "--log-level", "warning" }) start.ArgumentList.Add(argument);
        var clock = Stopwatch.StartNew();
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        while (clock.Elapsed < TimeSpan.FromSeconds(30) && !process.HasExited)
        {
            try
            {
                using var response = await http.GetAsync($"{issuer}/healthz/ready");
                if (response.IsSuccessStatusCode) return new ServerProcess(process, issuer, clock.Elapsed.TotalMilliseconds);
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            await Task.Delay(2);
        }

        if (!process.HasExited) process.Kill();
        throw new InvalidOperationException("The server did not start.");
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
