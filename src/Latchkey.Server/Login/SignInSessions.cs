using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Latchkey.Server.Hosting;
using Latchkey.Server.Logout;
using Latchkey.Server.Pages;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Login;

/// <summary>A browser that is signed in: its session, and the person.</summary>
internal sealed record SignedIn(Session Session, User User)
{
    /// <summary>The person as pages show them.</summary>
    public PersonView Person => new(User.DisplayName, User.Claim("email") ?? User.Username);
}

/// <summary>
/// Sign-in sessions: rows of our own, found by a cookie that carries the session's id and a secret of which the row keeps only the hash.
/// </summary>
internal sealed class SignInSessions(Database database, ServerOptions options, LogoutSignal logouts, Auditor auditor, TimeProvider clock)
{
    private const int SecretSize = 32;
    private const int CookieSize = RowId.Size + SecretSize;

    private static readonly TimeSpan TouchInterval = TimeSpan.FromMinutes(5);

    // With the prefix a browser takes the cookie only over https, from this very host, for the whole host (RFC 6265bis section 4.1.3.2).
    private readonly string _cookieName = options.IsHttps ? "__Host-latchkey" : "latchkey";

    /// <summary>Who is signed in with this browser; null for nobody, a session that is over, an account that is shut, or a cookie that is not ours.</summary>
    public async ValueTask<SignedIn?> FindAsync(HttpContext context)
    {
        if (ReadCookie(context) is not var (id, secretHash)) return null;
        var now = Now;
        if (await database.ReadAsync(sql => Sessions.FindWithUserAsync(sql, id)).ConfigureAwait(false) is not var (session, user)
            || !session.IsAlive(now) || !CryptographicOperations.FixedTimeEquals(session.SecretHash, secretHash) || user is null or { DisabledAt: not null }) return null;

        if (now - session.LastSeenAt >= TouchInterval.TotalMilliseconds) await TouchAsync(id, now).ConfigureAwait(false);
        return new(session, user);
    }

    /// <summary>
    /// Begins a session for a person who has just proved who they are, and sets the cookie. The same person signing in again with the same browser
    /// keeps the session's id, since apps know it, and gets a new secret; a session of someone else in this browser is ended fully. Audited.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="user">The person, as read when the proof was checked.</param>
    /// <param name="amr">How they proved it (RFC 8176).</param>
    public async ValueTask<SignedIn> BeginAsync(HttpContext context, User user, IReadOnlyList<string> amr)
    {
        var now = Now;
        var secret = RandomNumberGenerator.GetBytes(SecretSize);
        var cookie = ReadCookie(context);
        var audit = auditor.Event(context, AuditEvents.SignIn) with { Actor = user.Subject, Subject = user.Subject };
        var fresh = new Session
        {
            Id = RowId.New(user.Subject, now),
            SecretHash = SHA256.HashData(secret),
            Subject = user.Subject,
            AuthTime = now / 1000,
            Acr = AcrOf(amr),
            Amr = amr,
            CreatedAt = now,
            LastSeenAt = now,
            ExpiresAt = now + (long)options.SessionLifetime.TotalMilliseconds,
            Address = context.Address(),
            UserAgent = context.UserAgent(),
        };

        var begun = await database.WriteAsync(async sql =>
        {
            // A password changed since the proof was checked makes the proof void: the session is over as it begins, and the person is asked again.
            var current = await Users.FindForUpdateAsync(sql, user.Subject).ConfigureAwait(false);
            var stale = current is null or { DisabledAt: not null } || current.SecurityStamp != user.SecurityStamp;
            var session = stale ? fresh with { EndedAt = now } : fresh;

            if (cookie is var (id, secretHash) && await Sessions.FindForUpdateAsync(sql, id).ConfigureAwait(false) is { } earlier
                && earlier.IsAlive(now) && CryptographicOperations.FixedTimeEquals(earlier.SecretHash, secretHash))
            {
                if (earlier.Subject == user.Subject && !stale)
                {
                    session = session with { Id = earlier.Id, CreatedAt = earlier.CreatedAt };
                    await Sessions.RenewAsync(sql, session).ConfigureAwait(false);
                    await AppendSignInAsync(sql, audit, session).ConfigureAwait(false);
                    return session;
                }

                if (earlier.Subject != user.Subject)
                    await SessionEnding.EndAsync(sql, earlier, "another_user", audit with { Event = AuditEvents.SessionEnded }, now).ConfigureAwait(false);
            }

            await Sessions.InsertAsync(sql, session).ConfigureAwait(false);
            await AppendSignInAsync(sql, stale ? audit with { Outcome = AuditOutcomes.Refused } : audit, session).ConfigureAwait(false);
            return session;
        }).ConfigureAwait(false);
        logouts.Raise();

        WriteCookie(context, begun.Id, secret);
        return new(begun, user);
    }

    /// <summary>
    /// Ends a session and all that hangs on it, in one transaction: the row, the grants that end with it, the messages to its apps, the audit.
    /// </summary>
    /// <param name="session">The session.</param>
    /// <param name="reason">Why, for the audit.</param>
    /// <param name="audit">The event, with its name, actor, address and request.</param>
    /// <returns>The session's clients; none if it was over already.</returns>
    public async ValueTask<EndedSession> EndAsync(Session session, string reason, AuditEvent audit)
    {
        var now = Now;
        var ended = await database.WriteAsync(sql => SessionEnding.EndAsync(sql, session, reason, audit, now)).ConfigureAwait(false);
        logouts.Raise();
        return ended ?? EndedSession.Alone;
    }

    /// <summary>Takes the cookie away from the browser.</summary>
    public void ForgetCookie(HttpContext context) => context.Response.Cookies.Delete(_cookieName, CookieOptions());

    /// <summary>The authentication context of how someone signed in: <c>1</c> is all that a password reaches.</summary>
    public static string AcrOf(IReadOnlyList<string> amr) => amr.Count == 0 ? "0" : "1";

    /// <summary>The contexts that can be reached, for <c>acr_values_supported</c>.</summary>
    public static IReadOnlyList<string> AcrValuesSupported { get; } = ["1"];

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static ValueTask AppendSignInAsync(SqlSession sql, AuditEvent audit, Session session) => AuditLog.AppendAsync(sql, audit with
    {
        Detail = JsonSerializer.Serialize(new SignInDetail(session.Id.ToString(), session.Amr), LoginJson.Default.SignInDetail),
    });

    private async ValueTask TouchAsync(RowId id, long now)
    {
        try
        {
            await database.WriteAsync(async sql =>
            {
                await Sessions.TouchAsync(sql, id, now).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
        catch (DatabaseUnavailableException)
        {
            // "Last seen" is a courtesy: a disk that is full must not keep a person out of pages that only read.
        }
    }

    private (RowId Id, byte[] SecretHash)? ReadCookie(HttpContext context)
    {
        if (context.Request.Cookies[_cookieName] is not { } text || text.Length != Base64Url.GetEncodedLength(CookieSize)) return null;
        Span<byte> bytes = stackalloc byte[CookieSize];
        if (!Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out var written) || written != CookieSize) return null;
        return (RowId.From(bytes), SHA256.HashData(bytes[RowId.Size..]));
    }

    private void WriteCookie(HttpContext context, RowId id, byte[] secret)
    {
        Span<byte> bytes = stackalloc byte[CookieSize];
        id.Write(bytes);
        secret.CopyTo(bytes[RowId.Size..]);
        var settings = CookieOptions();
        settings.MaxAge = options.SessionLifetime;
        context.Response.Cookies.Append(_cookieName, Base64Url.EncodeToString(bytes), settings);
    }

    // Lax: an app's redirect to /authorize must bring the cookie along, a form posted from elsewhere must not.
    private CookieOptions CookieOptions() => new()
    {
        Path = "/",
        HttpOnly = true,
        Secure = options.IsHttps,
        SameSite = SameSiteMode.Lax,
        IsEssential = true,
    };
}
