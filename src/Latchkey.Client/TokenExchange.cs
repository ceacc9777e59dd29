namespace Latchkey.Client;

/// <summary>What a token exchange asks for (RFC 8693 section 2.1): a token for a token.</summary>
public sealed record TokenExchange
{
    internal const string GrantType = "urn:ietf:params:oauth:grant-type:token-exchange";

    /// <summary>The token type URN of access tokens (RFC 8693 section 3).</summary>
    public const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    /// <summary>The token type URN of ID tokens.</summary>
    public const string IdTokenType = "urn:ietf:params:oauth:token-type:id_token";

    /// <summary>The token type URN of refresh tokens.</summary>
    public const string RefreshTokenType = "urn:ietf:params:oauth:token-type:refresh_token";

    /// <summary>The token type URN of JWTs.</summary>
    public const string JwtType = "urn:ietf:params:oauth:token-type:jwt";

    /// <summary>The token of the party on whose behalf the new one is to be.</summary>
    public required string SubjectToken { get; init; }

    /// <summary>Its kind; an access token unless set.</summary>
    public string SubjectTokenType { get; init; } = AccessTokenType;

    /// <summary>The token of the party that acts, for delegation; null for impersonation.</summary>
    public string? ActorToken { get; init; }

    /// <summary>Its kind; an access token unless set.</summary>
    public string ActorTokenType { get; init; } = AccessTokenType;

    /// <summary>The kind to get; null lets the provider choose.</summary>
    public string? RequestedTokenType { get; init; }

    /// <summary>The APIs that the new token is for, by address (RFC 8707); those of the options if null.</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>The APIs that the new token is for, by the names the provider knows them by.</summary>
    public IReadOnlyList<string> Audiences { get; init; } = [];

    /// <summary>The scopes, separated by spaces; those of the options if null.</summary>
    public string? Scope { get; init; }

    /// <summary>Never the tokens.</summary>
    public override string ToString() => $"exchange of {SubjectTokenType} for {RequestedTokenType ?? "a token"}";
}
