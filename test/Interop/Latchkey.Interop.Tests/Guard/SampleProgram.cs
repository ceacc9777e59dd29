using System.Diagnostics;
using System.Threading.Channels;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>One of the samples as the program it is.</summary>
internal sealed class SampleProgram : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Channel<string> _output = Channel.CreateUnbounded<string>();
    private readonly Task<string> _errors;

    private SampleProgram(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null) _output.Writer.TryComplete();
            else _output.Writer.TryWrite(line.Data);
        };
        process.BeginOutputReadLine();
    }

    /// <summary>Starts <c>api</c>, <c>service</c> or <c>web</c>.</summary>
    public static SampleProgram Start(string name, params string[] arguments)
    {
        // artifacts/bin/Latchkey.Interop.Tests/release/ → artifacts/bin/Service/release/service
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", char.ToUpperInvariant(name[0]) + name[1..], configuration, name));
        return new(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!);
    }

    /// <summary>Starts one that listens, and waits until it does.</summary>
    public static async Task<SampleProgram> ListenAsync(string name, params string[] arguments)
    {
        var program = Start(name, arguments);
        using var timeout = new CancellationTokenSource(Deadline);
        await foreach (var line in program._output.Reader.ReadAllAsync(timeout.Token))
        {
            if (line.StartsWith("listening on", StringComparison.Ordinal)) return program;
        }

        await using (program) throw new Xunit.Sdk.XunitException($"{name} ended: {await program._errors}");
    }

    /// <summary>Waits for its end; what it printed.</summary>
    public async Task<(int ExitCode, List<string> Lines)> FinishAsync()
    {
        using var timeout = new CancellationTokenSource(Deadline);
        var lines = await _output.Reader.ReadAllAsync(timeout.Token).ToListAsync(timeout.Token);
        await _process.WaitForExitAsync(timeout.Token);
        return (_process.ExitCode, lines);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
