using Latchkey.Server.Consent;
using Latchkey.Server.Pages;

namespace Latchkey.Server.Account;

/// <summary>
/// A person's own page. Its forms post to <c>/account</c>: <c>current_password</c> and <c>new_password</c>, or <c>end_session</c> = a session's id,
/// or <c>revoke</c> = the id of a connected app, or <c>backchannel_request</c> = the id of a waiting request with <c>decision</c> = <c>allow</c> or <c>deny</c>.
/// </summary>
/// <param name="Token">The antiforgery token.</param>
/// <param name="Person">Whose page.</param>
/// <param name="Username">What they sign in with.</param>
/// <param name="Profile">What apps may be told of them: label and value.</param>
/// <param name="Sessions">Where they are signed in, this browser first.</param>
/// <param name="Apps">What they let apps do.</param>
/// <param name="Now">Unix milliseconds.</param>
/// <param name="HasPassword">Whether they have a password to change.</param>
/// <param name="Notice">What came of the last form; null if there was none.</param>
/// <param name="Waiting">What apps ask and wait for, newest first; none if null.</param>
public sealed record AccountView(
    string Token, PersonView Person, string Username, IReadOnlyList<ProfileFactView> Profile, IReadOnlyList<SessionView> Sessions,
    IReadOnlyList<ConnectedAppView> Apps, long Now, bool HasPassword = true, AccountNotice? Notice = null,
    IReadOnlyList<WaitingRequestView>? Waiting = null);

/// <summary>What an app asks for and waits for.</summary>
/// <param name="Id">What the form posts as <c>backchannel_request</c>.</param>
/// <param name="App">The app.</param>
/// <param name="Message">What the person compares with what the app shows; null if the app sent none.</param>
/// <param name="Groups">What it would be let do.</param>
/// <param name="AskedAt">Unix milliseconds.</param>
/// <param name="Address">From where it asked.</param>
public sealed record WaitingRequestView(string Id, AppView App, string? Message, IReadOnlyList<ScopeGroupView> Groups, long AskedAt, string? Address);

/// <summary>A fact of the profile.</summary>
/// <param name="Label">Such as Email.</param>
/// <param name="Value">Such as alice@example.com.</param>
/// <param name="Verified">Whether it was verified.</param>
public sealed record ProfileFactView(string Label, string Value, bool Verified = false);

/// <summary>A session of the person.</summary>
/// <param name="Id">What the form posts as <c>end_session</c>.</param>
/// <param name="UserAgent">The browser's user agent.</param>
/// <param name="Address">From where it began.</param>
/// <param name="SignedInAt">Unix milliseconds.</param>
/// <param name="LastSeenAt">Unix milliseconds.</param>
/// <param name="Current">Whether it is this browser's.</param>
public sealed record SessionView(string Id, string? UserAgent, string? Address, long SignedInAt, long LastSeenAt, bool Current);

/// <summary>An app that may use the account.</summary>
/// <param name="Id">What the form posts as <c>revoke</c>.</param>
/// <param name="App">The app.</param>
/// <param name="Groups">What it may do.</param>
/// <param name="Since">Unix milliseconds.</param>
/// <param name="LastUsedAt">Unix milliseconds; null if it was not used since.</param>
/// <param name="Kind">Where it is, such as its site's host or "A device"; null if unknown.</param>
/// <param name="IsBound">Whether all its access is bound to a key or certificate of its own (RFC 9449, RFC 8705).</param>
public sealed record ConnectedAppView(
    string Id, AppView App, IReadOnlyList<ScopeGroupView> Groups, long Since, long? LastUsedAt = null, string? Kind = null,
    bool IsBound = false);

/// <summary>What came of a form of the account page.</summary>
public enum AccountNotice
{
    /// <summary>The password was changed.</summary>
    PasswordChanged,

    /// <summary>The current password was wrong.</summary>
    WrongPassword,

    /// <summary>The new password is too short: fewer than 12 characters.</summary>
    PasswordTooShort,

    /// <summary>The new password is too long: more than 256 characters.</summary>
    PasswordTooLong,

    /// <summary>The new password is the username.</summary>
    PasswordIsUsername,

    /// <summary>Too many wrong passwords: the account is locked for a while.</summary>
    TooManyAttempts,

    /// <summary>A session was ended.</summary>
    SessionEnded,

    /// <summary>An app lost its access.</summary>
    AccessRevoked,

    /// <summary>What an app asked was allowed.</summary>
    RequestAllowed,

    /// <summary>What an app asked was denied.</summary>
    RequestDenied,

    /// <summary>What an app asked was decided before, or its time was over.</summary>
    RequestOver,
}
