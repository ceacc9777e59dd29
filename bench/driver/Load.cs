using System.Diagnostics;

namespace Latchkey.Bench;

/// <summary>What a stretch of load showed.</summary>
/// <param name="Answers">How many good answers.</param>
/// <param name="Errors">How many others.</param>
/// <param name="PerSecond">Good answers a second.</param>
/// <param name="Cpu">Microseconds of the server's processors for each.</param>
/// <param name="DatabaseCpu">The same of a database server's.</param>
/// <param name="P50">Milliseconds that half of the answers took at most.</param>
/// <param name="P99">The same for 99 of 100.</param>
/// <param name="OtherLoad">How many processors the rest of the machine, neither server nor driver, kept busy meanwhile.</param>
internal sealed record Sample(long Answers, long Errors, double PerSecond, double Cpu, double DatabaseCpu, double P50, double P99, double OtherLoad);

/// <summary>Load in a closed loop: each connection sends its next request when the last one is answered.</summary>
internal static class Load
{
    public const int Connections = 32;

    private const int ErrorsBeforeGivingUp = 3;

    /// <summary>Loads a server until the time or the count is used up.</summary>
    public static async Task<Sample> RunAsync(Subject subject, Work work, TimeSpan time, long limit = long.MaxValue)
    {
        var latencies = new List<int>[Connections];
        long started = 0, errors = 0;
        var server = subject.Processes;
        var database = subject.Spec.Postgres ? Postgres.Processes() : null;
        using var driver = Process.GetCurrentProcess();
        double Driver()
        {
            driver.Refresh();
            return driver.TotalProcessorTime.TotalSeconds;
        }

        var before = (Server: server.Cpu, Database: database?.Cpu ?? 0, Driver: Driver(), ProcessTree.Machine);
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async index =>
        {
            await Task.Yield();
            var mine = latencies[index] = new List<int>(4096);
            using var connection = new Connection(subject.Port);
            var bad = 0;
            while (Interlocked.Increment(ref started) <= limit)
            {
                var sent = Stopwatch.GetTimestamp();
                if (Stopwatch.GetElapsedTime(began, sent) >= time) break;
                if (await work.StepAsync(connection, index))
                {
                    mine.Add((int)Stopwatch.GetElapsedTime(sent).TotalMicroseconds);
                }
                else
                {
                    Interlocked.Increment(ref errors);
                    if (++bad > ErrorsBeforeGivingUp) break;
                }
            }
        }));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        // Sockets complete inline in this process: whoever goes on from here must not do so on the thread that all of them need.
        await Task.Yield();
        var (spent, stored, driven) = (server.Cpu - before.Server, (database?.Cpu ?? 0) - before.Database, Driver() - before.Driver);
        var busy = ProcessTree.Machine - before.Machine;

        var sorted = latencies.SelectMany(all => all).Order().ToArray();
        double At(double share) => sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(sorted.Length * share))] / 1000.0;
        var count = Math.Max(1, sorted.Length);
        return new Sample(
            sorted.Length, errors, sorted.Length / seconds, spent / count * 1e6, stored / count * 1e6, At(0.5), At(0.99),
            Math.Max(0, (busy - spent - stored - driven) / seconds));
    }
}

internal static class Figures
{
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
