using System.Runtime.InteropServices;

namespace Latchkey.Storage.Sqlite;

/// <summary>Makes files survive a power cut: what the framework writes stays in memory for a while, and so do the names of new files.</summary>
public static class DurableFiles
{
    /// <summary>Waits until a file's content is on the disk.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="IOException">It is not, or nobody knows.</exception>
    public static void SyncFile(string file)
    {
        using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.FlushToDisk(handle);
    }

    /// <summary>Waits until the names of a folder's files are on the disk. Windows does that by itself.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="IOException">They are not, or nobody knows.</exception>
    public static void SyncFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        const int ReadOnly = 0;
        var descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw new IOException($"The folder {folder} can't be opened.");
        try
        {
            if (Fsync(descriptor) != 0) throw new IOException($"The folder {folder} could not be made durable; check its disk.");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [DllImport("libc", EntryPoint = "open", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
