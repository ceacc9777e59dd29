namespace Latchkey.Storage.Tests;

/// <summary>What belongs to a person lies together, so that it can lie in another database: decision 37.</summary>
public abstract class BucketTests(Engine engine)
{
    private const string Sqlite =
        "SELECT t.name, (SELECT k.name FROM pragma_table_info(t.name) k WHERE k.pk = 1) FROM sqlite_master t JOIN pragma_table_info(t.name) c ON c.name = 'bucket' WHERE t.type = 'table' ORDER BY 1";

    private const string Postgres =
        """
        SELECT t.relname::text, k.attname::text FROM pg_class t
        JOIN pg_attribute c ON c.attrelid = t.oid AND c.attname = 'bucket' JOIN pg_constraint p ON p.conrelid = t.oid AND p.contype = 'p'
        JOIN pg_attribute k ON k.attrelid = t.oid AND k.attnum = p.conkey[1]
        WHERE t.relkind IN ('r', 'p') AND NOT t.relispartition AND t.relnamespace = current_schema()::regnamespace ORDER BY 1
        """;

    [Fact]
    public async Task The_bucket_leads_the_key_of_whatever_has_one()
    {
        await using var test = await engine.CreateAsync();
        var tables = await test.ReadAsync(sql => sql.ListAsync(engine.Name == "sqlite" ? Sqlite : Postgres, row => (Table: row.Text(0), First: row.Text(1))));
        Assert.Equal(["consents", "grants", "session_clients", "sessions"], tables.Select(table => table.Table));
        Assert.All(tables, table => Assert.Equal("bucket", table.First));
    }
}

public sealed class SqliteBucketTests() : BucketTests(Engine.Sqlite);

public sealed class PostgreSqlBucketTests(PostgresServer server) : BucketTests(new(server));
