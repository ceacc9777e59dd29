namespace Latchkey.Storage.Sqlite;

/// <summary>
/// A file beside the database that is there while a server runs on it, and after one that was not stopped in order. The servers hold a lock on it,
/// which ends with their process: so the two are told apart.
/// </summary>
public sealed class ServiceMark
{
    private const string Suffix = "-serving";

    private readonly string _file;
    private readonly FileStream _lock;

    private ServiceMark(string file, FileStream held, bool followsCrash) => (_file, _lock, FollowsCrash) = (file, held, followsCrash);

    /// <summary>Whether the last server went without leaving.</summary>
    internal bool FollowsCrash { get; }

    /// <summary>Whether a server runs on a database now.</summary>
    /// <param name="path">The database's file.</param>
    public static bool IsHeld(string path)
    {
        if (!File.Exists(path + Suffix)) return false;
        try
        {
            new FileStream(path + Suffix, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Marks a database as served.</summary>
    internal static ServiceMark Take(string path)
    {
        var file = path + Suffix;
        var followsCrash = false;
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var alone = new FileStream(file, options);
            followsCrash = alone.Length > 0;
            if (!followsCrash)
            {
                // Durable, or a power cut would take the mark along with what it tells of.
                alone.WriteByte((byte)'1');
                alone.Flush(flushToDisk: true);
                DurableFiles.SyncFolder(Path.GetDirectoryName(file)!);
            }
        }
        catch (IOException)
        {
            // Another server runs on this database and has seen to it. A folder that can't be written to is found out by the database itself.
        }

        return new(file, new FileStream(file, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read | FileShare.Delete), followsCrash);
    }

    /// <summary>Takes the mark away: everything was written.</summary>
    internal void Leave()
    {
        _lock.Dispose();
        if (!IsHeld(_file[..^Suffix.Length])) File.Delete(_file);
    }
}
