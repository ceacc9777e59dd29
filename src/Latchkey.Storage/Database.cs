using System.Reflection;

namespace Latchkey.Storage;

/// <summary>
/// Where Latchkey keeps its state: SQLite or PostgreSQL. What a write did is durable when its task completes;
/// a write that throws did nothing.
/// </summary>
public abstract class Database : IAsyncDisposable
{
    /// <summary>The engine, as migrations are named: <c>sqlite</c> or <c>postgres</c>.</summary>
    public abstract string Engine { get; }

    /// <summary>Where the data lies, for people; never with a password.</summary>
    public abstract string Location { get; }

    /// <summary>Runs statements that only read.</summary>
    /// <typeparam name="T">What they yield.</typeparam>
    /// <param name="read">The statements; must await nothing but the session.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached or is too busy.</exception>
    public abstract ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read);

    /// <summary>
    /// Runs statements as one transaction. It is committed durably before the task completes, together with its neighbours' if there are many.
    /// </summary>
    /// <typeparam name="T">What they yield.</typeparam>
    /// <param name="write">The statements; must await nothing but the session. They may run again after a conflict.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached, is full or is too busy; nothing was written.</exception>
    public abstract ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write);

    /// <summary>How many writes wait for the database now, for the operator's figures.</summary>
    public virtual int Waiting => 0;

    /// <summary>Brings the schema to this version's, under a lock that other nodes wait for.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be opened, or is of a newer version that this program can't use.</exception>
    public abstract Task MigrateAsync();

    /// <summary>Whether the database answers now.</summary>
    public virtual async ValueTask<bool> IsAvailableAsync()
    {
        try
        {
            return await ReadAsync(sql => sql.FindAsync("SELECT version FROM configuration WHERE id = 1", row => row.Long(0))).ConfigureAwait(false) > 0;
        }
        catch (DatabaseUnavailableException)
        {
            return false;
        }
    }

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();

    /// <summary>The numbered migrations of an engine, in order.</summary>
    /// <param name="engine"><c>sqlite</c> or <c>postgres</c>.</param>
    protected static IReadOnlyList<(int Number, string Name, string Sql)> Migrations(string engine)
    {
        var assembly = typeof(Database).Assembly;
        var suffix = $".{engine}.sql";
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(suffix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => (int.Parse(name.AsSpan(0, 4), System.Globalization.CultureInfo.InvariantCulture), name[..^suffix.Length], Read(assembly, name)))];
    }

    private static string Read(Assembly assembly, string name)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}

/// <summary>The database can't be reached, is full, too busy or too new: callers answer 503 and try again later.</summary>
/// <param name="message">One sentence for the operator, without passwords.</param>
/// <param name="inner">What the driver said.</param>
public sealed class DatabaseUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
