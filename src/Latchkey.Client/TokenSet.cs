namespace Latchkey.Client;

/// <summary>What a token request brought (RFC 6749 section 5.1), checked.</summary>
public sealed record TokenSet
{
    /// <summary>The access token.</summary>
    public required AccessToken AccessToken { get; init; }

    /// <summary>
    /// The refresh token to use from now on; null if there is none. After a refresh that brought none it is the one that was used
    /// (RFC 6749 section 6). Save it before the access token is used: a rotated one that gets lost ends the grant.
    /// </summary>
    public string? RefreshToken { get; init; }

    /// <summary>The verified ID token; null without <c>openid</c>, and after a refresh that brought none it is the earlier one.</summary>
    public IdToken? IdToken { get; init; }

    /// <summary>What kind of token a token exchange issued, a URN of RFC 8693 section 3; null otherwise.</summary>
    public string? IssuedTokenType { get; init; }

    /// <summary>Says what is there, never the tokens.</summary>
    public override string ToString() =>
        $"{AccessToken}{(RefreshToken is null ? "" : ", with a refresh token")}{(IdToken is null ? "" : ", with an ID token")}";
}
