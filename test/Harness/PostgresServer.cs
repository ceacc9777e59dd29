using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Xunit;

namespace Latchkey.Tests.Harness;

/// <summary>
/// A PostgreSQL server of one's own on 127.0.0.1: Debian's programs on a cluster in a temporary folder. As a fixture for all tests of an assembly:
/// <c>[assembly: AssemblyFixture(typeof(PostgresServer))]</c>, then a constructor parameter; it starts when the first database is made.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    /// <summary>Who owns the databases.</summary>
    public const string User = "latchkey";

    /// <summary>The password, with characters that an address must write otherwise.</summary>
    public const string Password = "p@ss:w/rd?&#%";

    private static readonly string Binaries = FindBinaries();

    private readonly SemaphoreSlim _starting = new(1);
    private string? _folder;
    private int _databases;
    private int _openPort;
    private volatile bool _isRunning;

    /// <summary>Whether commits wait for the disk: for tests that cut the power, not for those that kill the server.</summary>
    public bool Fsync { get; init; }

    /// <summary>Further lines of <c>postgresql.conf</c>.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    /// <summary>The machine it runs on; null for this one.</summary>
    public Machine? Machine { get; init; }

    public int Port { get; private set; }

    /// <summary>The cluster's folder.</summary>
    public string Folder => _folder ?? throw new InvalidOperationException("The server has not been started.");

    /// <summary>The server's log.</summary>
    public string Log => File.ReadAllText(Path.Combine(Folder, "log"));

    /// <summary>The address of a database, as <c>--database</c> takes it.</summary>
    public string Url(string database) => UrlOf(database, Port);

    /// <summary>The address of a database at some ports, tried in turn.</summary>
    public static string UrlOf(string database, params int[] ports) =>
        $"postgres://{User}:{Uri.EscapeDataString(Password)}@{string.Join(',', ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}")))}/{database}";

    /// <summary>Makes an empty database.</summary>
    /// <returns>Its address.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        await EnsureStartedAsync();
        var name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        await ExecuteAsync("postgres", $"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy");
        return Url(name);
    }

    /// <summary>Runs a statement as the owner.</summary>
    public async Task<object?> ExecuteAsync(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(database));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>What Npgsql takes.</summary>
    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = Machine is null ? Port : _openPort, Username = User, Password = Password, Database = database, Pooling = false, Timeout = 30,
    }.ToString();

    /// <summary>Makes the cluster if there is none, and starts it.</summary>
    public async Task EnsureStartedAsync()
    {
        if (_isRunning) return;
        await _starting.WaitAsync();
        try
        {
            if (_isRunning) return;
            if (_folder is null) await CreateClusterAsync();
            await StartAsync();
        }
        finally
        {
            _starting.Release();
        }
    }

    /// <summary>Starts it on its cluster and port, and waits until it takes connections.</summary>
    public async Task StartAsync()
    {
        await RunAsync("pg_ctl", "-D", Folder, "-w", "-t", "60", "-l", Path.Combine(Folder, "log"), "start");
        _isRunning = true;
        if (Machine is not null && _openPort == 0) _openPort = Machine.Open("127.0.0.1", Port);
    }

    /// <summary>Stops it.</summary>
    /// <param name="mode"><c>fast</c>, or <c>immediate</c> for a crash.</param>
    public async Task StopAsync(string mode = "immediate")
    {
        _isRunning = false;
        await RunAsync("pg_ctl", "-D", Folder, "-w", "-t", "60", "-m", mode, "stop");
    }

    /// <summary>Makes a standby of this server that follows it, without starting it.</summary>
    /// <param name="name">What it calls itself to the primary.</param>
    /// <param name="machine">The machine it runs on, which reaches this one's; null for this one.</param>
    public async Task<PostgresServer> CreateStandbyAsync(string name, Machine? machine = null)
    {
        var standby = new PostgresServer { Fsync = Fsync, Settings = Settings, Machine = machine };
        standby._folder = await MakeFolderAsync();
        standby.Port = LoopbackPorts.Next();
        var host = Machine?.Address ?? "127.0.0.1";
        await standby.RunAsync(new Dictionary<string, string> { ["PGPASSWORD"] = Password }, "pg_basebackup", "-h", host, "-p", Text(Port), "-U", User, "-D", standby.Folder, "-X", "stream", "-c", "fast", "-R");
        await File.AppendAllLinesAsync(Path.Combine(standby.Folder, "postgresql.auto.conf"),
        [
            $"port = {Text(standby.Port)}",
            $"primary_conninfo = 'host={host} port={Text(Port)} user={User} password=''{Password}'' application_name={name}'",
            "wal_retrieve_retry_interval = 200ms",
        ]);
        return standby;
    }

    /// <summary>Turns a standby into a primary.</summary>
    public Task PromoteAsync() => RunAsync("pg_ctl", "-D", Folder, "-w", "-t", "60", "promote");

    /// <summary>Kills every process of the server, as when its machine goes away.</summary>
    public async Task KillAsync()
    {
        _isRunning = false;
        var master = int.Parse((await File.ReadAllLinesAsync(Path.Combine(Folder, "postmaster.pid")))[0], CultureInfo.InvariantCulture);
        using var process = Process.GetProcessById(master);
        process.Kill(entireProcessTree: true);
        await Eventually.HoldsAsync("the killed server is gone", () => !IsAlive(master));
        File.Delete(Path.Combine(Folder, "postmaster.pid"));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_isRunning) await StopAsync();
        _starting.Dispose();
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }

    private async Task CreateClusterAsync()
    {
        var folder = await MakeFolderAsync();
        var passwordFile = folder + ".password";
        await File.WriteAllTextAsync(passwordFile, Password);
        try
        {
            await RunAsync("initdb", "-D", folder, "-U", User, "--auth=scram-sha-256", "--pwfile", passwordFile, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums");
        }
        finally
        {
            File.Delete(passwordFile);
        }

        Port = LoopbackPorts.Next();
        await File.AppendAllLinesAsync(Path.Combine(folder, "postgresql.conf"),
        [
            $"listen_addresses = '{(Machine is null ? "127.0.0.1" : "*")}'", $"port = {Text(Port)}", "unix_socket_directories = ''", "max_connections = 200", "shared_buffers = 32MB",
            $"fsync = {(Fsync ? "on" : "off")}", "lc_messages = 'C'", "log_checkpoints = off", .. Settings,
        ]);
        if (Machine is not null)
            await File.AppendAllLinesAsync(Path.Combine(folder, "pg_hba.conf"), ["host all all 10.0.0.0/24 scram-sha-256", "host replication all 10.0.0.0/24 scram-sha-256"]);
        _folder = folder;
    }

    private static async Task<string> MakeFolderAsync()
    {
        var folder = Directory.CreateTempSubdirectory("latchkey-postgres-").FullName;
        if (IsRoot) await RunProcessAsync("chown", ["postgres:", folder], new Dictionary<string, string>());
        return folder;
    }

    private static bool IsRoot => Environment.UserName == "root";

    private static bool IsAlive(int process) =>
        // One that is dead and waits for its parent to take notice counts as gone.
        File.Exists($"/proc/{process}/stat") && !File.ReadAllText($"/proc/{process}/stat").Contains(") Z ", StringComparison.Ordinal);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private Task RunAsync(string program, params string[] arguments) => RunAsync(new Dictionary<string, string>(), program, arguments);

    // PostgreSQL refuses to run as root.
    private Task RunAsync(Dictionary<string, string> environment, string program, params string[] arguments)
    {
        string[] command = [Path.Combine(Binaries, program), .. arguments];
        if (IsRoot) command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", .. command];
        if (Machine is not null) command = ["ip", "netns", "exec", Machine.Name, .. command];
        return RunProcessAsync(command[0], command[1..], environment);
    }

    private static async Task RunProcessAsync(string program, IReadOnlyList<string> arguments, Dictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        foreach (var (name, value) in environment) start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(120));
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}:\n{await output}\n{await errors}");
    }

    private static string FindBinaries() =>
        (Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql") : [])
            .Select(folder => Path.Combine(folder, "bin"))
            .Where(folder => File.Exists(Path.Combine(folder, "initdb")))
            .MaxBy(folder => int.Parse(Path.GetFileName(Path.GetDirectoryName(folder))!, CultureInfo.InvariantCulture))
        ?? throw new FileNotFoundException("PostgreSQL is missing: apt-get install postgresql, or run ./test.sh.");
}
