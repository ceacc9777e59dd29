using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Latchkey.Samples.Web;

/// <summary>A sign-in that is under way in one tab.</summary>
/// <param name="Nonce">Binds the ID token to this sign-in.</param>
/// <param name="CodeVerifier">Binds the code to this sign-in (RFC 7636).</param>
/// <param name="StartedAt">When it began.</param>
internal sealed record Transaction(string Nonce, string CodeVerifier, DateTimeOffset StartedAt);

/// <summary>A browser's session. Its tokens never leave this process: the browser holds a random id and nothing else.</summary>
internal sealed class Session
{
    public required string Id { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Sign-ins under way by their state: each tab has its own.</summary>
    public ConcurrentDictionary<string, Transaction> Transactions { get; init; } = [];

    public string? Subject { get; init; }

    /// <summary>The provider's session, which logout tokens name.</summary>
    public string? ProviderSession { get; init; }

    public string? AccessToken { get; set; }

    public string? RefreshToken { get; set; }

    public string? IdToken { get; set; }

    /// <summary>One refresh at a time: two with the same refresh token would look like theft.</summary>
    public SemaphoreSlim Refreshing { get; } = new(1, 1);

    public bool IsSignedIn => AccessToken is not null;
}

/// <summary>Sessions in memory; they end with the process, in an hour without a sign-in, in a day with one.</summary>
internal sealed class Sessions(TimeProvider clock, bool https)
{
    private const string Cookie = "demo_session";
    private const int Crowded = 10_000;

    private readonly ConcurrentDictionary<string, Session> _sessions = [];

    public Session? Find(HttpContext context) =>
        context.Request.Cookies[Cookie] is { } id && _sessions.TryGetValue(id, out var session) && session.ExpiresAt > clock.GetUtcNow() ? session : null;

    /// <summary>A session for somebody who is about to sign in.</summary>
    public Session Begin(HttpContext context) => Add(context, new Session { Id = NewSecret(), ExpiresAt = clock.GetUtcNow().AddHours(1) });

    /// <summary>The session of somebody who has signed in: under a new id, so that one planted beforehand is worth nothing.</summary>
    public Session SignIn(HttpContext context, Session earlier, string subject, string? providerSession, string accessToken, string? refreshToken, string idToken)
    {
        _sessions.TryRemove(earlier.Id, out _);
        return Add(context, new Session
        {
            Id = NewSecret(),
            ExpiresAt = clock.GetUtcNow().AddDays(1),
            Transactions = earlier.Transactions,
            Subject = subject,
            ProviderSession = providerSession,
            AccessToken = accessToken,
            RefreshToken = refreshToken,
            IdToken = idToken,
        });
    }

    public void End(HttpContext context, Session session)
    {
        _sessions.TryRemove(session.Id, out _);
        context.Response.Cookies.Delete(Cookie, Options());
    }

    /// <summary>Ends what a logout token names: one of the provider's sessions, or all of a person's.</summary>
    public void EndAll(string? subject, string? providerSession)
    {
        foreach (var (id, session) in _sessions)
        {
            if (!session.IsSignedIn || (subject is not null && session.Subject != subject)) continue;
            if (providerSession is null || session.ProviderSession == providerSession) _sessions.TryRemove(id, out _);
        }
    }

    /// <summary>256 random bits that fit into a URL and a cookie.</summary>
    public static string NewSecret() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private Session Add(HttpContext context, Session session)
    {
        if (_sessions.Count > Crowded)
        {
            foreach (var (id, old) in _sessions)
            {
                if (old.ExpiresAt <= clock.GetUtcNow()) _sessions.TryRemove(id, out _);
            }
        }

        _sessions[session.Id] = session;
        context.Response.Cookies.Append(Cookie, session.Id, Options());
        return session;
    }

    private CookieOptions Options() => new() { HttpOnly = true, SameSite = SameSiteMode.Lax, Secure = https, Path = "/" };
}
