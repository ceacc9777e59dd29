using Latchkey.Storage;
using Latchkey.Storage.PostgreSql;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Cli;

/// <summary>
/// What <c>--database</c> names: a file of SQLite, a database of PostgreSQL, or several that people are spread over. It is shown without its password.
/// </summary>
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
        var addresses = Split(value.Text);
        if (addresses.All(address => IsPostgres(address))) return new(value.Text, value.Source, isFile: false);
        if (addresses.Length > 1) throw new SettingException($"{value.Source} names several databases, and not all are PostgreSQL's; a file is a database alone.");
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
            if (Split(_address) is { Length: > 1 } several) return new ShardedDatabase(several, patience);
            var database = new PostgreSqlDatabase(_address, patience);
            return database.Buckets is null ? database : throw new FormatException("has Buckets, which say what one of several databases has, but names no other.");
        }
        catch (FormatException exception)
        {
            throw new SettingException($"{_source} {exception.Message}");
        }
    }

    /// <summary>The addresses of a setting: one, or several with spaces between them. A path may hold spaces, an address of PostgreSQL can't.</summary>
    public static string[] Split(string text)
    {
        var addresses = new List<string>();
        var first = 0;
        for (var i = 1; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i - 1]) || !(IsPostgres(text.AsSpan(i)) || text.AsSpan(i).StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))) continue;
            addresses.Add(text[first..i].TrimEnd());
            first = i;
        }

        return [.. addresses, text[first..]];
    }

    /// <summary>Nothing: the address may hold a password.</summary>
    public override string ToString() => IsFile ? Sqlite + _address : "postgres:…";

    private static bool IsPostgres(ReadOnlySpan<char> address) =>
        address.StartsWith("postgres:", StringComparison.OrdinalIgnoreCase) || address.StartsWith("postgresql:", StringComparison.OrdinalIgnoreCase);
}
