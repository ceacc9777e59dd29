namespace Latchkey.Storage;

/// <summary>
/// Copies an installation from SQLite into an empty database of any engine: every table that there is, so that none can be forgotten, a few hundred rows a
/// transaction. Nothing may write to the source meanwhile.
/// </summary>
public static class DatabaseCopy
{
    private const int StepSize = 500;

    private const string Terms = "grant_terms";

    // What tells of the database itself, or, as login_names, of several: an installation of one has nothing in it.
    private static readonly string[] Own = ["migrations", "shard_placement", "login_names"];

    /// <summary>Copies everything.</summary>
    /// <param name="from">The source, SQLite, its schema at this version.</param>
    /// <param name="to">The target, migrated to this version and empty otherwise; people go to the databases of their buckets, if it is several.</param>
    /// <param name="progress">Told of each table when it is done: its name and how many rows it has.</param>
    /// <exception cref="DatabaseUnavailableException">A database can't be reached, or the target is not empty: it is as it was then.</exception>
    public static async Task RunAsync(Database from, Database to, Action<string, long> progress)
    {
        var tables = await from.ReadAsync(TablesAsync).ConfigureAwait(false);
        await RequireEmptyAsync(to, tables).ConfigureAwait(false);
        foreach (var table in tables)
        {
            if (table.HasOneRow) await to.WriteAsync(sql => sql.ExecuteAsync($"DELETE FROM {table.Name}")).ConfigureAwait(false);
            var rows = await CopyAsync(from, to, table).ConfigureAwait(false);
            var there = table.HasOneRow ? await CountAsync(to, table.Name).ConfigureAwait(false) : await CountAllAsync(to, table.Name).ConfigureAwait(false);
            if (there != (table.Name == Terms ? rows * to.Shards.Count : rows)) throw new DatabaseUnavailableException($"The table {table.Name} has {rows} rows in {from.Location} and {there} in {to.Location}; empty the target and start again.");
            progress(table.Name, rows);
        }
    }

    /// <summary>Whether a database has no more than a new one has.</summary>
    private static async Task RequireEmptyAsync(Database to, List<Table> tables)
    {
        foreach (var shard in to.Shards)
        {
            foreach (var table in await shard.ReadAsync(sql => NamesAsync(sql, to.Engine)).ConfigureAwait(false))
            {
                if (!tables.Exists(known => known.Name == table && known.HasOneRow) && await CountAsync(shard, table).ConfigureAwait(false) > 0)
                    throw new DatabaseUnavailableException($"The database {shard.Location} is not empty: its table {table} has rows. Name an empty one.");
            }
        }
    }

    private static async Task<long> CopyAsync(Database from, Database to, Table table)
    {
        var names = string.Join(", ", table.Columns.Select(column => column.Name));
        var values = string.Join(", ", table.Columns.Select((_, i) => $"${i + 1}"));
        var keys = table.Columns.Where(column => column.IsKey).ToArray();
        var order = string.Join(", ", keys.Select(key => key.Name));
        var after = string.Join(", ", keys.Select((_, i) => $"${i + 1}"));
        var copied = 0L;
        SqlValue[]? last = null;
        while (true)
        {
            var where = last is null ? "" : $" WHERE ({order}) > ({after})";
            var read = last ?? [];
            var rows = await from.ReadAsync(sql => sql.ListAsync($"SELECT {names} FROM {table.Name}{where} ORDER BY {order} LIMIT {StepSize}", row => Values(row, table), read)).ConfigureAwait(false);
            if (rows.Count > 0)
            {
                await to.WriteAsync(async sql =>
                {
                    foreach (var row in rows) await InsertAsync(sql, table, $"INSERT INTO {table.Name} ({names}) VALUES ({values})", row).ConfigureAwait(false);
                    return true;
                }).ConfigureAwait(false);
                copied += rows.Count;
                last = [.. table.Columns.Zip(rows[^1]).Where(pair => pair.First.IsKey).Select(pair => pair.Second)];
            }

            if (rows.Count < StepSize) break;
        }

        if (to.Engine == "postgres" && table.Columns.Any(column => column.IsNumbered))
        {
            foreach (var shard in to.Shards)
                await shard.WriteAsync(sql => sql.FindAsync($"SELECT setval(pg_get_serial_sequence('{table.Name}', 'id'), (SELECT COALESCE(MAX(id), 0) + 1 FROM {table.Name}), false)", row => row.LongOrNull(0))).ConfigureAwait(false);
        }

        return copied;
    }

    /// <summary>Writes a row where the statements on its table look for it.</summary>
    private static async ValueTask InsertAsync(SqlSession sql, Table table, string statement, SqlValue[] row)
    {
        if (sql.Shards is not { Count: > 1 } shards)
        {
            await sql.ExecuteAsync(statement, row).ConfigureAwait(false);
            return;
        }

        if (table.Name == Terms)
        {
            // The grants of each database have theirs in it.
            foreach (var shard in shards) await shard.ExecuteAsync(statement, row).ConfigureAwait(false);
            return;
        }

        var home = table.Name switch
        {
            "replay_guard" or "pushed_requests" => sql.ShardOf(RowId.BucketOf((byte[])Value("id")!)),
            "revoked_tokens" => sql.ShardOf(RevokedTokens.BucketOf((string)Value("jti")!)),
            "users" => sql.ShardOf((string)Value("sub")!),
            "audit" => Value("sub") is string subject ? sql.ShardOf(subject) : sql,
            _ => Value("bucket") is long bucket ? sql.ShardOf((int)bucket) : sql,
        };
        await home.ExecuteAsync(statement, row).ConfigureAwait(false);
        if (table.Name == "users") await LoginNames.InsertAsync(sql, (string)Value("login_name")!, (string)Value("sub")!, (long)Value("created_at")!).ConfigureAwait(false);

        object? Value(string column)
        {
            for (var i = 0; i < row.Length; i++)
            {
                if (table.Columns[i].Name == column) return row[i].Boxed;
            }

            return null;
        }
    }

    private static SqlValue[] Values(SqlRow row, Table table)
    {
        var values = new SqlValue[table.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = table.Columns[i].Kind switch
            {
                Kind.Text => row.TextOrNull(i),
                Kind.Bytes => row.BytesOrNull(i),
                _ => row.LongOrNull(i),
            };
        }

        return values;
    }

    private static ValueTask<long> CountAsync(Database database, string table) =>
        database.ReadAsync(sql => sql.FindAsync($"SELECT COUNT(*) FROM {table}", row => row.Long(0)));

    private static async Task<long> CountAllAsync(Database database, string table)
    {
        var count = 0L;
        foreach (var shard in database.Shards) count += await CountAsync(shard, table).ConfigureAwait(false);
        return count;
    }

    private static async ValueTask<List<string>> NamesAsync(SqlSession sql, string engine)
    {
        var names = await sql.ListAsync(
            engine == "sqlite"
                ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
                : "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace ORDER BY 1",
            row => row.Text(0)).ConfigureAwait(false);
        names.RemoveAll(Own.Contains);
        return names;
    }

    private static async ValueTask<List<Table>> TablesAsync(SqlSession sql)
    {
        var tables = new List<Table>();
        foreach (var name in await NamesAsync(sql, "sqlite").ConfigureAwait(false))
        {
            var columns = await sql.ListAsync(
                "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid", row => (Name: row.Text(0), Type: row.Text(1), IsKey: row.Long(2) > 0), name).ConfigureAwait(false);
            // Such a row comes with the schema and is replaced.
            var hasOneRow = await sql.FindAsync("SELECT sql LIKE '%CHECK (id = 1)%' FROM sqlite_master WHERE type = 'table' AND name = $1", row => row.Long(0), name).ConfigureAwait(false) == 1;
            tables.Add(new(name, hasOneRow,
            [
                .. columns.Select(column => new Column(
                    column.Name,
                    column.Type switch { "TEXT" => Kind.Text, "BLOB" => Kind.Bytes, _ => Kind.Integer },
                    column.IsKey,
                    column is { Name: "id", Type: "INTEGER", IsKey: true } && !hasOneRow)),
            ]));
        }

        return tables;
    }

    private enum Kind
    {
        Text,
        Integer,
        Bytes,
    }

    private sealed record Column(string Name, Kind Kind, bool IsKey, bool IsNumbered);

    private sealed record Table(string Name, bool HasOneRow, IReadOnlyList<Column> Columns);
}
