using Latchkey.Storage;
using Microsoft.AspNetCore.Identity;

namespace Latchkey.Server.Login;

/// <summary>A user while ASP.NET Core Identity works on it: Identity changes properties, our rows are immutable.</summary>
/// <param name="row">The row as it was read.</param>
internal sealed class UserDraft(User row)
{
    /// <summary>The row as it was read.</summary>
    public User Original { get; } = row;

    /// <summary>The row as it shall be.</summary>
    public User Row { get; set; } = row;
}

/// <summary>
/// Identity's view of our <c>users</c> table: names, password hashes and security stamps. Lockout is not here: Identity reads, adds one and writes,
/// so that guesses made at once would count as one; <see cref="Users.CountFailureAsync"/> counts in a single statement instead.
/// </summary>
internal sealed class UserStore(Database database, TimeProvider clock) : IUserPasswordStore<UserDraft>, IUserSecurityStampStore<UserDraft>
{
    public async Task<IdentityResult> CreateAsync(UserDraft user, CancellationToken cancellationToken) =>
        await database.WriteAsync(sql => Users.InsertAsync(sql, user.Row)).ConfigureAwait(false)
            ? IdentityResult.Success
            : IdentityResult.Failed(new IdentityErrorDescriber().DuplicateUserName(user.Row.Username));

    /// <summary>Writes what Identity may change (name, hash, stamp), unless the credentials have changed since they were read.</summary>
    public async Task<IdentityResult> UpdateAsync(UserDraft user, CancellationToken cancellationToken)
    {
        var (original, row) = (user.Original, user.Row);
        var written = await database.WriteAsync(async sql =>
            await Users.FindForUpdateAsync(sql, original.Subject).ConfigureAwait(false) is { } current && current.SecurityStamp == original.SecurityStamp
            && await Users.UpdateAsync(sql, current with
            {
                Username = row.Username,
                LoginName = row.LoginName,
                PasswordHash = row.PasswordHash,
                SecurityStamp = row.SecurityStamp,
                UpdatedAt = clock.GetUtcNow().ToUnixTimeMilliseconds(),
            }).ConfigureAwait(false)).ConfigureAwait(false);
        return written ? IdentityResult.Success : IdentityResult.Failed(new IdentityErrorDescriber().ConcurrencyFailure());
    }

    public async Task<IdentityResult> DeleteAsync(UserDraft user, CancellationToken cancellationToken)
    {
        await database.WriteAsync(sql => Users.DeleteAsync(sql, user.Row.Subject)).ConfigureAwait(false);
        return IdentityResult.Success;
    }

    public async Task<UserDraft?> FindByIdAsync(string userId, CancellationToken cancellationToken) =>
        await database.ReadAsync(sql => Users.FindAsync(sql, userId)).ConfigureAwait(false) is { } row ? new(row) : null;

    public async Task<UserDraft?> FindByNameAsync(string normalizedUserName, CancellationToken cancellationToken) =>
        await database.ReadAsync(sql => Users.FindByLoginNameAsync(sql, normalizedUserName)).ConfigureAwait(false) is { } row ? new(row) : null;

    public Task<string> GetUserIdAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult(user.Row.Subject);

    public Task<string?> GetUserNameAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.Row.Username);

    public Task SetUserNameAsync(UserDraft user, string? userName, CancellationToken cancellationToken) =>
        Change(user, user.Row with { Username = userName ?? "" });

    public Task<string?> GetNormalizedUserNameAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.Row.LoginName);

    public Task SetNormalizedUserNameAsync(UserDraft user, string? normalizedName, CancellationToken cancellationToken) =>
        Change(user, user.Row with { LoginName = normalizedName ?? "" });

    public Task<string?> GetPasswordHashAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult(user.Row.PasswordHash);

    public Task SetPasswordHashAsync(UserDraft user, string? passwordHash, CancellationToken cancellationToken) =>
        Change(user, user.Row with { PasswordHash = passwordHash });

    public Task<bool> HasPasswordAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult(user.Row.PasswordHash is not null);

    public Task<string?> GetSecurityStampAsync(UserDraft user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.Row.SecurityStamp);

    public Task SetSecurityStampAsync(UserDraft user, string stamp, CancellationToken cancellationToken) =>
        Change(user, user.Row with { SecurityStamp = stamp });

    public void Dispose()
    {
        // The database is the host's.
    }

    private static Task Change(UserDraft user, User row)
    {
        user.Row = row;
        return Task.CompletedTask;
    }
}
