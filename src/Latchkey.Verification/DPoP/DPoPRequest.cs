namespace Latchkey.Verification.DPoP;

/// <summary>The request that a proof must fit.</summary>
public sealed record DPoPRequest
{
    /// <summary>The request's HTTP method, as it came.</summary>
    public required string Method { get; init; }

    /// <summary>
    /// The request's absolute URL as clients know it, once for each address that the server is reached by. It is made of what is configured, never of the
    /// Host header, which anybody may set. Query and fragment don't matter.
    /// </summary>
    public required IReadOnlyList<string> Targets { get; init; }

    /// <summary>The access token that came along, which the proof must be for (<c>ath</c>); null at the token endpoint.</summary>
    public string? AccessToken { get; init; }

    /// <summary>The thumbprint that the token, code or refresh token is bound to; null if this request binds a new one.</summary>
    public string? KeyThumbprint { get; init; }

    /// <summary>Method only: URLs and tokens are nobody's business.</summary>
    public override string ToString() => $"{Method} request";
}

/// <summary>A proof that holds: whoever sent the request has the private key.</summary>
/// <param name="KeyThumbprint">The key's thumbprint (RFC 7638), to bind to or to compare.</param>
/// <param name="JwtId">Its <c>jti</c>.</param>
public sealed record VerifiedDPoPProof(string KeyThumbprint, string JwtId)
{
    /// <summary>The algorithm of its signature.</summary>
    public string Algorithm { get; init; } = "";

    /// <summary>Until when a verifier takes the proof, and its use must be remembered.</summary>
    public DateTimeOffset UsableUntil { get; init; }
}
