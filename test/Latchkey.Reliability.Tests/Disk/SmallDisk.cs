using System.Diagnostics;

namespace Latchkey.Reliability.Tests.Disk;

/// <summary>A file system of a few megabytes in memory, to be filled up. Mounting it takes root, as in a container.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SmallDisk(int megabytes)
    {
        var (exitCode, error) = Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m", "tmpfs", _folder.Path);
        if (exitCode == 0) return;
        _folder.Dispose();
        throw new InvalidOperationException($"This test fills a disk and must mount a small one: run it as root with the right to mount (in a container: --cap-add SYS_ADMIN). mount said: {error}");
    }

    public string File(string name) => _folder.File(name);

    /// <summary>Takes all the room that is left.</summary>
    public void Fill()
    {
        var block = new byte[4096];
        using var filler = new FileStream(File("filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) filler.Write(block);
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    /// <summary>Gives the room back.</summary>
    public void Free() => System.IO.File.Delete(File("filler"));

    public void Dispose()
    {
        Run("umount", _folder.Path);
        _folder.Dispose();
    }

    private static (int ExitCode, string Error) Run(string command, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error.Trim());
    }
}
