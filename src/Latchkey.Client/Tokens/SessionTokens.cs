namespace Latchkey.Client.Tokens;

/// <summary>
/// The tokens of one signed-in session: the refresh token, and an access token for each API that the session has called. A value: each change makes another.
/// </summary>
public sealed record SessionTokens
{
    /// <summary>The provider they came from. Tokens are shown to no other (OAuth 2.1 section 2.4).</summary>
    public required string Issuer { get; init; }

    /// <summary>The client they were issued to.</summary>
    public required string ClientId { get; init; }

    /// <summary>The refresh token; null if the provider gave none, and then the person has to sign in when the access tokens end.</summary>
    public string? RefreshToken { get; init; }

    /// <summary>
    /// The ID token of the sign-in; null if there was none. One that comes with a refresh must be about the same person (OpenID Connect Core section 12.2).
    /// </summary>
    public string? IdToken { get; init; }

    /// <summary>The access tokens, one for each pair of scope and resource that was asked for.</summary>
    public IReadOnlyList<SessionAccessToken> AccessTokens { get; init; } = [];

    /// <summary>The tokens that a sign-in brought, to be saved before anything else is done with them.</summary>
    /// <param name="client">The client that signed in.</param>
    /// <param name="tokens">What it got.</param>
    public static SessionTokens From(LatchkeyClient client, TokenSet tokens)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(tokens);
        return new()
        {
            Issuer = client.Options.Issuer,
            ClientId = client.Options.ClientId,
            RefreshToken = tokens.RefreshToken,
            IdToken = tokens.IdToken?.Value,
            AccessTokens = [new SessionAccessToken { Token = tokens.AccessToken }],
        };
    }

    /// <summary>All of it as JSON in UTF-8. These are secrets in the clear: encrypt them before they are written anywhere.</summary>
    public byte[] ToJson() => TokenJson.Write(this);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The JSON, decrypted.</param>
    /// <exception cref="FormatException">It is something else. The message doesn't show it.</exception>
    public static SessionTokens FromJson(ReadOnlySpan<byte> json) => TokenJson.ReadSession(json);

    /// <summary>Says what is there, never the tokens.</summary>
    public override string ToString() =>
        $"{AccessTokens.Count} access token{(AccessTokens.Count == 1 ? "" : "s")} of {ClientId} at {Issuer}{(RefreshToken is null ? "" : ", with a refresh token")}";

    internal AccessToken? Find(string scope, string resource)
    {
        foreach (var kept in AccessTokens)
        {
            if (kept.Scope == scope && kept.Resource == resource) return kept.Token;
        }

        return null;
    }

    internal SessionTokens With(string scope, string resource, TokenSet tokens, DateTimeOffset now)
    {
        // What has ended is dropped on the way, or a long session would collect dead tokens.
        var others = AccessTokens.Where(kept => (kept.Scope != scope || kept.Resource != resource) && !(kept.Token.ExpiresAt <= now));
        return this with
        {
            // None in the answer means that the old one stays (RFC 6749 section 6).
            RefreshToken = tokens.RefreshToken ?? RefreshToken,
            AccessTokens = [.. others, new SessionAccessToken { Scope = scope, Resource = resource, Token = tokens.AccessToken }],
        };
    }
}

/// <summary>An access token of a session with what was asked for to get it.</summary>
public sealed record SessionAccessToken
{
    /// <summary>The scope asked for, sorted; empty for all that the sign-in granted.</summary>
    public string Scope { get; init; } = "";

    /// <summary>The API asked for (RFC 8707); empty for that of the sign-in.</summary>
    public string Resource { get; init; } = "";

    /// <summary>The token.</summary>
    public required AccessToken Token { get; init; }

    /// <summary>Never the token.</summary>
    public override string ToString() => Token.ToString();
}
