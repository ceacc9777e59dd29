using Latchkey.Storage;
using Latchkey.Storage.PostgreSql;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Cli;

/// <summary>What <c>--database</c> names: a file of SQLite, or a database of PostgreSQL. It is shown without its password.</summary>
internal sealed class DatabaseAddress
{
    private const string Sqlite = "sqlite:";

    private readonly string _address;
    private readonly string _source;

    private DatabaseAddress(string address, string source, bool isFile) => (_address, _source, IsFile) = (address, source, isFile);

    /// <summary>Whether it is a file on this machine.</summary>
    public bool IsFile { get; }

    /// <summary>The file.</summary>
    public string Path => IsFile ? _address : throw new InvalidOperationException("The database is no file.");

    /// <summary>Reads the setting.</summary>
    /// <param name="database">What was set.</param>
    /// <param name="data">The data folder.</param>
    /// <exception cref="SettingException">The database is of a kind that there is not.</exception>
    public static DatabaseAddress Read(SettingValue? database, string data)
    {
        if (database is not { } value) return new(System.IO.Path.Combine(data, "latchkey.db"), "--data", isFile: true);
        if (value.Text.StartsWith("postgres:", StringComparison.OrdinalIgnoreCase) || value.Text.StartsWith("postgresql:", StringComparison.OrdinalIgnoreCase))
            return new(value.Text, value.Source, isFile: false);
        if (!value.Text.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) || value.Text.Length == Sqlite.Length)
            throw new SettingException($"{value.Source} is no database that Latchkey knows; write sqlite:PATH or postgres://user:password@host:5432/name.");
        return new(System.IO.Path.GetFullPath(value.Text[Sqlite.Length..]), value.Source, isFile: true);
    }

    /// <summary>Opens the database; a file that is missing is made.</summary>
    /// <param name="patience">How long an operation on PostgreSQL may take; a server's callers wait for two seconds at most.</param>
    /// <exception cref="SettingException">The address is wrong, or the file can't be made.</exception>
    /// <exception cref="DatabaseUnavailableException">The file is no database.</exception>
    public Database Open(TimeSpan? patience = null)
    {
        if (IsFile)
        {
            DataFolder.CreateDatabase(_address);
            return new SqliteDatabase(_address);
        }

        try
        {
            return new PostgreSqlDatabase(_address, patience);
        }
        catch (FormatException exception)
        {
            throw new SettingException($"{_source} {exception.Message}");
        }
    }

    /// <summary>Nothing: the address may hold a password.</summary>
    public override string ToString() => IsFile ? Sqlite + _address : "postgres:…";
}
