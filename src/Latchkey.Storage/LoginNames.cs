namespace Latchkey.Storage;

/// <summary>
/// The statements on <c>login_names</c>: where people's rows lie in several databases, the first knows of each name whose it is. In one database the
/// column <c>login_name</c> of <c>users</c> does that, and the table is empty.
/// </summary>
internal static class LoginNames
{
    // A name is taken in one database before its person is written to another. One that was taken this long ago for nobody is free.
    private const long PatienceMilliseconds = 3_600_000;

    /// <summary>Whose a name is.</summary>
    /// <returns>The <c>sub</c>, or null if it is nobody's.</returns>
    public static ValueTask<string?> FindAsync(SqlSession sql, string loginName) =>
        sql.FindAsync("SELECT sub FROM login_names WHERE login_name = $1", row => row.Text(0), loginName);

    /// <summary>Takes a name for a person who is written in the same transaction.</summary>
    /// <returns>False if it is another's.</returns>
    public static async ValueTask<bool> TakeAsync(SqlSession sql, string loginName, string subject, long now)
    {
        if (await InsertAsync(sql, loginName, subject, now).ConfigureAwait(false)) return true;
        var holder = await sql.FindAsync("SELECT sub FROM login_names WHERE login_name = $1 AND taken_at < $2", row => row.Text(0), loginName, now - PatienceMilliseconds).ConfigureAwait(false);
        if (holder is null || await NameOfAsync(sql, holder).ConfigureAwait(false) == loginName) return false;
        return await sql.ExecuteAsync(
            "UPDATE login_names SET sub = $2, taken_at = $3 WHERE login_name = $1 AND sub = $4 AND taken_at < $5",
            loginName, subject, now, holder, now - PatienceMilliseconds).ConfigureAwait(false) == 1;
    }

    /// <summary>Gives a person another name, if it is another.</summary>
    /// <returns>False if there is no such person, or the name is another's.</returns>
    public static async ValueTask<bool> ChangeAsync(SqlSession sql, string loginName, string subject, long now)
    {
        if (await NameOfAsync(sql, subject).ConfigureAwait(false) is not { } before) return false;
        if (before == loginName) return true;
        if (!await TakeAsync(sql, loginName, subject, now).ConfigureAwait(false)) return false;
        await DeleteAsync(sql, before, subject).ConfigureAwait(false);
        return true;
    }

    /// <summary>Frees the name of a person who is removed.</summary>
    public static async ValueTask ReleaseAsync(SqlSession sql, string subject)
    {
        if (await NameOfAsync(sql, subject).ConfigureAwait(false) is { } name) await DeleteAsync(sql, name, subject).ConfigureAwait(false);
    }

    /// <summary>Writes down a name.</summary>
    /// <returns>False if it is somebody's.</returns>
    public static async ValueTask<bool> InsertAsync(SqlSession sql, string loginName, string subject, long now) =>
        await sql.ExecuteAsync("INSERT INTO login_names (login_name, sub, taken_at) VALUES ($1, $2, $3) ON CONFLICT (login_name) DO NOTHING", loginName, subject, now)
            .ConfigureAwait(false) == 1;

    /// <summary>Frees a name that is a person's.</summary>
    public static ValueTask<int> DeleteAsync(SqlSession sql, string loginName, string subject) =>
        sql.ExecuteAsync("DELETE FROM login_names WHERE login_name = $1 AND sub = $2", loginName, subject);

    private static ValueTask<string?> NameOfAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).FindAsync("SELECT login_name FROM users WHERE sub = $1", row => row.Text(0), subject);
}
