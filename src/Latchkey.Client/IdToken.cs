using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Client;

/// <summary>
/// Who signed in, by OpenID Connect Core section 2. It speaks to this client alone: to call an API there is the access token.
/// </summary>
public sealed class IdToken
{
    private IdToken(string value, JsonElement claims)
    {
        Value = value;
        Claims = claims;
    }

    /// <summary>The token as it came, for <c>id_token_hint</c> at logout.</summary>
    public string Value { get; }

    /// <summary>All claims.</summary>
    public JsonElement Claims { get; }

    /// <summary>Who issued it.</summary>
    public string Issuer => Text(ClaimNames.Issuer) ?? "";

    /// <summary>The person, stable and unique at this issuer: the one claim to know people by, never the e-mail address.</summary>
    public string Subject => Text(ClaimNames.Subject) ?? "";

    /// <summary>Whom it is for: this client, and perhaps others.</summary>
    public IReadOnlyList<string> Audiences => Claims.TryGetProperty(ClaimNames.Audience, out var audience) ? audience.ValueKind switch
    {
        JsonValueKind.String => [audience.GetString()!],
        JsonValueKind.Array => [.. audience.EnumerateArray().Where(one => one.ValueKind == JsonValueKind.String).Select(one => one.GetString()!)],
        _ => [],
    } : [];

    /// <summary>When it ends. That ends no session: it only had to be valid when it came.</summary>
    public DateTimeOffset? ExpiresAt => Time(ClaimNames.Expiration);

    /// <summary>When it was issued.</summary>
    public DateTimeOffset? IssuedAt => Time(ClaimNames.IssuedAt);

    /// <summary>When the person last proved who they are; null if not said.</summary>
    public DateTimeOffset? AuthenticatedAt => Time(ClaimNames.AuthenticationTime);

    /// <summary>How strongly (<c>acr</c>); null if not said.</summary>
    public string? AuthenticationContext => Text(ClaimNames.AuthenticationContext);

    /// <summary>The provider's session (<c>sid</c>), which a back-channel logout names; null if not said.</summary>
    public string? SessionId => Text(ClaimNames.SessionId);

    /// <summary>
    /// Reads an ID token that this program verified earlier and has kept since in a place that only it can write.
    /// Nothing is verified here: never pass one that came from elsewhere.
    /// </summary>
    /// <param name="verified">The token, <see cref="Value"/>.</param>
    /// <exception cref="FormatException">It is no JWT.</exception>
    public static IdToken FromStored(string verified)
    {
        ArgumentException.ThrowIfNullOrEmpty(verified);
        var parts = verified.Split('.');
        if (parts.Length != 3) throw new FormatException("The stored ID token is no JWT.");
        try
        {
            using var payload = JsonDocument.Parse(Base64Url.DecodeFromUtf8(Encoding.UTF8.GetBytes(parts[1])));
            if (payload.RootElement.ValueKind != JsonValueKind.Object) throw new FormatException("The stored ID token is no JWT.");
            return new(verified, payload.RootElement.Clone());
        }
        catch (JsonException)
        {
            throw new FormatException("The stored ID token is no JWT.");
        }
    }

    /// <summary>A claim that is a string; null if it is absent or something else.</summary>
    /// <param name="claim">The claim's name.</param>
    public string? Text(string claim) =>
        Claims.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Never the token, and no claims: those are a person's data.</summary>
    public override string ToString() => $"ID token of {Issuer}";

    private DateTimeOffset? Time(string claim) =>
        Claims.TryGetProperty(claim, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds)
        && seconds is > -62_000_000_000 and < 253_000_000_000
            ? DateTimeOffset.FromUnixTimeSeconds((long)seconds)
            : null;
}
