using System.Text.Json;
using System.Text.Json.Serialization;

namespace Latchkey.Client.Authorization;

/// <summary>
/// What is remembered of one sign-in between its start and its callback, one for each tab. Keep it where only this program can read and write
/// it, such as an encrypted cookie or a server's store, by its <see cref="State"/>; delete it when the callback comes, whatever comes of that.
/// </summary>
public sealed record AuthorizationTransaction
{
    /// <summary>Ties the callback to this sign-in; 256 random bits.</summary>
    public required string State { get; init; }

    /// <summary>The PKCE verifier (RFC 7636), the secret of this sign-in; 256 random bits.</summary>
    public required string CodeVerifier { get; init; }

    /// <summary>Ties the ID token to this sign-in; 256 random bits. Null without <c>openid</c>.</summary>
    public string? Nonce { get; init; }

    /// <summary>The provider that was asked: the answer must be its own (RFC 9207).</summary>
    public required string Issuer { get; init; }

    /// <summary>The client that asked.</summary>
    public required string ClientId { get; init; }

    /// <summary>Where the answer was to go.</summary>
    public required string RedirectUri { get; init; }

    /// <summary>How the answer was to come; null for the provider's default.</summary>
    public string? ResponseMode { get; init; }

    /// <summary>What was asked for, separated by spaces.</summary>
    public string Scope { get; init; } = "";

    /// <summary>The APIs that were asked for; they are named at the token endpoint again (RFC 8707 section 2.2).</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];

    /// <summary>How long ago the person may have signed in, in seconds; null if that does not matter.</summary>
    public int? MaxAge { get; init; }

    /// <summary>Where the person goes in the application afterwards: a path of the application's own.</summary>
    public string? ReturnUrl { get; init; }

    /// <summary>The SHA-256 of the browser session that started this; null if it is bound to none.</summary>
    public string? SessionHash { get; init; }

    /// <summary>When it is over.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The transaction as JSON, to be encrypted and kept. It holds the verifier: never give it to a browser in the clear.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TransactionJson.Default.AuthorizationTransaction);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The JSON.</param>
    /// <returns>The transaction, or null if the text is none, such as one of an older version.</returns>
    public static AuthorizationTransaction? FromJson(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, TransactionJson.Default.AuthorizationTransaction);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Neither state, verifier nor nonce.</summary>
    public override string ToString() => $"sign-in of {ClientId} at {Issuer}";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuthorizationTransaction))]
internal sealed partial class TransactionJson : JsonSerializerContext;
