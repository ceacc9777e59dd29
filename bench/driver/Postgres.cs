using System.Diagnostics;

namespace Latchkey.Bench;

/// <summary>The PostgreSQL server that <c>bench.sh</c> started.</summary>
internal static class Postgres
{
    /// <summary>Makes a database anew.</summary>
    public static async Task RecreateAsync(string database)
    {
        await RunAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        await RunAsync($"CREATE DATABASE {database}");
    }

    /// <summary>Its processes: the first one and one a connection.</summary>
    public static ProcessTree Processes() =>
        new(int.Parse(Environment.GetEnvironmentVariable("LATCHKEY_BENCH_POSTGRES_PID")!, System.Globalization.CultureInfo.InvariantCulture));

    private static async Task RunAsync(string sql)
    {
        using var psql = Process.Start(new ProcessStartInfo("psql", ["--quiet", "--no-psqlrc", "--dbname", $"{Settings.PostgresUrl}/postgres", "--command", sql]) { RedirectStandardError = true })!;
        var error = await psql.StandardError.ReadToEndAsync();
        await psql.WaitForExitAsync();
        if (psql.ExitCode != 0) throw new InvalidOperationException($"psql: {error}");
    }
}
