namespace Latchkey.Storage;

/// <summary>The statements on <c>key_ring</c>: the keys of Data Protection, for nodes that share them by the database.</summary>
public static class KeyRingElements
{
    /// <summary>Every element, oldest first.</summary>
    public static ValueTask<List<string>> ListAsync(SqlSession sql) => sql.ListAsync("SELECT element FROM key_ring ORDER BY id", row => row.Text(0));

    /// <summary>Adds an element.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="name">What it calls itself.</param>
    /// <param name="element">Its XML.</param>
    public static async ValueTask AddAsync(SqlSession sql, string name, string element) =>
        await sql.ExecuteAsync("INSERT INTO key_ring (name, element) VALUES ($1, $2)", name, element).ConfigureAwait(false);
}
