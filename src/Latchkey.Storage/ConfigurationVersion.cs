namespace Latchkey.Storage;

/// <summary>
/// The number that moves with every change of clients, resources and keys. Nodes poll it every second and read everything again when it moved.
/// </summary>
public static class ConfigurationVersion
{
    /// <summary>The version, and the time before which no grant is good (unix milliseconds).</summary>
    public static ValueTask<(long Version, long NotBefore)> ReadAsync(SqlSession sql) =>
        sql.FindAsync("SELECT version, not_before FROM configuration WHERE id = 1", row => (row.Long(0), row.Long(1)));

    /// <summary>Tells every node to read the configuration again.</summary>
    public static async ValueTask BumpAsync(SqlSession sql) =>
        await sql.ExecuteAsync("UPDATE configuration SET version = version + 1 WHERE id = 1").ConfigureAwait(false);

    /// <summary>
    /// Lets one transaction at a time change the configuration, over all nodes: who comes second waits here and then sees what the first has done. To be
    /// called before anything is read that the change depends on.
    /// </summary>
    public static async ValueTask LockAsync(SqlSession sql) =>
        await sql.ExecuteAsync("UPDATE configuration SET version = version WHERE id = 1").ConfigureAwait(false);

    /// <summary>Ends every grant there is, in one write.</summary>
    public static async ValueTask SetNotBeforeAsync(SqlSession sql, long notBefore) =>
        await sql.ExecuteAsync("UPDATE configuration SET version = version + 1, not_before = $1 WHERE id = 1", notBefore).ConfigureAwait(false);
}

/// <summary>
/// Keyed fingerprints of what was declared (passwords, secrets), so that a restart neither hashes it again nor undoes a later change.
/// </summary>
public static class Declarations
{
    /// <summary>The fingerprint of what was last applied, or null.</summary>
    /// <param name="sql">The session.</param>
    /// <param name="kind"><c>password</c> or <c>client_secret</c>.</param>
    /// <param name="name">Whose.</param>
    public static ValueTask<string?> FindAsync(SqlSession sql, string kind, string name) =>
        sql.FindAsync("SELECT fingerprint FROM declared WHERE kind = $1 AND name = $2", row => row.Text(0), kind, name);

    /// <summary>Remembers what was applied.</summary>
    public static async ValueTask SaveAsync(SqlSession sql, string kind, string name, string fingerprint) =>
        await sql.ExecuteAsync(
            "INSERT INTO declared (kind, name, fingerprint) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE SET fingerprint = excluded.fingerprint",
            kind, name, fingerprint).ConfigureAwait(false);

    /// <summary>Forgets, when the thing itself is deleted.</summary>
    public static async ValueTask DeleteAsync(SqlSession sql, string kind, string name) =>
        await sql.ExecuteAsync("DELETE FROM declared WHERE kind = $1 AND name = $2", kind, name).ConfigureAwait(false);
}
