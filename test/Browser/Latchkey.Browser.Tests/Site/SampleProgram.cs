using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace Latchkey.Browser.Tests.Site;

/// <summary>One of the demo's programs in a process of its own.</summary>
internal sealed class SampleProgram : IAsyncDisposable
{
    private readonly Process _process;

    private SampleProgram(Process process) => _process = process;

    /// <summary>Starts a program and waits until it listens.</summary>
    /// <param name="name">The key of the assembly metadata that says where it is.</param>
    /// <param name="arguments">Its arguments.</param>
    public static async Task<SampleProgram> StartAsync(string name, params string[] arguments)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var output = new StringBuilder();
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(Metadata(name), arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
            EnableRaisingEvents = true,
        };
        process.OutputDataReceived += (_, line) => Hear(line.Data);
        process.ErrorDataReceived += (_, line) => Hear(line.Data);
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException($"{name} ended before it was ready: {output}"));
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var program = new SampleProgram(process);
        try
        {
            await ready.Task.WaitAsync(TimeSpan.FromSeconds(60));
            return program;
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }

        void Hear(string? line)
        {
            lock (output) output.AppendLine(line);
            if (line?.Contains("listening on", StringComparison.Ordinal) == true) ready.TrySetResult();
        }
    }

    /// <summary>What the project file says of a path.</summary>
    public static string Metadata(string key) =>
        typeof(SampleProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == key).Value!;

    public async ValueTask DisposeAsync()
    {
        using (_process)
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
    }
}
