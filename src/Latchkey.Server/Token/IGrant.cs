using Latchkey.Protocol;
using Latchkey.Server.Configuration;
using Latchkey.Server.SenderConstraint;
using Latchkey.Storage;

namespace Latchkey.Server.Token;

/// <summary>
/// One grant type of the token endpoint. It reads its own parameters, judges them, uses up what must be used up, and says what to issue.
/// It never touches HTTP; the client is authenticated and may use the grant when it is called.
/// </summary>
internal interface IGrant
{
    /// <summary>The value of <c>grant_type</c>.</summary>
    string GrantType { get; }

    /// <summary>Redeems a request.</summary>
    /// <returns>What to issue, or the error. An error has used nothing up.</returns>
    ValueTask<Result<Issuance>> RedeemAsync(TokenRequest request);
}

/// <summary>A request to the token endpoint whose client is authenticated.</summary>
/// <param name="Parameters">The form.</param>
/// <param name="Client">The client.</param>
/// <param name="Configuration">The configuration that the whole request is judged by.</param>
/// <param name="Now">Unix milliseconds.</param>
/// <param name="Audit">An event with address and request id, to be completed with <c>with</c>.</param>
/// <param name="Confirmation">What the access token will be bound to; the endpoint sees to that. Null for a bearer token.</param>
internal sealed record TokenRequest(
    Parameters Parameters, Client Client, ServerConfiguration Configuration, long Now, AuditEvent Audit, Confirmation? Confirmation = null)
{
    /// <summary>
    /// What a refresh token of this request is bound to: a public client's to its key or certificate. Those of a client that authenticates are bound to
    /// the client itself, and it may change its key (RFC 9449 section 5, RFC 8705 section 4).
    /// </summary>
    public Confirmation? RefreshConfirmation => Client.Metadata.IsPublic ? Confirmation : null;
}

/// <summary>What the token endpoint is to issue.</summary>
internal sealed record Issuance
{
    /// <summary>The user, or null where the client acts for itself.</summary>
    public User? User { get; init; }

    /// <summary>The grant behind it, or null for client_credentials.</summary>
    public Grant? Grant { get; init; }

    /// <summary>Whom the access token is about where that is neither the user nor the client that asks: another client.</summary>
    public string? Subject { get; init; }

    /// <summary>Who acts for the subject: the value of <c>act</c> as JSON (RFC 8693 section 4.1); null where nobody does.</summary>
    public string? Actor { get; init; }

    /// <summary>When the access token ends at the latest, unix seconds; null where lifetimes alone decide.</summary>
    public long? ExpiresAt { get; init; }

    /// <summary>What the answer says of the token's kind (RFC 8693 section 2.2.1); null outside a token exchange.</summary>
    public string? IssuedTokenType { get; init; }

    /// <summary>More for the audit: members of a JSON object, without its braces.</summary>
    public string? AuditDetail { get; init; }

    /// <summary>The scope of this access token; the grant's can be wider.</summary>
    public required ScopeSet Scope { get; init; }

    /// <summary>The resources this access token is for, as registered; empty for the issuer itself.</summary>
    public IReadOnlyList<Protocol.Messages.ResourceMetadata> Resources { get; init; } = [];

    /// <summary>The generation of the refresh token to hand out; null for none.</summary>
    public int? RefreshGeneration { get; init; }

    /// <summary>Whether an ID token goes with it.</summary>
    public bool WithIdToken { get; init; }

    /// <summary>The nonce of the authorization request; only the first ID token has it.</summary>
    public string? Nonce { get; init; }

    /// <summary>What the access token is for in detail (RFC 9396), a JSON array; null for nothing.</summary>
    public string? AuthorizationDetails { get; init; }

    /// <summary>The session that the ID token names.</summary>
    public RowId? SessionId { get; init; }

    /// <summary>
    /// Whether what was redeemed is used up, so that the same request can't succeed again: then its DPoP proof need not be remembered as used. The
    /// endpoint remembers it otherwise.
    /// </summary>
    public bool IsOneTime { get; init; }

    /// <summary>What the access token is bound to; the endpoint sets it.</summary>
    public Confirmation? Confirmation { get; init; }
}
