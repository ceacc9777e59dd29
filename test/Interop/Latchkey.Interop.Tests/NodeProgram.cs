using System.Diagnostics;
using System.Reflection;
using System.Text.Json;

namespace Latchkey.Interop.Tests;

/// <summary>A program of the folder above, run by node; it speaks JSON lines.</summary>
internal sealed class NodeProgram : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private NodeProgram(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The folder <c>test/Interop</c>.</summary>
    public static string Folder { get; } =
        typeof(NodeProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "InteropFolder").Value!;

    /// <summary>Starts a program.</summary>
    /// <param name="file">The file in the folder <c>test/Interop</c>.</param>
    /// <param name="environment">Its variables.</param>
    /// <param name="arguments">Its arguments.</param>
    public static NodeProgram Start(string file, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var folder = Folder;
        if (!Directory.Exists(Path.Combine(folder, "node_modules")))
            throw new InvalidOperationException("The npm packages are missing; run: npm ci --ignore-scripts --prefix test/Interop");
        var start = new ProcessStartInfo("node", [Path.Combine(folder, file), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return new NodeProgram(Process.Start(start)!);
    }

    /// <summary>Reads the next line it prints; fails with its errors if it ends first or says <c>error</c>.</summary>
    public async Task<JsonElement> ReadAsync()
    {
        var line = await _process.StandardOutput.ReadLineAsync().WaitAsync(Deadline);
        if (line is null) throw new Xunit.Sdk.XunitException($"node ended: {await _errors}");
        var value = JsonElement.Parse(line);
        return value.TryGetProperty("error", out var error) ? throw new Xunit.Sdk.XunitException($"The client failed: {error}") : value;
    }

    /// <summary>Reads the result, the member <c>done</c>.</summary>
    public async Task<JsonElement> FinishAsync() => (await ReadAsync()).GetProperty("done");

    /// <summary>Says something to it.</summary>
    public async Task WriteAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}
