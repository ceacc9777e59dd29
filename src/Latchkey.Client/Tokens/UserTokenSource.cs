namespace Latchkey.Client.Tokens;

/// <summary>One session's token for one API. What the store has is what counts; nothing is kept here.</summary>
internal sealed class UserTokenSource(UserTokens tokens, TokenKey key, string? scope, string? resource) : ITokenSource
{
    private const string InvalidGrant = "invalid_grant";

    public async ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken = default)
    {
        var session = await tokens.ReadAsync(key.Session, cancellationToken).ConfigureAwait(false);
        var kept = Kept(session);
        if (kept is not null && Now < TokenLife.RenewAt(kept))
        {
            TokenTelemetry.Hit(key);
            return kept;
        }

        var usable = kept is not null && Now < TokenLife.UsableUntil(kept);
        // Nothing to renew with, but good to the end.
        if (usable && session.RefreshToken is null) return kept!;
        try
        {
            return await tokens.Flight(key).JoinAsync(Fetch(null), pauseWhenTransient: usable, cancellationToken).ConfigureAwait(false);
        }
        catch (TokenUnavailableException exception) when (usable && exception.IsTransient)
        {
            // It was early. The token is still good, and the next call after a pause tries again.
            return kept!;
        }
    }

    public async ValueTask<AccessToken> RenewAsync(AccessToken refused, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(refused);
        var session = await tokens.ReadAsync(key.Session, cancellationToken).ConfigureAwait(false);
        if (Kept(session) is { } kept && kept.Value != refused.Value && Now < TokenLife.UsableUntil(kept)) return kept;
        var renewal = tokens.Flight(key).JoinAfterRefusal(Fetch(refused), cancellationToken);
        return renewal is null ? refused : await renewal.ConfigureAwait(false);
    }

    private DateTimeOffset Now => tokens.Clock.GetUtcNow();

    // A token that is bound to a key we no longer have proves nothing.
    private AccessToken? Kept(SessionTokens session) =>
        session.Find(key.Scope, key.Resource) is { } token && (token.KeyThumbprint ?? "") == key.KeyThumbprint ? token : null;

    private Func<CancellationToken, Task<AccessToken>> Fetch(AccessToken? refused) => cancellation => FetchAsync(refused, cancellation);

    private async Task<AccessToken> FetchAsync(AccessToken? refused, CancellationToken cancellation)
    {
        // One at a time for the whole session, not just for this API: they all use the one refresh token.
        var turn = await tokens.LockAsync(key.Session, cancellation).ConfigureAwait(false);
        await using (turn.ConfigureAwait(false))
        {
            // Read again: whoever was here before has brought a token, or a new refresh token in place of the one seen before the wait.
            var session = await tokens.ReadAsync(key.Session, cancellation).ConfigureAwait(false);
            if (Kept(session) is { } kept && kept.Value != refused?.Value && Now < TokenLife.RenewAt(kept)) return kept;
            return await RefreshAsync(session, refused, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<AccessToken> RefreshAsync(SessionTokens session, AccessToken? refused, CancellationToken cancellation)
    {
        if (session.RefreshToken is not { } refreshToken)
            throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "The access token has ended and there is no refresh token; the person has to sign in.");
        var reason = refused is not null ? TokenTelemetry.Refused : Kept(session) is null ? TokenTelemetry.First : TokenTelemetry.Expiry;
        // Whose session it is: an answer about somebody else must not get into it.
        var person = session.IdToken is { } idToken ? IdToken.FromStored(idToken) : null;
        TokenSet answer;
        try
        {
            answer = await TokenTelemetry.RequestAsync(
                key, "refresh_token", reason, () => tokens.Client.RefreshAsync(refreshToken, person, scope, resources: resource is null ? null : [resource], cancellationToken: cancellation)).ConfigureAwait(false);
        }
        catch (OAuthException exception) when (exception.Error == InvalidGrant)
        {
            return await OutlivedAsync(refreshToken, refused, exception).ConfigureAwait(false);
        }

        var renewed = session.With(key.Scope, key.Resource, answer, Now);
        // First saved, then used: if the save fails the call fails, for a rotated refresh token that is lost ends the session later, where nobody can
        // tell why. Nothing breaks the save off once the provider has rotated.
        await tokens.Store.SaveAsync(key.Session, renewed, CancellationToken.None).ConfigureAwait(false);
        return answer.AccessToken;
    }

    /// <summary>The grant is over, unless another node that does not share our lock has used the refresh token first and saved the next one.</summary>
    private async Task<AccessToken> OutlivedAsync(string refreshToken, AccessToken? refused, OAuthException exception)
    {
        var now = await tokens.Store.ReadAsync(key.Session, CancellationToken.None).ConfigureAwait(false);
        if (now is not null && now.RefreshToken != refreshToken)
        {
            if (Kept(now) is { } brought && brought.Value != refused?.Value && Now < TokenLife.UsableUntil(brought)) return brought;
            throw new TokenUnavailableException(TokenUnavailableException.TemporarilyUnavailable, "Another node has just renewed the session; try again.", null, exception) { IsTransient = true };
        }

        // Asking again with a dead refresh token would be a loop. Without tokens the next call says login_required at once.
        await tokens.Store.RemoveAsync(key.Session, CancellationToken.None).ConfigureAwait(false);
        throw TokenUnavailableException.From(exception);
    }
}
