using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.Configuration;
using Latchkey.Server.SenderConstraint;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>A token that was brought to be exchanged, found good.</summary>
internal sealed record SubjectToken
{
    /// <summary>Whom it is about.</summary>
    public required string Subject { get; init; }

    /// <summary>The person it is about; null if it is a client.</summary>
    public User? User { get; init; }

    /// <summary>The client that it was given to.</summary>
    public required string ClientId { get; init; }

    /// <summary>What lives and dies with what it is exchanged for; null for a client's own token.</summary>
    public Grant? Grant { get; init; }

    public required ScopeSet Scope { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long ExpiresAt { get; init; }

    /// <summary>What it is bound to; null for a bearer token.</summary>
    public Confirmation? Confirmation { get; init; }

    public JsonElement? Actor { get; init; }

    public JsonElement? MayAct { get; init; }

    public override string ToString() => $"subject token of client {ClientId}";
}

/// <summary>
/// Judges the tokens of a token exchange (RFC 8693 section 2.1): whole, alive, and the caller's to bring. An access token is its client's, and its
/// APIs', since they hold it by right; to everybody else it is a token that was taken from somebody.
/// </summary>
internal sealed class SubjectTokens(AccessTokens accessTokens, IdTokenHint idTokens, Database database)
{
    /// <summary>The kinds of tokens that can be exchanged.</summary>
    public static IReadOnlyList<string> TypesSupported { get; } = [TokenTypeIdentifiers.AccessToken, TokenTypeIdentifiers.IdToken, TokenTypeIdentifiers.Jwt];

    /// <summary>Judges a token.</summary>
    /// <param name="name">The parameter it came in, for the error.</param>
    /// <param name="token">As presented.</param>
    /// <param name="type">Its kind, one of <see cref="TypesSupported"/>.</param>
    /// <param name="request">Who asks, and when.</param>
    /// <returns>What it says, or <c>invalid_request</c> (RFC 8693 section 2.2.2).</returns>
    public ValueTask<Result<SubjectToken>> VerifyAsync(string name, string token, string type, TokenRequest request) => type == TokenTypeIdentifiers.IdToken
        ? IdTokenAsync(name, token, request)
        : AccessTokenAsync(name, token, request);

    private async ValueTask<Result<SubjectToken>> AccessTokenAsync(string name, string token, TokenRequest request)
    {
        if ((await accessTokens.VerifyAsync(token, request.Configuration, request.Now).ConfigureAwait(false)).Refused(out _, out var info)) return NotGood(name);
        if (!IsHeldBy(info, request.Client, request.Configuration)) return NotYours(name);
        if (info.Confirmation is { } bound && !IsProven(bound, info.ClientId == request.Client.Id, request.Confirmation)) return Unproven(name);
        var found = new SubjectToken
        {
            Subject = info.Subject,
            ClientId = info.ClientId,
            Grant = info.Grant,
            Scope = info.Scope,
            ExpiresAt = info.ExpiresAt,
            Confirmation = info.Confirmation,
            Actor = info.Actor,
            MayAct = info.MayAct,
        };
        if (info.Grant is null) return found;
        return await UserAsync(info.Grant, request.Now).ConfigureAwait(false) is { } user ? found with { User = user } : NotGood(name);
    }

    // An ID token has no grant of its own: it stands for the one that its sign-in gave the client, and is worth nothing once that is over.
    private async ValueTask<Result<SubjectToken>> IdTokenAsync(string name, string token, TokenRequest request)
    {
        if ((await idTokens.ReadAsync(token, request.Configuration).ConfigureAwait(false)).Refused(out _, out var identity)) return NotGood(name);
        if (request.Now >= identity.ExpiresAt * 1000) return NotGood(name);
        if (identity.ClientId != request.Client.Id) return NotYours(name);
        if (await idTokens.FindSubjectAsync(identity, request.Client, request.Configuration.Keys).ConfigureAwait(false) is not { } subject) return NotGood(name);
        var grants = await database.ReadAsync(sql => Grants.ListByUserAsync(sql, subject)).ConfigureAwait(false);
        var grant = grants.Find(grant =>
            grant.ClientId == identity.ClientId && grant.AuthTime == identity.AuthTime && grant.CreatedAt / 1000 <= identity.IssuedAt
            && (grant.SessionId is null || grant.SessionId.ToString() == identity.SessionId)
            && grant.RevokedAt is null && grant.CreatedAt >= request.Client.NotBefore);
        if (grant is null || await UserAsync(grant, request.Now).ConfigureAwait(false) is not { } user) return NotGood(name);
        return new SubjectToken
        {
            Subject = user.Subject,
            User = user,
            ClientId = identity.ClientId,
            Grant = grant,
            Scope = ScopeSet.Of(grant.Terms.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            ExpiresAt = identity.ExpiresAt,
        };
    }

    // The person of a grant whose time is not over, neither the account's nor the session's.
    private async ValueTask<User?> UserAsync(Grant grant, long now)
    {
        if (now >= grant.ExpiresAt) return null;
        var (user, session) = await database.ReadAsync(async sql =>
            (await Users.FindAsync(sql, grant.Subject).ConfigureAwait(false),
                grant.SessionId is { } id ? await Sessions.FindAsync(sql, id).ConfigureAwait(false) : null)).ConfigureAwait(false);
        return user is { DisabledAt: null } && (grant.SessionId is null || session?.IsAlive(now) == true) ? user : null;
    }

    private static bool IsHeldBy(AccessTokenInfo token, Client client, ServerConfiguration configuration)
    {
        if (token.ClientId == client.Id) return true;
        foreach (var audience in token.Audience)
        {
            if (configuration.FindResource(audience)?.Clients.Contains(client.Id) == true) return true;
        }

        return false;
    }

    /// <summary>
    /// Whether a bound token may be exchanged: its own client proves the key that it is bound to; an API, which can't, proves one of its own, so that what
    /// was bound never becomes a token that anybody can use who finds it.
    /// </summary>
    private static bool IsProven(Confirmation bound, bool isOwn, Confirmation? proven) => proven is not null
        && (!isOwn || ((bound.KeyThumbprint is null || bound.KeyThumbprint == proven.KeyThumbprint)
            && (bound.CertificateThumbprint is null || bound.CertificateThumbprint == proven.CertificateThumbprint)));

    private static OAuthError Unproven(string name) => OAuthError.InvalidRequest(
        $"{name} is bound to a key or certificate; send a DPoP proof or use a client certificate, the client's own token by the very one that it is bound to.");

    // One sentence for all that is wrong, so that nobody learns from it whether a token they found is still good.
    private static OAuthError NotGood(string name) =>
        OAuthError.InvalidRequest($"{name} is not a token of its {name}_type that this server made, or its time is over.");

    private static OAuthError NotYours(string name) =>
        OAuthError.InvalidRequest($"{name} is not this client's to exchange: it was given to another client, for an API that this client is not.");
}
