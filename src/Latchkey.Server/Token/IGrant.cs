using Latchkey.Protocol;
using Latchkey.Server.Configuration;
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
internal sealed record TokenRequest(Parameters Parameters, Client Client, ServerConfiguration Configuration, long Now, AuditEvent Audit);

/// <summary>What the token endpoint is to issue.</summary>
internal sealed record Issuance
{
    /// <summary>The user, or null where the client acts for itself.</summary>
    public User? User { get; init; }

    /// <summary>The grant behind it, or null for client_credentials.</summary>
    public Grant? Grant { get; init; }

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

    /// <summary>The session that the ID token names.</summary>
    public RowId? SessionId { get; init; }
}
