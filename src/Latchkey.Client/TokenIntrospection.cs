using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

/// <summary>What the provider says of a token (RFC 7662 section 2.2).</summary>
public sealed class TokenIntrospection
{
    private TokenIntrospection(bool isActive, JsonElement claims)
    {
        IsActive = isActive;
        Claims = claims;
    }

    /// <summary>Whether the token is good now. If not, nothing else is known.</summary>
    public bool IsActive { get; }

    /// <summary>The whole answer.</summary>
    public JsonElement Claims { get; }

    /// <summary>Whom the token is about; null if not said.</summary>
    public string? Subject => Text(ClaimNames.Subject);

    /// <summary>Who got it; null if not said.</summary>
    public string? ClientId => Text(ClaimNames.ClientId);

    /// <summary>What it allows, separated by spaces; null if not said.</summary>
    public string? Scope => Text(ClaimNames.Scope);

    /// <summary>When it ends; null if not said.</summary>
    public DateTimeOffset? ExpiresAt =>
        Claims.TryGetProperty(ClaimNames.Expiration, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seconds)
        && seconds is > -62_000_000_000 and < 253_000_000_000
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    /// <summary>Whether it is good.</summary>
    public override string ToString() => IsActive ? "active" : "inactive";

    internal static TokenIntrospection Read(JsonElement json) =>
        json.TryGetProperty("active", out var active) && active.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? new(active.GetBoolean(), json)
            : throw new OAuthException(ClientRefusals.IntrospectionMalformed());

    private string? Text(string claim) =>
        Claims.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
