namespace Latchkey.Cli;

/// <summary>The folder where a server keeps its state. Only its owner can look inside.</summary>
internal static class DataFolder
{
    /// <summary>Where the state is kept unless <c>--data</c> says otherwise: a folder where the program was started.</summary>
    public const string Default = "latchkey-data";

    /// <summary>Where the key ring lies.</summary>
    public static DirectoryInfo KeyRing(string data) => new(Path.Combine(data, "keys"));

    /// <summary>Makes the folder if it is missing, closed to other users.</summary>
    /// <exception cref="SettingException">It can't be made or written to.</exception>
    public static void Create(string data) => MakeFolder(data, $"The data folder {data} can't be written to", "--data");

    /// <summary>Makes the key ring's folder if it is missing.</summary>
    /// <exception cref="SettingException">It can't be made or written to.</exception>
    public static void CreateKeyRing(string data) =>
        MakeFolder(KeyRing(data).FullName, $"The key ring's folder {KeyRing(data).FullName} can't be written to", "--data");

    /// <summary>Makes the database file and its folder if they are missing.</summary>
    /// <exception cref="SettingException">They can't be made or written to.</exception>
    public static void CreateDatabase(string databasePath)
    {
        MakeFolder(Path.GetDirectoryName(databasePath)!, $"The folder of the database {databasePath} can't be written to", "--database");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.ReadWrite };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            new FileStream(databasePath, options).Dispose();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingException($"The database {databasePath} can't be written to; give this user the right to, or choose another with --database or --data.", exception);
        }
    }

    private static void MakeFolder(string path, string fault, string flag)
    {
        try
        {
            if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
            else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var probe = Path.Combine(path, $".latchkey-probe-{Environment.ProcessId}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingException($"{fault}; give this user the right to, or choose another with {flag}.", exception);
        }
    }
}
