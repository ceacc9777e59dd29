using System.Text.Json;

namespace Latchkey.Storage;

/// <summary>A person who can sign in.</summary>
public sealed record User
{
    /// <summary>The subject: never the username, never a client_id.</summary>
    public required string Subject { get; init; }

    /// <summary>The name the person signs in with.</summary>
    public required string Username { get; init; }

    /// <summary>The username, normalised.</summary>
    public required string LoginName { get; init; }

    /// <summary>The password's hash; null if the person has none.</summary>
    public string? PasswordHash { get; init; }

    /// <summary>Changes whenever the person's credentials do.</summary>
    public required string SecurityStamp { get; init; }

    /// <summary>OIDC standard claims (OpenID Connect Core section 5.1), without <c>sub</c>.</summary>
    public required IReadOnlyDictionary<string, JsonElement> Claims { get; init; }

    /// <summary>Wrong passwords since the last right one.</summary>
    public int AccessFailedCount { get; init; }

    /// <summary>Until when sign-in is refused, unix milliseconds.</summary>
    public long? LockoutEnd { get; init; }

    /// <summary>When the operator shut the account, unix milliseconds.</summary>
    public long? DisabledAt { get; init; }

    /// <summary>When the account was made, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When it last changed, unix milliseconds.</summary>
    public required long UpdatedAt { get; init; }

    /// <summary>A claim that is text.</summary>
    public string? Claim(string name) => Claims.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>The name people see: <c>name</c>, else the username.</summary>
    public string DisplayName => Claim("name") ?? Username;

    /// <summary>Names the user, never shows the hash.</summary>
    public override string ToString() => $"user {Subject}";
}

/// <summary>The statements on <c>users</c>.</summary>
public static class Users
{
    private const string Columns =
        "sub, username, login_name, password_hash, security_stamp, claims, access_failed_count, lockout_end, disabled_at, created_at, updated_at";

    /// <summary>The columns that <see cref="Read"/> reads, of a table that a longer statement names <c>u</c>, and how many they are.</summary>
    internal const string JoinedColumns =
        "u.sub, u.username, u.login_name, u.password_hash, u.security_stamp, u.claims, u.access_failed_count, u.lockout_end, u.disabled_at, u.created_at, u.updated_at";

    internal const int ColumnCount = 11;

    /// <summary>Finds a user by <c>sub</c>.</summary>
    public static ValueTask<User?> FindAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).FindAsync($"SELECT {Columns} FROM users WHERE sub = $1", Read, subject);

    /// <summary>Finds a user who is to be changed by what is read, or on whose being as they are something rests: nobody changes them meanwhile.</summary>
    public static ValueTask<User?> FindForUpdateAsync(SqlSession sql, string subject) =>
        sql.ShardOf(subject).FindAsync($"SELECT {Columns} FROM users WHERE sub = $1{sql.ForUpdate}", Read, subject);

    /// <summary>Finds a user by normalised username.</summary>
    public static async ValueTask<User?> FindByLoginNameAsync(SqlSession sql, string loginName)
    {
        if (sql.Shards.Count > 1)
        {
            if (await LoginNames.FindAsync(sql, loginName).ConfigureAwait(false) is not { } subject) return null;
            sql = sql.ShardOf(subject);
        }

        return await sql.FindAsync($"SELECT {Columns} FROM users WHERE login_name = $1", Read, loginName).ConfigureAwait(false);
    }

    /// <summary>Users in the order of their names.</summary>
    public static ValueTask<List<User>> ListAsync(SqlSession sql, int limit) =>
        sql.MergeAsync(
            shard => shard.ListAsync($"SELECT {Columns} FROM users ORDER BY login_name LIMIT $1", Read, limit),
            (a, b) => string.CompareOrdinal(a.LoginName, b.LoginName), limit);

    /// <summary>The users whose claim <c>email</c> is an address, in any case. It reads every user: for what an operator does now and then.</summary>
    public static async ValueTask<List<User>> ListByEmailAsync(SqlSession sql, string email)
    {
        // The claims are JSON as it was written here: nothing between name and value, and escaped as this does it.
        var text = JsonEncodedText.Encode(email).Value.ToLowerInvariant()
            .Replace("!", "!!", StringComparison.Ordinal).Replace("%", "!%", StringComparison.Ordinal).Replace("_", "!_", StringComparison.Ordinal);
        var pattern = $"%\"email\":\"{text}\"%";
        var found = await sql.MergeAsync(
            shard => shard.ListAsync($"SELECT {Columns} FROM users WHERE lower(claims) LIKE $1 ESCAPE '!' LIMIT 100", Read, pattern),
            (a, b) => string.CompareOrdinal(a.LoginName, b.LoginName), 100).ConfigureAwait(false);
        return found.FindAll(user => string.Equals(user.Claim("email"), email, StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>Adds a user.</summary>
    /// <returns>False if the <c>sub</c> or the name is taken.</returns>
    public static async ValueTask<bool> InsertAsync(SqlSession sql, User user)
    {
        var isSpread = sql.Shards.Count > 1;
        if (isSpread && !await LoginNames.TakeAsync(sql, user.LoginName, user.Subject, user.CreatedAt).ConfigureAwait(false)) return false;
        var written = await sql.ShardOf(user.Subject).ExecuteAsync(
            $"INSERT INTO users ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            user.Subject, user.Username, user.LoginName, user.PasswordHash, user.SecurityStamp, Json(user.Claims), user.AccessFailedCount, user.LockoutEnd,
            user.DisabledAt, user.CreatedAt, user.UpdatedAt).ConfigureAwait(false) == 1;
        if (isSpread && !written) await LoginNames.DeleteAsync(sql, user.LoginName, user.Subject).ConfigureAwait(false);
        return written;
    }

    /// <summary>Writes a user's columns.</summary>
    /// <returns>False if there is no such user, or, where there are several databases, another has the name.</returns>
    public static async ValueTask<bool> UpdateAsync(SqlSession sql, User user) =>
        (sql.Shards.Count == 1 || await LoginNames.ChangeAsync(sql, user.LoginName, user.Subject, user.UpdatedAt).ConfigureAwait(false))
        && await sql.ShardOf(user.Subject).ExecuteAsync(
            """
            UPDATE users SET username = $2, login_name = $3, password_hash = $4, security_stamp = $5, claims = $6, access_failed_count = $7,
              lockout_end = $8, disabled_at = $9, updated_at = $10 WHERE sub = $1
            """,
            user.Subject, user.Username, user.LoginName, user.PasswordHash, user.SecurityStamp, Json(user.Claims), user.AccessFailedCount,
            user.LockoutEnd, user.DisabledAt, user.UpdatedAt).ConfigureAwait(false) == 1;

    /// <summary>
    /// Counts one wrong password in one statement, so that guesses made at once are all counted; locks the account at the limit.
    /// </summary>
    /// <returns>Whether this was the guess that locked the account.</returns>
    public static async ValueTask<bool> CountFailureAsync(SqlSession sql, string subject, int limit, long lockedUntil) =>
        await sql.ShardOf(subject).FindAsync(
            """
            UPDATE users SET lockout_end = CASE WHEN access_failed_count + 1 >= $2 THEN $3 ELSE lockout_end END,
              access_failed_count = CASE WHEN access_failed_count + 1 >= $2 THEN 0 ELSE access_failed_count + 1 END WHERE sub = $1
            RETURNING access_failed_count
            """,
            row => (int?)row.Int(0), subject, limit, lockedUntil).ConfigureAwait(false) == 0;

    /// <summary>
    /// Forgets wrong passwords after a right one, in one statement that also judges it: guesses that were counted meanwhile may have locked the
    /// account, the operator may have shut it, the password may be another by now.
    /// </summary>
    /// <returns>Whether the password still counts.</returns>
    public static async ValueTask<bool> AcceptPasswordAsync(SqlSession sql, string subject, string passwordHash, long now) =>
        await sql.ShardOf(subject).ExecuteAsync(
            """
            UPDATE users SET access_failed_count = 0, lockout_end = NULL
            WHERE sub = $1 AND password_hash = $2 AND disabled_at IS NULL AND (lockout_end IS NULL OR lockout_end <= $3)
            """,
            subject, passwordHash, now).ConfigureAwait(false) == 1;

    /// <summary>Removes a user.</summary>
    public static async ValueTask<bool> DeleteAsync(SqlSession sql, string subject)
    {
        if (sql.Shards.Count > 1) await LoginNames.ReleaseAsync(sql, subject).ConfigureAwait(false);
        return await sql.ShardOf(subject).ExecuteAsync("DELETE FROM users WHERE sub = $1", subject).ConfigureAwait(false) == 1;
    }

    private static string Json(IReadOnlyDictionary<string, JsonElement> claims) =>
        JsonSerializer.Serialize(new Dictionary<string, JsonElement>(claims), StorageJson.Default.DictionaryStringJsonElement);

    internal static User Read(SqlRow row) => new()
    {
        Subject = row.Text(0),
        Username = row.Text(1),
        LoginName = row.Text(2),
        PasswordHash = row.TextOrNull(3),
        SecurityStamp = row.Text(4),
        Claims = new StoredClaims(row.Text(5)),
        AccessFailedCount = row.Int(6),
        LockoutEnd = row.LongOrNull(7),
        DisabledAt = row.LongOrNull(8),
        CreatedAt = row.Long(9),
        UpdatedAt = row.Long(10),
    };
}
