using System.Globalization;

namespace Latchkey.Storage.Tests;

/// <summary>A copy has every row of every table, whatever tables there are, and is only made into an empty database.</summary>
public sealed class DatabaseCopyTests
{
    // More than a step, so that the copy has to go on where it stopped.
    private const int Rows = 1203;

    [Fact]
    public async Task Every_row_of_every_table_is_in_the_copy()
    {
        await using var from = await Engine.Sqlite.CreateAsync();
        await using var to = await Engine.Sqlite.CreateAsync();
        var tables = await FillAsync(from, Rows);
        var told = new Dictionary<string, long>();
        await DatabaseCopy.RunAsync(from.Database, to.Database, told.Add);

        Assert.Equal(tables, told.Keys.Order());
        Assert.True(told.Count(table => table.Value == Rows) > 15);
        foreach (var table in tables)
        {
            Assert.Equal(await from.CountAsync(table), told[table]);
            Assert.Equal(await ContentAsync(from, table), await ContentAsync(to, table));
        }
    }

    [Fact]
    public async Task A_database_that_has_something_is_not_copied_into()
    {
        await using var from = await Engine.Sqlite.CreateAsync();
        await using var to = await Engine.Sqlite.CreateAsync();
        await FillAsync(from, 3);
        await to.WriteAsync(sql => RevokedTokens.AddAsync(sql, "mine", TestDatabase.Now));
        var exception = await Assert.ThrowsAsync<DatabaseUnavailableException>(() => DatabaseCopy.RunAsync(from.Database, to.Database, (_, _) => { }));
        Assert.Contains("not empty", exception.Message, StringComparison.Ordinal);
        Assert.Contains("revoked_tokens", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, await to.CountAsync("clients"));
    }

    private static async Task<List<string>> FillAsync(TestDatabase test, int rows)
    {
        var tables = await test.ReadAsync(sql => sql.ListAsync(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('migrations', 'shard_placement', 'login_names') ORDER BY name", row => row.Text(0)));
        await test.WriteAsync(async sql =>
        {
            await sql.ExecuteAsync("UPDATE configuration SET version = 42, not_before = 7");
            // A table of one row has it from the beginning.
            var single = await sql.ListAsync("SELECT name FROM sqlite_master WHERE sql LIKE '%CHECK (id = 1)%'", row => row.Text(0));
            foreach (var table in tables.Except(single))
            {
                var columns = await sql.ListAsync("SELECT name, type, \"notnull\" FROM pragma_table_info($1)", row => (Name: row.Text(0), Type: row.Text(1), Needed: row.Long(2) == 1), table);
                var insert = $"INSERT INTO {table} ({string.Join(", ", columns.Select(column => column.Name))}) VALUES ({string.Join(", ", columns.Select((_, i) => $"${i + 1}"))})";
                for (var row = 1; row <= rows; row++)
                {
                    var text = string.Create(CultureInfo.InvariantCulture, $"{table} {row} ü");
                    SqlValue[] values = [.. columns.Select(column => column.Type switch
                    {
                        _ when !column.Needed && row % 3 == 0 && column.Name != "id" => SqlValue.Null,
                        "TEXT" => text,
                        "BLOB" => System.Text.Encoding.UTF8.GetBytes(text),
                        _ => (SqlValue)(long)row,
                    })];
                    await sql.ExecuteAsync(insert, values);
                }
            }
        });
        return tables;
    }

    private static async Task<string> ContentAsync(TestDatabase test, string table) => await test.ReadAsync(async sql =>
    {
        var columns = await sql.ListAsync("SELECT name FROM pragma_table_info($1)", row => row.Text(0), table);
        return string.Join('\n', await sql.ListAsync($"SELECT {string.Join(" || '|' || ", columns.Select(column => $"quote({column})"))} FROM {table} ORDER BY 1", row => row.Text(0)));
    });
}
