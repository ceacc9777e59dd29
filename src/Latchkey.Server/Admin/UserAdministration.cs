using System.Text.Json;
using Latchkey.Server.Login;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with users, found by username or <c>sub</c>. Every change is audited in its own transaction.</summary>
/// <param name="database">Where the users are kept.</param>
/// <param name="users">The user directory.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class UserAdministration(Database database, UserDirectory users, TimeProvider clock, string actor)
{
    /// <summary>Users in the order of their names.</summary>
    /// <param name="limit">How many at most.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<User>> ListAsync(int limit) => users.ListAsync(limit);

    /// <summary>A user by username, else by <c>sub</c>.</summary>
    /// <exception cref="AdministrationException">There is no such user.</exception>
    public async ValueTask<User> FindAsync(string name) =>
        await users.FindByUsernameAsync(name).ConfigureAwait(false) ?? await users.FindAsync(name).ConfigureAwait(false)
        ?? throw new AdministrationException($"There is no user {name}; see latchkey user list.");

    /// <summary>Makes a user.</summary>
    /// <param name="username">The name to sign in with.</param>
    /// <param name="password">The password, taken as it is; null for none.</param>
    /// <param name="claims">OIDC standard claims.</param>
    /// <param name="subject">The <c>sub</c>; made at random if null.</param>
    /// <exception cref="AdministrationException">The name or the sub can't be had; nothing was changed.</exception>
    public async Task<User> CreateAsync(string username, string? password, IReadOnlyDictionary<string, JsonElement> claims, string? subject)
    {
        Judge(claims);
        if (subject is not null && UserRules.SubjectFault(subject, username) is { } fault) throw new AdministrationException($"The sub {fault}.");
        return await users.CreateAsync(username, password, claims, subject, Audit(AuditEvents.UserChanged) with { Detail = AdminDetail.Of("created") }).ConfigureAwait(false)
            ?? throw new AdministrationException($"The user {username} can't be made: the name is taken or longer than 256 characters, or the sub belongs to another user or is a client_id.");
    }

    /// <summary>Sets claims; one whose value is JSON null is taken away.</summary>
    /// <exception cref="AdministrationException">There is no such user, or a claim is unknown or of the wrong type.</exception>
    public async Task<User> UpdateAsync(string name, IReadOnlyDictionary<string, JsonElement> claims)
    {
        Judge(claims);
        var user = await FindAsync(name).ConfigureAwait(false);
        var merged = Merge(user.Claims, claims);
        if (!Same(merged, user.Claims))
            await users.UpdateClaimsAsync(user.Subject, merged, Audit(AuditEvents.UserChanged) with { Detail = AdminDetail.Of("updated") }).ConfigureAwait(false);
        return user with { Claims = merged };
    }

    /// <summary>
    /// Sets a password, unlocks the account, and ends all of the person's sessions and grants. Like a declared one it is taken as it is: how good it
    /// must be is the operator's business here.
    /// </summary>
    /// <exception cref="AdministrationException">There is no such user, or the password is empty.</exception>
    public async Task<User> SetPasswordAsync(string name, string password)
    {
        var user = await FindAsync(name).ConfigureAwait(false);
        if (password.Length is 0 or > UserDirectory.MaximumPasswordLength)
            throw new AdministrationException($"The password is empty or longer than {UserDirectory.MaximumPasswordLength} characters; nothing was changed.");
        await users.SetPasswordAsync(user.Subject, password, Audit(AuditEvents.PasswordChanged)).ConfigureAwait(false);
        return user;
    }

    /// <summary>Shuts an account, and ends all of the person's sessions and grants.</summary>
    /// <exception cref="AdministrationException">There is no such user.</exception>
    public async Task<User> DisableAsync(string name)
    {
        var user = await FindAsync(name).ConfigureAwait(false);
        await users.DisableAsync(user.Subject, Audit(AuditEvents.UserChanged) with { Detail = AdminDetail.Of("disabled") }).ConfigureAwait(false);
        return user;
    }

    /// <summary>Ends all of a person's sessions and grants; the account stays open.</summary>
    /// <exception cref="AdministrationException">There is no such user.</exception>
    public async Task<User> RevokeAsync(string name)
    {
        var user = await FindAsync(name).ConfigureAwait(false);
        await users.EndAccessAsync(user.Subject, Audit(AuditEvents.AccessEnded)).ConfigureAwait(false);
        return user;
    }

    /// <summary>Opens an account again, and unlocks it.</summary>
    /// <exception cref="AdministrationException">There is no such user.</exception>
    public async Task<User> EnableAsync(string name)
    {
        var user = await FindAsync(name).ConfigureAwait(false);
        await users.EnableAsync(user.Subject, Audit(AuditEvents.UserChanged) with { Detail = AdminDetail.Of("enabled") }).ConfigureAwait(false);
        return user;
    }

    /// <summary>Deletes a user with what they agreed to, and ends all of their sessions and grants.</summary>
    /// <exception cref="AdministrationException">There is no such user.</exception>
    public async Task<User> DeleteAsync(string name)
    {
        var user = await FindAsync(name).ConfigureAwait(false);
        await users.DeleteAsync(user.Subject, Audit(AuditEvents.UserDeleted)).ConfigureAwait(false);
        // Declared again later, the person is a new one and gets the declared password.
        await database.WriteAsync(async sql =>
        {
            await Declarations.DeleteAsync(sql, StateApplier.PasswordKind, user.LoginName).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return user;
    }

    /// <summary>Claims with changes laid over them; a change to JSON null takes the claim away.</summary>
    internal static IReadOnlyDictionary<string, JsonElement> Merge(IReadOnlyDictionary<string, JsonElement> claims, IReadOnlyDictionary<string, JsonElement> changes)
    {
        var merged = new Dictionary<string, JsonElement>(claims, StringComparer.Ordinal);
        foreach (var (name, value) in changes)
        {
            if (value.ValueKind == JsonValueKind.Null) merged.Remove(name);
            else merged[name] = value;
        }

        return merged;
    }

    /// <summary>Whether two sets of claims say the same.</summary>
    internal static bool Same(IReadOnlyDictionary<string, JsonElement> left, IReadOnlyDictionary<string, JsonElement> right) =>
        left.Count == right.Count && left.All(claim => right.TryGetValue(claim.Key, out var value) && JsonElement.DeepEquals(claim.Value, value));

    private static void Judge(IReadOnlyDictionary<string, JsonElement> claims)
    {
        foreach (var (name, value) in claims)
        {
            if (!UserRules.IsClaim(name)) throw new AdministrationException($"The claim {name} is unknown; use {string.Join(", ", UserRules.Claims)}.");
            if (value.ValueKind != JsonValueKind.Null && UserRules.ClaimFault(name, value) is { } fault) throw new AdministrationException($"The claim {name} {fault}.");
        }
    }

    private AuditEvent Audit(string name) => new() { At = clock.GetUtcNow().ToUnixTimeMilliseconds(), Event = name, Actor = actor };
}
