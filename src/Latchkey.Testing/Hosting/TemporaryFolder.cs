namespace Latchkey.Testing.Hosting;

/// <summary>Folders that live as long as an authority.</summary>
internal static class TemporaryFolder
{
    // Memory where there is a file system of memory, since nothing here outlives the process.
    private static readonly string Root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    public static string Create()
    {
        try
        {
            return Make(Root);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Make(Path.GetTempPath());
        }
    }

    private static string Make(string root) => Directory.CreateDirectory(Path.Combine(root, "latchkey-testing-" + Path.GetRandomFileName())).FullName;
}
