using System.Globalization;

namespace Latchkey.Storage;

/// <summary>
/// One numbered step of the schema, written once for each engine: <c>Migrations/NNNN_name.sqlite.sql</c> and <c>Migrations/NNNN_name.postgres.sql</c>.
/// A step only adds, so that the version before it still runs. One that takes something away is named <c>NNNN_breaking_name</c>: versions that do not
/// know it refuse the database.
/// </summary>
/// <param name="Number">Its number; a database keeps the numbers it has, in whichever order they came.</param>
/// <param name="Name"><c>NNNN_name</c>.</param>
/// <param name="Sql">The statements.</param>
public sealed record Migration(int Number, string Name, string Sql)
{
    private const string Breaking = "breaking_";

    /// <summary>The migrations of this version, in order.</summary>
    /// <param name="engine"><c>sqlite</c> or <c>postgres</c>.</param>
    public static IReadOnlyList<Migration> All(string engine)
    {
        var assembly = typeof(Migration).Assembly;
        var suffix = $".{engine}.sql";
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.EndsWith(suffix, StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return new Migration(int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name[..^suffix.Length], reader.ReadToEnd());
            })];
    }

    /// <summary>Whether versions that do not know this migration must leave its database alone.</summary>
    public bool IsBreaking => Name.AsSpan(Name.IndexOf('_', StringComparison.Ordinal) + 1).StartsWith(Breaking, StringComparison.Ordinal);

    /// <summary>Brings a database's tables to some migrations, within the transaction and the lock that the engine has begun.</summary>
    /// <param name="sql">The transaction.</param>
    /// <param name="location">The database, for people.</param>
    /// <param name="migrations">What the program knows.</param>
    /// <param name="run">Runs the statements of one.</param>
    /// <exception cref="DatabaseUnavailableException">The database has a breaking migration that the program does not know.</exception>
    public static async ValueTask ApplyAsync(SqlSession sql, string location, IReadOnlyList<Migration> migrations, Func<Migration, ValueTask> run)
    {
        await sql.ExecuteAsync("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)").ConfigureAwait(false);
        var present = await sql.ListAsync("SELECT number, name FROM migrations", row => new Migration(row.Int(0), row.Text(1), "")).ConfigureAwait(false);
        var numbers = present.Select(migration => migration.Number).ToHashSet();
        var known = migrations.Select(migration => migration.Number).ToHashSet();
        if (present.Find(migration => migration.IsBreaking && !known.Contains(migration.Number)) is { } newer)
        {
            throw new DatabaseUnavailableException(
                $"The database {location} is of a newer version of Latchkey ({newer.Name}); run that version, or restore a backup of this one's.");
        }

        foreach (var migration in migrations)
        {
            if (numbers.Contains(migration.Number)) continue;
            await run(migration).ConfigureAwait(false);
            await sql.ExecuteAsync("INSERT INTO migrations (number, name) VALUES ($1, $2)", migration.Number, migration.Name).ConfigureAwait(false);
        }
    }

    /// <summary>What is said of a migration that failed.</summary>
    /// <param name="location">The database, for people.</param>
    /// <param name="exception">What the engine said.</param>
    public DatabaseUnavailableException Failed(string location, Exception exception) =>
        new($"The database {location} could not be brought to this version: {Name} failed ({exception.Message}). Its tables are as they were.", exception);
}
