using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Storage;

/// <summary>A device that waits for a person to decide (RFC 8628).</summary>
public sealed record DeviceCode
{
    /// <summary>SHA-256 of the device code.</summary>
    public required byte[] CodeHash { get; init; }

    /// <summary>The user code, without its dash.</summary>
    public required string UserCode { get; init; }

    /// <summary>The client that asked.</summary>
    public required string ClientId { get; init; }

    /// <summary>What it asked for, separated by spaces.</summary>
    public required string Scope { get; init; }

    /// <summary>For which resources, separated by spaces.</summary>
    public required string Resources { get; init; }

    /// <summary>One of <see cref="DeviceCodeStatus"/>.</summary>
    public string Status { get; init; } = DeviceCodeStatus.Pending;

    /// <summary>Who decided.</summary>
    public string? Subject { get; init; }

    /// <summary>The grant that redeeming makes, set when it is approved.</summary>
    public RowId? GrantId { get; init; }

    /// <summary>When the person who approved had signed in, unix seconds.</summary>
    public long? AuthTime { get; init; }

    /// <summary>The authentication context of that sign-in.</summary>
    public string? Acr { get; init; }

    /// <summary>The methods of that sign-in, separated by spaces.</summary>
    public string? Amr { get; init; }

    /// <summary>Seconds that the device must leave between polls.</summary>
    public required int IntervalSeconds { get; init; }

    /// <summary>When it last polled, unix milliseconds.</summary>
    public long? PolledAt { get; init; }

    /// <summary>When it asked, unix milliseconds.</summary>
    public required long CreatedAt { get; init; }

    /// <summary>When both codes end, unix milliseconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>From where it asked.</summary>
    public string? Address { get; init; }

    /// <summary>What it called itself.</summary>
    public string? UserAgent { get; init; }
}

/// <summary>Where a device code stands.</summary>
public static class DeviceCodeStatus
{
    /// <summary>Nobody decided yet.</summary>
    public const string Pending = "pending";

    /// <summary>The person said yes; the device has not come for it.</summary>
    public const string Approved = "approved";

    /// <summary>The person said no.</summary>
    public const string Denied = "denied";

    /// <summary>The device has its tokens.</summary>
    public const string Used = "used";
}

/// <summary>The statements on <c>device_codes</c>.</summary>
public static class DeviceCodes
{
    private const string Columns =
        "code_hash, user_code, client_id, scope, resources, status, sub, grant_id, auth_time, acr, amr, interval_seconds, polled_at, created_at, expires_at, address, user_agent";

    /// <summary>What a row keeps of the device's half; the code itself is never stored.</summary>
    public static byte[] Hash(string deviceCode) => SHA256.HashData(Encoding.UTF8.GetBytes(deviceCode));

    /// <summary>Adds a code.</summary>
    /// <returns>False if the user code is taken: make another.</returns>
    public static async ValueTask<bool> InsertAsync(SqlSession sql, DeviceCode code) =>
        await sql.ExecuteAsync(
            $"INSERT INTO device_codes ({Columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING",
            code.CodeHash, code.UserCode, code.ClientId, code.Scope, code.Resources, code.Status, code.Subject, code.GrantId?.ToBytes(), code.AuthTime,
            code.Acr, code.Amr, code.IntervalSeconds, code.PolledAt, code.CreatedAt, code.ExpiresAt, code.Address, code.UserAgent).ConfigureAwait(false) == 1;

    /// <summary>Finds a code by the hash of the device's half.</summary>
    public static ValueTask<DeviceCode?> FindAsync(SqlSession sql, byte[] codeHash) =>
        sql.FindAsync($"SELECT {Columns} FROM device_codes WHERE code_hash = $1", Read, codeHash);

    /// <summary>Finds a code by the person's half.</summary>
    public static ValueTask<DeviceCode?> FindByUserCodeAsync(SqlSession sql, string userCode) =>
        sql.FindAsync($"SELECT {Columns} FROM device_codes WHERE user_code = $1", Read, userCode);

    /// <summary>Notes a poll.</summary>
    public static async ValueTask NotePollAsync(SqlSession sql, byte[] codeHash, int intervalSeconds, long now) =>
        await sql.ExecuteAsync("UPDATE device_codes SET polled_at = $2, interval_seconds = $3 WHERE code_hash = $1", codeHash, now, intervalSeconds).ConfigureAwait(false);

    /// <summary>Writes the person's yes.</summary>
    /// <returns>False if somebody decided already or the time is over.</returns>
    public static async ValueTask<bool> ApproveAsync(
        SqlSession sql, string userCode, RowId grantId, string subject, long authTime, string acr, string amr, long now) =>
        await sql.ExecuteAsync(
            """
            UPDATE device_codes SET status = 'approved', grant_id = $2, sub = $3, auth_time = $4, acr = $5, amr = $6
            WHERE user_code = $1 AND status = 'pending' AND expires_at > $7
            """,
            userCode, grantId.ToBytes(), subject, authTime, acr, amr, now).ConfigureAwait(false) == 1;

    /// <summary>Writes the person's no.</summary>
    /// <returns>False if somebody decided already or the time is over.</returns>
    public static async ValueTask<bool> DenyAsync(SqlSession sql, string userCode, string subject, long now) =>
        await sql.ExecuteAsync(
            "UPDATE device_codes SET status = 'denied', sub = $2 WHERE user_code = $1 AND status = 'pending' AND expires_at > $3",
            userCode, subject, now).ConfigureAwait(false) == 1;

    /// <summary>Takes back what a person approved and no device has fetched: for when their access is ended.</summary>
    public static ValueTask<int> DenyAllAsync(SqlSession sql, string subject) =>
        sql.ExecuteAsync("UPDATE device_codes SET status = 'denied' WHERE sub = $1 AND status = 'approved'", subject);

    /// <summary>Uses up an approved code; exactly one of many concurrent callers wins.</summary>
    public static async ValueTask<bool> UseAsync(SqlSession sql, byte[] codeHash, long now) =>
        await sql.ExecuteAsync(
            "UPDATE device_codes SET status = 'used' WHERE code_hash = $1 AND status = 'approved' AND expires_at > $2", codeHash, now).ConfigureAwait(false) == 1;

    /// <summary>Removes all codes: for a database that was brought back, in which used ones may be unused again.</summary>
    public static ValueTask<int> DeleteAllAsync(SqlSession sql) => sql.ExecuteAsync("DELETE FROM device_codes");

    /// <summary>Removes a few codes that are long over.</summary>
    public static ValueTask<int> PruneAsync(SqlSession sql, long before, int limit) =>
        sql.ExecuteAsync(
            "DELETE FROM device_codes WHERE code_hash IN (SELECT code_hash FROM device_codes WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)", before, limit);

    private static DeviceCode Read(SqlRow row) => new()
    {
        CodeHash = row.Bytes(0),
        UserCode = row.Text(1),
        ClientId = row.Text(2),
        Scope = row.Text(3),
        Resources = row.Text(4),
        Status = row.Text(5),
        Subject = row.TextOrNull(6),
        GrantId = row.BytesOrNull(7) is { } grant ? RowId.From(grant) : null,
        AuthTime = row.LongOrNull(8),
        Acr = row.TextOrNull(9),
        Amr = row.TextOrNull(10),
        IntervalSeconds = row.Int(11),
        PolledAt = row.LongOrNull(12),
        CreatedAt = row.Long(13),
        ExpiresAt = row.Long(14),
        Address = row.TextOrNull(15),
        UserAgent = row.TextOrNull(16),
    };
}
