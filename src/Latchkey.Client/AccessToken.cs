using System.Text.Json.Serialization;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

/// <summary>
/// An access token with what is known of it. It is opaque to a client, which never reads it (OAuth 2.1 section 1.4).
/// </summary>
public sealed record AccessToken
{
    /// <summary>The token as it is sent.</summary>
    public required string Value { get; init; }

    /// <summary>How it is sent: <c>Bearer</c> (RFC 6750) or <c>DPoP</c> (RFC 9449), in this spelling whatever the provider's was; <c>N_A</c> for what a token exchange issued that is no access token.</summary>
    public string Type { get; init; } = TokenTypes.Bearer;

    /// <summary>When it came.</summary>
    public DateTimeOffset IssuedAt { get; init; }

    /// <summary>When it ends by the provider's <c>expires_in</c>; null if the provider did not say.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>What was granted, separated by spaces. Where the provider says nothing it is what was asked for (RFC 6749 section 5.1).</summary>
    public string Scope { get; init; } = "";

    /// <summary>The RFC 7638 thumbprint of the DPoP key it is bound to; null for a bearer token.</summary>
    public string? KeyThumbprint { get; init; }

    /// <summary>Whether it is bound to a DPoP key.</summary>
    [JsonIgnore]
    public bool IsDPoP => Type == DPoPType;

    internal const string DPoPType = "DPoP";

    /// <summary>Never the token.</summary>
    public override string ToString() => $"{Type} token for \"{Scope}\"{(ExpiresAt is { } end ? $" until {end:u}" : "")}";
}
