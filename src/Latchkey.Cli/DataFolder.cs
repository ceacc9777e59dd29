using Latchkey.Storage;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Cli;

/// <summary>The folder and the database where a server keeps its state. Only its owner can look inside.</summary>
internal static class DataFolder
{
    /// <summary>Where the state is kept unless <c>--data</c> says otherwise: a folder where the program was started.</summary>
    public const string Default = "latchkey-data";

    private const string Sqlite = "sqlite:";

    /// <summary>The file of the database.</summary>
    /// <param name="database">What was set.</param>
    /// <param name="data">The data folder.</param>
    /// <exception cref="SettingException">The database is of a kind that there is not.</exception>
    public static string DatabasePath(SettingValue? database, string data)
    {
        if (database is not { } value) return Path.Combine(data, "latchkey.db");
        if (value.Text.StartsWith("postgres:", StringComparison.OrdinalIgnoreCase) || value.Text.StartsWith("postgresql:", StringComparison.OrdinalIgnoreCase))
            throw new SettingException($"{value.Source} names a PostgreSQL database, which this version does not speak yet; use sqlite:PATH.");
        if (!value.Text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) || value.Text.Length == Sqlite.Length)
            throw new SettingException($"{value.Source} is no database that Latchkey knows; write sqlite:PATH.");
        return Path.GetFullPath(value.Text[Sqlite.Length..]);
    }

    /// <summary>Where the key ring lies.</summary>
    public static DirectoryInfo KeyRing(string data) => new(Path.Combine(data, "keys"));

    /// <summary>Makes the folders and the database file if they are missing, closed to other users.</summary>
    /// <exception cref="SettingException">They can't be made or written to.</exception>
    public static void Create(string data, string databasePath)
    {
        MakeFolder(data, $"The data folder {data} can't be written to", "--data");
        MakeFolder(KeyRing(data).FullName, $"The key ring's folder {KeyRing(data).FullName} can't be written to", "--data");
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

    /// <summary>Opens the database.</summary>
    /// <exception cref="DatabaseUnavailableException">It can't be opened, or is no database.</exception>
    public static Database Open(string databasePath) => new SqliteDatabase(databasePath);

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
