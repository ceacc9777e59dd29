using System.Text.Json;

namespace Latchkey.Client;

/// <summary>What the provider says of a person (OpenID Connect Core section 5.3.2).</summary>
public sealed class UserInfo
{
    internal UserInfo(string subject, JsonElement claims)
    {
        Subject = subject;
        Claims = claims;
    }

    /// <summary>The person; the same as in the ID token.</summary>
    public string Subject { get; }

    /// <summary>All claims.</summary>
    public JsonElement Claims { get; }

    /// <summary>A claim that is a string; null if it is absent or something else.</summary>
    /// <param name="claim">The claim's name.</param>
    public string? Text(string claim) =>
        Claims.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>No claims: those are a person's data.</summary>
    public override string ToString() => "userinfo";
}
