using System.Diagnostics;

namespace Latchkey.Reliability.Tests.PowerCut;

/// <summary>
/// A database's disk that notes each write and each fsync in order, and can be told to fail: <c>disk.c</c>, compiled here and loaded into the server.
/// </summary>
internal sealed class WatchedDisk : IDisposable
{
    private static readonly Lazy<string> Library = new(Compile);

    private readonly TemporaryFolder _folder = new();

    /// <summary>The database's file.</summary>
    public string Database => _folder.File("latchkey.db");

    /// <summary>The notes.</summary>
    public string Log => _folder.File("notes");

    /// <summary>How much has been noted. What is here when an answer has arrived includes all that the answer promises.</summary>
    public long Position => File.Exists(Log) ? new FileInfo(Log).Length : 0;

    /// <summary>The variables of a server on this disk.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["LD_PRELOAD"] = Library.Value,
        ["DISK_PREFIX"] = Database,
        ["DISK_LOG"] = Log,
        ["DISK_FAULT"] = _folder.File("fault"),
    };

    /// <summary>The argument of a server on this disk.</summary>
    public string[] Arguments => ["--database", "sqlite:" + Database];

    /// <summary>From now on the disk fails: <c>eio-fsync</c>, <c>eio-write</c>, <c>read-only</c>, or <c>lie</c>, which says that it did what it did not.</summary>
    public void Fail(string fault)
    {
        File.WriteAllText(_folder.File("fault.new"), fault);
        File.Move(_folder.File("fault.new"), _folder.File("fault"), overwrite: true);
    }

    /// <summary>The disk is well again.</summary>
    public void Heal() => File.Delete(_folder.File("fault"));

    public void Dispose() => _folder.Dispose();

    private static string Compile()
    {
        var source = Path.Combine(LatchkeyProcess.RepositoryRoot, "test", "Latchkey.Reliability.Tests", "PowerCut", "disk.c");
        var library = Path.Combine(AppContext.BaseDirectory, "disk.so");
        using var compiler = Process.Start(new ProcessStartInfo("gcc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl", "-lpthread"]) { RedirectStandardError = true })!;
        var errors = compiler.StandardError.ReadToEnd();
        compiler.WaitForExit();
        return compiler.ExitCode == 0 ? library : throw new InvalidOperationException($"gcc could not compile {source}:\n{errors}");
    }
}
