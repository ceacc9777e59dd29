using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Tests.Harness;

/// <summary>
/// The real program, <c>latchkey serve</c>, in a process of its own on 127.0.0.1 with a data folder of its own. The program is the one just built,
/// or what the variable <c>LATCHKEY_BINARY</c> names (the native one, say).
/// </summary>
public sealed class LatchkeyProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);

    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly IReadOnlyDictionary<string, string> _environment;
    private Process? _process;
    private bool _isBare;

    private LatchkeyProcess(int port, string issuer, IReadOnlyDictionary<string, string> environment)
    {
        Port = port;
        Issuer = issuer;
        DataFolder = _folder.File("data");
        ConfigFile = _folder.File("latchkey.json");
        _environment = environment;
        Directory.CreateDirectory(DataFolder);
    }

    /// <summary>The program's path.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("LATCHKEY_BINARY") is { Length: > 0 } named ? named : Built();

    /// <summary>The folder of the repository.</summary>
    public static string RepositoryRoot { get; } = Metadata("RepositoryRoot");

    /// <summary>The port it listens on; the same after a restart.</summary>
    public int Port { get; }

    public string Issuer { get; }

    public string DataFolder { get; }

    /// <summary>The file that <c>--config</c> names; write to it and restart to change the declared state.</summary>
    public string ConfigFile { get; }

    /// <summary>The address of its database on PostgreSQL, as <c>--database</c> of its arguments says; null for its own file.</summary>
    public string? Database => Arguments.Zip(Arguments.Skip(1)).Where(pair => pair.First == "--database").Select(pair => pair.Second).ToList() is { Count: > 0 } given
        ? string.Join(' ', given)
        : null;

    /// <summary>Further arguments of <c>serve</c>.</summary>
    public IReadOnlyList<string> Arguments { get; set; } = [];

    /// <summary>The machine it runs on; null for this one.</summary>
    public Machine? Machine { get; init; }

    private string OwnProgram { get; init; } = Program;

    public int ProcessId => Running.Id;

    /// <summary>All that it has written to stdout, over restarts.</summary>
    public string Output => Text(_output);

    /// <summary>All that it has written to stderr, over restarts.</summary>
    public string Errors => Text(_errors);

    private Process Running => _process ?? throw new InvalidOperationException("The server is not running.");

    /// <summary>Starts a server and waits until it listens.</summary>
    /// <param name="state">The declared state; the standard one if left out.</param>
    /// <param name="pathBase">The issuer's path, such as <c>/tenant</c>.</param>
    /// <param name="environment">Further variables.</param>
    /// <param name="arguments">Further arguments of <c>serve</c>.</param>
    public static Task<LatchkeyProcess> StartAsync(
        JsonObject? state = null, string pathBase = "", IReadOnlyDictionary<string, string>? environment = null, params string[] arguments) =>
        StartProgramAsync(Program, state, pathBase, environment, arguments);

    /// <summary>The same with another program than <see cref="Program"/>.</summary>
    public static async Task<LatchkeyProcess> StartProgramAsync(
        string program, JsonObject? state = null, string pathBase = "", IReadOnlyDictionary<string, string>? environment = null, params string[] arguments)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = LoopbackPorts.Next();
            var issuer = $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}{pathBase}";
            var server = new LatchkeyProcess(port, issuer, environment ?? new Dictionary<string, string>()) { Arguments = arguments, OwnProgram = program };
            await File.WriteAllTextAsync(server.ConfigFile, (state ?? DeclaredStates.Standard()).ToJsonString());
            try
            {
                await server.StartAsync();
                return server;
            }
            catch (InvalidOperationException) when (attempt < 3 && server.Errors.Contains("in use", StringComparison.OrdinalIgnoreCase))
            {
                await server.DisposeAsync();
            }
            catch
            {
                await server.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Starts a server with nothing but the arguments and variables that a test gives it, for tests of just those.</summary>
    /// <param name="issuer">The issuer that it will have.</param>
    /// <param name="environment">Variables.</param>
    /// <param name="arguments">All arguments of <c>serve</c>.</param>
    public static Task<LatchkeyProcess> StartBareAsync(string issuer, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        StartBareOnAsync(null, issuer, environment, arguments);

    /// <summary>The same on another machine.</summary>
    public static async Task<LatchkeyProcess> StartBareOnAsync(Machine? machine, string issuer, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var server = new LatchkeyProcess(new Uri(issuer).Port, issuer, environment) { Arguments = arguments, Machine = machine, _isBare = true };
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again on the same data, port and configuration, after <see cref="KillAsync"/> or <see cref="StopAsync"/>.</summary>
    public async Task StartAsync()
    {
        if (_process is not null) throw new InvalidOperationException("The server is running.");
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] command = [OwnProgram, "serve", .. _isBare ? [] : (string[])["--issuer", Issuer, "--data", DataFolder, "--config", ConfigFile], .. Arguments];
        if (Machine is not null) command = ["ip", "netns", "exec", Machine.Name, .. command];
        var start = Prepare(command[0], command[1..]);
        foreach (var (name, value) in _environment) start.Environment[name] = value;
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        process.OutputDataReceived += (_, line) =>
        {
            Append(_output, line.Data);
            if (line.Data?.Contains("listening on", StringComparison.Ordinal) == true) ready.TrySetResult();
        };
        process.ErrorDataReceived += (_, line) => Append(_errors, line.Data);
        process.Exited += (_, _) => ready.TrySetException(new InvalidOperationException("The server ended before it was ready."));
        process.Start();
        _process = process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await ready.Task.WaitAsync(StartDeadline);
        }
        catch (Exception exception) when (exception is TimeoutException or InvalidOperationException)
        {
            await KillAsync();
            throw new InvalidOperationException($"{exception.Message}\nstdout:\n{Output}\nstderr:\n{Errors}", exception);
        }
    }

    /// <summary>Ends it at once, as a power cut of the process would: SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process) return;
        _process = null;
        using (process)
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }

    /// <summary>Asks it to end, as an operator does: SIGTERM.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        var process = Running;
        _process = null;
        using (process)
        {
            Terminate(process);
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
            return process.ExitCode;
        }
    }

    /// <summary>Sends it SIGTERM and does not wait.</summary>
    public void Terminate() => Terminate(Running);

    /// <summary>Waits until it ended by itself or by <see cref="Terminate()"/>.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> WaitForExitAsync()
    {
        var process = Running;
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(40));
        _process = null;
        using (process) return process.ExitCode;
    }

    /// <summary>Runs another command of the program on this server's data, such as <c>user list --json</c>.</summary>
    public Task<CommandResult> CommandAsync(params string[] arguments) =>
        RunAsync(Database is { } database ? [.. arguments, "--database", database] : [.. arguments, "--data", DataFolder]);

    /// <summary>Runs the program to its end.</summary>
    public static Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(arguments, input: null);

    /// <summary>Runs the program to its end.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="input">What it reads from stdin; empty if null.</param>
    /// <param name="environment">Further variables.</param>
    public static async Task<CommandResult> RunAsync(
        IReadOnlyList<string> arguments, string? input, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = Prepare(Program, arguments);
        start.RedirectStandardInput = true;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        if (input is not null) await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().WaitAsync(StartDeadline);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return new(process.ExitCode, await output, await errors);
    }

    /// <summary>A client for plain requests to the server: no cookies, no redirects followed.</summary>
    public HttpClient CreateHttpClient() => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(Issuer) };

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Dispose();
    }

    private static string Built()
    {
        var path = Metadata("LatchkeyProgram");
        return File.Exists(path) ? path : throw new FileNotFoundException("The program is not built; build Latchkey.slnx first.", path);
    }

    private static string Metadata(string key) =>
        typeof(LatchkeyProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == key).Value!;

    private static ProcessStartInfo Prepare(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        // What the developer's own shell says about Latchkey must not reach the tests.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("LATCHKEY_", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);
        return start;
    }

    private static void Terminate(Process process)
    {
        const int terminate = 15;
        if (Signal(process.Id, terminate) != 0) throw new InvalidOperationException("The server is gone already.");
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int processId, int signal);

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.AppendLine(line);
    }

    private static string Text(StringBuilder text)
    {
        lock (text) return text.ToString();
    }
}

/// <summary>How a command of the program ended.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    /// <summary>The JSON it printed.</summary>
    public JsonElement Json => JsonElement.Parse(Output);

    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Errors}";
}
