using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Keys;
using Latchkey.Server.UserInfo;
using Latchkey.Storage;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Server.Authorize;

/// <summary>Whom an ID token of ours that comes back as a hint is about.</summary>
/// <param name="Subject">The person.</param>
/// <param name="ClientId">The client it was issued to.</param>
/// <param name="SessionId">The session, if it names one.</param>
/// <param name="IssuedAt">Unix seconds.</param>
/// <param name="ExpiresAt">Unix seconds.</param>
/// <param name="AuthTime">When the person had signed in, unix seconds.</param>
internal sealed record HintedIdentity(string Subject, string ClientId, string? SessionId, long IssuedAt, long ExpiresAt, long? AuthTime)
{
    /// <summary>Whether it is about a person, by the name that its client knows them by.</summary>
    /// <param name="subject">The person.</param>
    /// <param name="client">The client that it was issued to; null if it is gone.</param>
    /// <param name="keys">With the key of pairwise subjects.</param>
    public bool IsAbout(string subject, Client? client, KeyRing keys) => Subject == (client is null ? subject : SubjectIdentifiers.Of(subject, client, keys));
}

/// <summary>
/// Reads <c>id_token_hint</c> (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout section 2): the signature must be ours, its time may be over.
/// </summary>
internal sealed class IdTokenHint(ServerOptions options, Database database)
{
    private const int MaximumSize = 16 * 1024;

    private static readonly JsonWebTokenHandler Handler = new() { MaximumTokenSizeInBytes = MaximumSize };

    /// <summary>Reads a hint.</summary>
    /// <returns>Whom it is about, or <c>invalid_request</c> for what is no ID token of this issuer.</returns>
    public async ValueTask<Result<HintedIdentity>> ReadAsync(string hint, ServerConfiguration configuration)
    {
        if (!OwnSignatures.Verify(configuration.Keys, hint, MaximumSize)) return NotOurs;
        var outcome = await Handler.ValidateTokenAsync(hint, new TokenValidationParameters
        {
            ValidIssuer = options.Issuer,
            // It was verified above.
            SignatureValidator = static (text, _) => new JsonWebToken(text),
            ValidTypes = [JwtTypes.IdToken],
            ValidateAudience = false,
            ValidateLifetime = false,
        }).ConfigureAwait(false);

        return outcome is { IsValid: true, SecurityToken: JsonWebToken token } && !string.IsNullOrEmpty(token.Subject) && token.Audiences.FirstOrDefault() is { } client
            ? new HintedIdentity(token.Subject, client, token.TryGetClaim(ClaimNames.SessionId, out var sid) ? sid.Value : null,
                EpochTime.GetIntDate(token.IssuedAt), EpochTime.GetIntDate(token.ValidTo), token.TryGetPayloadValue<long>(ClaimNames.AuthenticationTime, out var time) ? time : null)
            : NotOurs;
    }

    /// <summary>
    /// The person's own <c>sub</c>. A pairwise one can't be computed back (OpenID Connect Core section 8.1): then the session that the token names tells who it
    /// is; without one nobody does.
    /// </summary>
    /// <param name="identity">What the token says.</param>
    /// <param name="client">The client that it was issued to.</param>
    /// <param name="keys">With the key of pairwise subjects.</param>
    public async ValueTask<string?> FindSubjectAsync(HintedIdentity identity, Client client, KeyRing keys)
    {
        if (client.SectorIdentifier is null) return identity.Subject;
        return RowId.Parse(identity.SessionId) is { } id
            && await database.ReadAsync(sql => Sessions.FindAsync(sql, id)).ConfigureAwait(false) is { } session && identity.IsAbout(session.Subject, client, keys)
            ? session.Subject
            : null;
    }

    private static OAuthError NotOurs =>
        OAuthError.InvalidRequest("The id_token_hint is not an ID token of this issuer; send one that it issued to the client, or none.");
}
