using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Latchkey.Server.Logout;
using Latchkey.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Latchkey.Server.Login;

/// <summary>
/// The people who can sign in. Whatever takes a person's credentials or account away ends their sessions and grants in the same transaction, and
/// tells the apps. Safe to share between threads.
/// </summary>
public sealed class UserDirectory : IDisposable
{
    /// <summary>The fewest characters of a password that a person chooses (NIST SP 800-63B section 3.1.1.2 asks for length, not for kinds).</summary>
    public const int MinimumPasswordLength = 12;

    /// <summary>The most characters of a password that a person chooses.</summary>
    public const int MaximumPasswordLength = 256;

    private const int MaximumUsernameLength = 256;

    private readonly Database _database;
    private readonly ServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly LogoutSignal? _logouts;
    private readonly ServiceProvider _nothing = new ServiceCollection().BuildServiceProvider();
    private readonly UserManager<UserDraft> _manager;
    private readonly Lazy<User> _nobody;

    // Hashing a password takes tens of milliseconds of CPU by intent. At most half of the processors do it at a time, so that people signing in
    // all at once leave threads and time to the token endpoint.
    private readonly SemaphoreSlim _hashing = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>Opens the directory.</summary>
    /// <param name="database">Where the users are kept.</param>
    /// <param name="options">The lockout's threshold and duration.</param>
    /// <param name="clock">The time.</param>
    public UserDirectory(Database database, ServerOptions options, TimeProvider clock)
        : this(database, options, clock, null)
    {
    }

    internal UserDirectory(Database database, ServerOptions options, TimeProvider clock, LogoutSignal? logouts)
    {
        (_database, _options, _clock, _logouts) = (database, options, clock, logouts);
        _manager = new UserManager<UserDraft>(
            new UserStore(database, clock), Options.Create(new IdentityOptions { User = { AllowedUserNameCharacters = "" } }),
            new PasswordHasher<UserDraft>(), [new UserValidator<UserDraft>()], [], new UpperInvariantLookupNormalizer(), new IdentityErrorDescriber(),
            _nothing, NullLogger<UserManager<UserDraft>>.Instance);
        _nobody = new(() => new User
        {
            Subject = "",
            Username = "",
            LoginName = "",
            SecurityStamp = "",
            PasswordHash = Hash(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))),
            Claims = new Dictionary<string, JsonElement>(),
            CreatedAt = 0,
            UpdatedAt = 0,
        });
    }

    /// <summary>Finds a user by <c>sub</c>.</summary>
    public ValueTask<User?> FindAsync(string subject) => _database.ReadAsync(sql => Users.FindAsync(sql, subject));

    /// <summary>Finds a user by the name they sign in with; case does not matter.</summary>
    public ValueTask<User?> FindByUsernameAsync(string username) =>
        Normalise(username) is { } name ? _database.ReadAsync(sql => Users.FindByLoginNameAsync(sql, name)) : default;

    /// <summary>Users in the order of their names.</summary>
    /// <param name="limit">How many at most.</param>
    public ValueTask<List<User>> ListAsync(int limit) => _database.ReadAsync(sql => Users.ListAsync(sql, limit));

    /// <summary>
    /// Checks a name and a password. An unknown name, a wrong password and a locked account look the same and take as long. Wrong passwords are
    /// counted in the database, one by one, however many come at once; a right one that comes while the account is locked counts for nothing.
    /// </summary>
    /// <param name="username">As typed.</param>
    /// <param name="password">As typed.</param>
    /// <param name="audit">The refusal's event with address and request, written with the count; a success is audited where the session begins.</param>
    public async ValueTask<SignInResult> CheckPasswordAsync(string username, string password, AuditEvent? audit = null)
    {
        var user = await FindByUsernameAsync(username).ConfigureAwait(false);
        return await CheckPasswordAsync(user, password, audit).ConfigureAwait(false);
    }

    /// <summary>The same for a person who is known already, such as one who is signed in and changes the password.</summary>
    internal async ValueTask<SignInResult> CheckPasswordAsync(User? user, string password, AuditEvent? audit)
    {
        if (await TryCheckAsync(user, password, audit).ConfigureAwait(false) is { } result) return result;
        // The hash was another by the end, such as one that a sign-in at the same time renewed: judge by that.
        user = await FindAsync(user!.Subject).ConfigureAwait(false);
        return await TryCheckAsync(user, password, audit).ConfigureAwait(false) ?? new(null, SignInResult.WrongPassword);
    }

    private async ValueTask<SignInResult?> TryCheckAsync(User? user, string password, AuditEvent? audit)
    {
        var draft = new UserDraft(user is { PasswordHash: not null } ? user : _nobody.Value);
        bool right;
        await _hashing.WaitAsync().ConfigureAwait(false);
        try
        {
            // A hash of older parameters is renewed here, which changes the draft's row.
            right = await _manager.CheckPasswordAsync(draft, password).ConfigureAwait(false) && user is { PasswordHash: not null };
        }
        finally
        {
            _hashing.Release();
        }

        var now = Now;
        return await _database.WriteAsync(async sql =>
        {
            string refusal;
            if (user is null)
            {
                refusal = SignInResult.UnknownUser;
            }
            else if (right)
            {
                if (await Users.AcceptPasswordAsync(sql, user.Subject, draft.Row.PasswordHash!, now).ConfigureAwait(false))
                    return new SignInResult(await Users.FindAsync(sql, user.Subject).ConfigureAwait(false), null);
                var current = await Users.FindAsync(sql, user.Subject).ConfigureAwait(false);
                if (current is not null && current.PasswordHash != draft.Row.PasswordHash) return null;
                refusal = current is { DisabledAt: not null } && !(current.LockoutEnd > now) ? SignInResult.Disabled : SignInResult.Locked;
            }
            else
            {
                refusal = user.LockoutEnd > now ? SignInResult.Locked : SignInResult.WrongPassword;
                var lockedUntil = now + (long)_options.LockoutDuration.TotalMilliseconds;
                if (await Users.CountFailureAsync(sql, user.Subject, _options.LockoutThreshold, lockedUntil).ConfigureAwait(false) && audit is not null)
                    await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.AccountLocked, Subject = user.Subject }).ConfigureAwait(false);
            }

            // Written for unknown names too: a commit more or less would tell which names exist.
            if (audit is not null)
            {
                await AuditLog.AppendAsync(sql, audit with
                {
                    Outcome = AuditOutcomes.Refused,
                    Subject = user?.Subject,
                    Detail = JsonSerializer.Serialize(new SignInRefusal(refusal), LoginJson.Default.SignInRefusal),
                }).ConfigureAwait(false);
            }

            return new SignInResult(null, refusal);
        }).ConfigureAwait(false);
    }

    /// <summary>What is wrong with a password that a person chose, as a sentence for them; null if nothing is.</summary>
    /// <param name="user">Whose it shall be.</param>
    /// <param name="password">The password.</param>
    public static string? JudgePassword(User user, string password) =>
        password.Length < MinimumPasswordLength ? $"Choose a password of at least {MinimumPasswordLength} characters. A few words in a row are easy to remember."
        : password.Length > MaximumPasswordLength ? $"Choose a password of at most {MaximumPasswordLength} characters."
        : password.Trim().Equals(user.Username, StringComparison.OrdinalIgnoreCase) ? "Choose a password that is not your username."
        : null;

    /// <summary>Makes a user.</summary>
    /// <param name="username">The name to sign in with.</param>
    /// <param name="password">The password, taken as it is; null for none.</param>
    /// <param name="claims">OIDC standard claims, without <c>sub</c>.</param>
    /// <param name="subject">The <c>sub</c>; made at random if null.</param>
    /// <param name="audit">The event, with its actor.</param>
    /// <returns>The user, or null if the name or the <c>sub</c> is taken: by a user, or the <c>sub</c> by a client or as the user's own name.</returns>
    public async ValueTask<User?> CreateAsync(
        string username, string? password, IReadOnlyDictionary<string, JsonElement> claims, string? subject, AuditEvent audit)
    {
        if (Normalise(username) is not { } loginName) return null;
        var hash = password is null ? null : await HashAsync(password).ConfigureAwait(false);
        var now = Now;
        var user = new User
        {
            Subject = subject ?? NewSubject(),
            Username = username.Trim(),
            LoginName = loginName,
            PasswordHash = hash,
            SecurityStamp = NewStamp(),
            Claims = claims,
            CreatedAt = now,
            UpdatedAt = now,
        };
        return await _database.WriteAsync(sql => InsertAsync(sql, user, audit)).ConfigureAwait(false) ? user : null;
    }

    /// <summary>Sets a password, taken as it is, unlocks the account, and ends all of the person's sessions and grants.</summary>
    /// <returns>False if there is no such user.</returns>
    public async ValueTask<bool> SetPasswordAsync(string subject, string password, AuditEvent audit)
    {
        var hash = await HashAsync(password).ConfigureAwait(false);
        var now = Now;
        var done = await _database.WriteAsync(sql => SetPasswordAsync(sql, subject, hash, audit, now)).ConfigureAwait(false);
        _logouts?.Raise();
        return done;
    }

    /// <summary>Replaces a user's claims.</summary>
    /// <returns>False if there is no such user.</returns>
    public ValueTask<bool> UpdateClaimsAsync(string subject, IReadOnlyDictionary<string, JsonElement> claims, AuditEvent audit) =>
        ChangeAsync(subject, user => user with { Claims = claims }, audit, ends: null);

    /// <summary>Shuts an account, and ends all of the person's sessions and grants.</summary>
    /// <returns>False if there is no such user.</returns>
    public ValueTask<bool> DisableAsync(string subject, AuditEvent audit) =>
        ChangeAsync(subject, user => user with { DisabledAt = user.DisabledAt ?? Now }, audit, ends: RevocationReasons.Operator);

    /// <summary>Ends all of a person's sessions, telling the apps, and all that they have given; the account stays open.</summary>
    /// <returns>False if there is no such user.</returns>
    public ValueTask<bool> EndAccessAsync(string subject, AuditEvent audit) =>
        ChangeAsync(subject, user => user with { SecurityStamp = NewStamp() }, audit, ends: RevocationReasons.Operator);

    /// <summary>Opens an account again, and unlocks it.</summary>
    /// <returns>False if there is no such user.</returns>
    public ValueTask<bool> EnableAsync(string subject, AuditEvent audit) =>
        ChangeAsync(subject, user => user with { DisabledAt = null, LockoutEnd = null, AccessFailedCount = 0 }, audit, ends: null);

    /// <summary>Deletes a user with what they agreed to, and ends all of their sessions and grants.</summary>
    /// <returns>False if there is no such user.</returns>
    public async ValueTask<bool> DeleteAsync(string subject, AuditEvent audit)
    {
        var now = Now;
        var done = await _database.WriteAsync(async sql =>
        {
            if (!await Users.DeleteAsync(sql, subject).ConfigureAwait(false)) return false;
            await EndEverythingAsync(sql, subject, RevocationReasons.Operator, audit, now).ConfigureAwait(false);
            await Consents.DeleteByUserAsync(sql, subject).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit with { Subject = subject }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        _logouts?.Raise();
        return done;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _manager.Dispose();
        _nothing.Dispose();
        _hashing.Dispose();
    }

    /// <summary>Hashes a password, in turn with the others.</summary>
    internal async ValueTask<string> HashAsync(string password)
    {
        await _hashing.WaitAsync().ConfigureAwait(false);
        try
        {
            return Hash(password);
        }
        finally
        {
            _hashing.Release();
        }
    }

    /// <summary>A name as it is compared; null for one that no user can have.</summary>
    internal string? Normalise(string username) =>
        username.Trim() is { Length: > 0 and <= MaximumUsernameLength } name ? _manager.NormalizeName(name) : null;

    /// <summary>A new <c>sub</c>: 22 characters that say nothing.</summary>
    internal static string NewSubject() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));

    /// <summary>A new security stamp, for every change of credentials.</summary>
    internal static string NewStamp() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));

    /// <summary>Adds a user inside the caller's transaction.</summary>
    /// <returns>False if the name or the <c>sub</c> is taken.</returns>
    internal static async ValueTask<bool> InsertAsync(SqlSession sql, User user, AuditEvent audit)
    {
        if (user.Subject == user.Username || await Clients.FindAsync(sql, user.Subject).ConfigureAwait(false) is not null) return false;
        if (!await Users.InsertAsync(sql, user).ConfigureAwait(false)) return false;
        await AuditLog.AppendAsync(sql, audit with { Subject = user.Subject }).ConfigureAwait(false);
        return true;
    }

    /// <summary>Sets a password by its hash inside the caller's transaction, and ends sessions and grants.</summary>
    /// <returns>False if there is no such user.</returns>
    internal static async ValueTask<bool> SetPasswordAsync(SqlSession sql, string subject, string hash, AuditEvent audit, long now)
    {
        if (await Users.FindForUpdateAsync(sql, subject).ConfigureAwait(false) is not { } user) return false;
        await Users.UpdateAsync(sql, user with
        {
            PasswordHash = hash,
            SecurityStamp = NewStamp(),
            AccessFailedCount = 0,
            LockoutEnd = null,
            UpdatedAt = now,
        }).ConfigureAwait(false);
        await EndEverythingAsync(sql, subject, RevocationReasons.PasswordChanged, audit, now).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with { Subject = subject }).ConfigureAwait(false);
        return true;
    }

    /// <summary>Ends all of a person's sessions, telling the apps, and all of their grants, inside the caller's transaction.</summary>
    internal static async ValueTask EndEverythingAsync(SqlSession sql, string subject, string reason, AuditEvent audit, long now)
    {
        await SessionEnding.EndAllAsync(sql, subject, reason, audit, now).ConfigureAwait(false);
        await Grants.RevokeByUserAsync(sql, subject, null, reason, now).ConfigureAwait(false);
        // What was allowed and not fetched yet would become a grant after all.
        await BackchannelRequests.DenyAllAsync(sql, subject).ConfigureAwait(false);
        await DeviceCodes.DenyAllAsync(sql, subject).ConfigureAwait(false);
    }

    private long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private string Hash(string password) => _manager.PasswordHasher.HashPassword(null!, password);

    private async ValueTask<bool> ChangeAsync(string subject, Func<User, User> change, AuditEvent audit, string? ends)
    {
        var now = Now;
        var done = await _database.WriteAsync(async sql =>
        {
            if (await Users.FindForUpdateAsync(sql, subject).ConfigureAwait(false) is not { } user) return false;
            await Users.UpdateAsync(sql, change(user) with { UpdatedAt = now }).ConfigureAwait(false);
            if (ends is not null) await EndEverythingAsync(sql, subject, ends, audit, now).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit with { Subject = subject }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        if (ends is not null) _logouts?.Raise();
        return done;
    }
}

/// <summary>How a check of name and password came out.</summary>
/// <param name="User">The person, if both are right and the account may be used; read after the check.</param>
/// <param name="Refusal">
/// Otherwise why not, for the audit. People are told one and the same for all but <see cref="Disabled"/>, which only a right password leads to.
/// </param>
public sealed record SignInResult(User? User, string? Refusal)
{
    /// <summary>There is no such user.</summary>
    public const string UnknownUser = "unknown_user";

    /// <summary>The password is not theirs.</summary>
    public const string WrongPassword = "wrong_password";

    /// <summary>There were too many wrong passwords.</summary>
    public const string Locked = "locked";

    /// <summary>The password is right, but the operator has shut the account.</summary>
    public const string Disabled = "disabled";
}
