using System.Buffers;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;

namespace Latchkey.Server.Authorize;

/// <summary>The <c>claims</c> parameter (OpenID Connect Core section 5.5), as far as it decides anything at this endpoint.</summary>
internal sealed record ClaimsRequest
{
    // It travels in the code, which travels in a URL.
    private const int MaximumSize = 4096;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    // What a token says of itself and of the sign-in is no matter of consent.
    private static readonly string[] AboutTheToken =
    [
        ClaimNames.Issuer, ClaimNames.Subject, ClaimNames.Audience, ClaimNames.Expiration, ClaimNames.IssuedAt, ClaimNames.AuthenticationTime,
        ClaimNames.AuthenticationContext, ClaimNames.AuthenticationMethods, ClaimNames.AuthorizedParty, ClaimNames.Nonce, ClaimNames.AccessTokenHash,
        ClaimNames.SessionId,
    ];

    /// <summary>No such parameter.</summary>
    public static ClaimsRequest Empty { get; } = new();

    /// <summary>The parameter without what is not understood; null if there is none.</summary>
    public string? Json { get; private init; }

    /// <summary>The claims about the person that are asked for one by one.</summary>
    public IReadOnlyList<string> Names { get; private init; } = [];

    /// <summary>The only people that the answer may be about; null if it does not matter.</summary>
    public IReadOnlyList<string>? Subjects { get; private init; }

    /// <summary>The only authentication contexts that do; null if it does not matter (OpenID Connect Core section 5.5.1.1).</summary>
    public IReadOnlyList<string>? EssentialAcr { get; private init; }

    /// <summary>Reads the parameter.</summary>
    /// <returns>The request, or <c>invalid_request</c> for what is not a claims request.</returns>
    public static Result<ClaimsRequest> Parse(string? json)
    {
        if (json is null) return Empty;
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Read(document.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second is how the reader speaks of an escape that is half a character, which it meets when the text is asked for.
            return Malformed("is not JSON, or names a member twice");
        }
    }

    private static Result<ClaimsRequest> Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object) return Malformed("is not a JSON object");
        List<string>? subjects = null, acr = null;
        var names = new List<string>();
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (var target in (ReadOnlySpan<string>)["id_token", "userinfo"])
            {
                if (!root.TryGetProperty(target, out var claims) || claims.ValueKind == JsonValueKind.Null) continue;
                if (claims.ValueKind != JsonValueKind.Object) return Malformed($"has a member {target} that is not an object");
                foreach (var claim in claims.EnumerateObject())
                {
                    if (claim.Value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Object))
                        return Malformed("asks for a claim with something that is neither null nor an object");
                    if (!AboutTheToken.Contains(claim.Name) && !names.Contains(claim.Name)) names.Add(claim.Name);
                }

                Narrow(ref subjects, Values(claims, ClaimNames.Subject, essentialOnly: false));
                Narrow(ref acr, Values(claims, ClaimNames.AuthenticationContext, essentialOnly: true));
                writer.WritePropertyName(target);
                claims.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenCount > MaximumSize
            ? OAuthError.InvalidRequest("The claims parameter is larger than 4096 bytes.")
            : new ClaimsRequest { Json = Encoding.UTF8.GetString(buffer.WrittenSpan), Names = names, Subjects = subjects, EssentialAcr = acr };
    }

    // Several places that name values all count: only what is in each of them does.
    private static void Narrow(ref List<string>? values, List<string>? more)
    {
        if (more is not null) values = values is null ? more : [.. values.Intersect(more, StringComparer.Ordinal)];
    }

    private static List<string>? Values(JsonElement claims, string name, bool essentialOnly)
    {
        if (!claims.TryGetProperty(name, out var claim) || claim.ValueKind != JsonValueKind.Object) return null;
        if (essentialOnly && !(claim.TryGetProperty("essential", out var essential) && essential.ValueKind == JsonValueKind.True)) return null;
        if (claim.TryGetProperty("value", out var value)) return [Text(value)];
        return claim.TryGetProperty("values", out var values) && values.ValueKind == JsonValueKind.Array
            ? [.. values.EnumerateArray().Select(Text)]
            : null;
    }

    // What is not text can be nobody's subject and no context's name.
    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    private static OAuthError Malformed(string what) =>
        OAuthError.InvalidRequest($"The claims parameter {what}; see OpenID Connect Core section 5.5.");
}
