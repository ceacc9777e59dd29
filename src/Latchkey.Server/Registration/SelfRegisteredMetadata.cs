using System.Buffers;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Admin;
using Latchkey.Server.Configuration;
using Latchkey.Server.Profiles;
using Latchkey.Storage;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Registration;

/// <summary>
/// What a client may say of itself, in a registration (RFC 7591 section 2) or in its metadata document. Members that are unknown are passed over, as
/// the specification wants; so are Latchkey's own, which are an operator's to set: no client skips consent or PKCE by saying so.
/// </summary>
internal static class SelfRegisteredMetadata
{
    // Logout tokens are not sent to addresses that anybody can name, so backchannel_logout_uri is not among these.
    private static readonly FrozenSet<string> Members = new[]
    {
        "client_name", "client_uri", "logo_uri", "policy_uri", "tos_uri", "contacts", "application_type", "redirect_uris", "post_logout_redirect_uris",
        "grant_types", "response_types", "scope", "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks", "jwks_uri",
        "id_token_signed_response_alg", "default_max_age", "require_auth_time", "default_acr_values", "initiate_login_uri", "subject_type", "sector_identifier_uri",
        "software_id", "software_version", "dpop_bound_access_tokens", "require_pushed_authorization_requests", "require_signed_request_object",
        "request_object_signing_alg", "request_object_encryption_alg", "request_object_encryption_enc", "authorization_signed_response_alg",
        "authorization_encrypted_response_alg", "authorization_encrypted_response_enc", "userinfo_signed_response_alg", "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc", "id_token_encrypted_response_alg", "id_token_encrypted_response_enc", "introspection_signed_response_alg",
        "introspection_encrypted_response_alg", "introspection_encrypted_response_enc",
    }.ToFrozenSet(StringComparer.Ordinal);

    // Grants by which a person says yes. A client that nobody knows gets nothing for itself.
    private static readonly string[] GrantsOfAnybody = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.DeviceCode];

    private static readonly JsonDocumentOptions DocumentOptions = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>Reads a metadata document (Client ID Metadata Document section 4).</summary>
    /// <param name="json">The document.</param>
    /// <param name="url">Where it was found; its <c>client_id</c> must be just that.</param>
    /// <returns>The metadata, or <c>invalid_client</c> saying what is wrong.</returns>
    public static Result<ClientMetadata> ReadDocument(ReadOnlyMemory<byte> json, string url)
    {
        if (!JsonMembers.IsText(json.Span)) return Wrong("is not in UTF-8, or holds half a character");
        try
        {
            using var document = JsonDocument.Parse(json, DocumentOptions);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return Wrong("is no JSON object");
            if (!root.TryGetProperty("client_id", out var id) || id.ValueKind != JsonValueKind.String || id.GetString() != url)
                return Wrong("has another client_id than its own URL, character by character");
            if (root.TryGetProperty("client_secret", out _) || root.TryGetProperty("client_secret_expires_at", out _))
                return Wrong("holds a client_secret, which everybody can read; take it out and use another");
            if (Read(root, url).Refused(out var malformed, out var metadata)) return Wrong(malformed.Description);

            // Where nothing is said: a public client that signs people in and keeps them signed in.
            if (!Has(root, "grant_types")) metadata = metadata with { GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken] };
            if (!Has(root, "token_endpoint_auth_method"))
            {
                metadata = metadata with
                {
                    TokenEndpointAuthMethod = metadata.Jwks is null && metadata.JwksUri is null ? ClientAuthenticationMethods.None : ClientAuthenticationMethods.PrivateKeyJwt,
                };
            }

            if (metadata.TokenEndpointAuthMethod.StartsWith("client_secret", StringComparison.Ordinal))
                return Wrong($"names the token_endpoint_auth_method {metadata.TokenEndpointAuthMethod}, but nobody shares a secret with a document; use none or private_key_jwt");
            if (!Complete(metadata, root, GrantsOfAnybody).Refused(out var error, out metadata)) return metadata;
            return Wrong(error.Description.StartsWith("has ", StringComparison.Ordinal) ? error.Description : $"is wrong: {error.Description}");
        }
        catch (JsonException)
        {
            return Wrong("is no well-formed JSON, or says something twice");
        }
    }

    /// <summary>Reads a registration request (RFC 7591 section 3.1).</summary>
    /// <param name="root">The request, a JSON object.</param>
    /// <param name="clientId">The id that the client gets or has.</param>
    /// <param name="isTrusted">Whether it showed an initial access token, so that it may also act for itself.</param>
    /// <returns>The metadata, <c>invalid_redirect_uri</c> or <c>invalid_client_metadata</c>.</returns>
    public static Result<ClientMetadata> ReadRegistration(JsonElement root, string clientId, bool isTrusted)
    {
        if (Read(root, clientId).Refused(out var malformed, out var metadata)) return malformed;
        return Complete(metadata, root, isTrusted ? [.. GrantsOfAnybody, GrantTypes.ClientCredentials] : GrantsOfAnybody);
    }

    /// <summary>Writes what is registered of a client, as a registration's answer tells it (RFC 7591 section 3.2.1).</summary>
    public static void WriteMembers(Utf8JsonWriter json, ClientMetadata metadata)
    {
        foreach (var member in JsonSerializer.SerializeToElement(metadata, MessagesJson.Default.ClientMetadata).EnumerateObject())
        {
            var empty = member.Value.ValueKind == JsonValueKind.False || (member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() == 0);
            if (Members.Contains(member.Name) && !empty) member.WriteTo(json);
        }
    }

    /// <summary>A client as the endpoints see it.</summary>
    public static Client ToClient(ClientMetadata metadata, ServerOptions options, ClientOrigin origin, IReadOnlyList<ClientSecret> secrets, long notBefore) =>
        // Its logo stays where it is: a picture that anybody serves could look like somebody else's, and tell them who looks.
        ClientTerms.Of(metadata with { LogoUri = null }, options).ToClient(secrets, notBefore) with { Origin = origin, Fingerprint = FingerprintOf(metadata) };

    /// <summary>Whether two say the same.</summary>
    public static bool Same(ClientMetadata left, ClientMetadata right) =>
        JsonSerializer.Serialize(left, MessagesJson.Default.ClientMetadata) == JsonSerializer.Serialize(right, MessagesJson.Default.ClientMetadata);

    /// <summary>A sentence as an <c>error_description</c> may be (RFC 6749 section 5.2).</summary>
    public static string Ascii(string text) => string.Create(Math.Min(text.Length, 500), text, static (span, source) =>
    {
        for (var i = 0; i < span.Length; i++) span[i] = source[i] is >= ' ' and <= '~' and not '"' and not '\\' ? source[i] : '?';
    });

    // Where answers go and who can prove to be the client: the order of the addresses does not matter.
    private static string FingerprintOf(ClientMetadata metadata)
    {
        var text = new StringBuilder();
        foreach (var uri in metadata.RedirectUris.Order(StringComparer.Ordinal)) text.Append(uri).Append('\n');
        text.Append('\n').Append(metadata.TokenEndpointAuthMethod).Append('\n').Append(metadata.JwksUri).Append('\n');
        if (metadata.Jwks is { } jwks) text.Append(jwks.GetRawText());
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static OAuthError Wrong(string description) =>
        OAuthError.InvalidClient($"The client's metadata document {description.TrimEnd('.')}.");

    private static OAuthError Metadata(string description) => new("invalid_client_metadata", description);

    // null and an empty text are the same as nothing: several programs write out every member they know.
    private static bool Has(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null && !(value.ValueKind == JsonValueKind.String && value.ValueEquals(""u8));

    private static Result<ClientMetadata> Read(JsonElement root, string clientId)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("client_id"u8, clientId);
            foreach (var member in root.EnumerateObject())
            {
                if (Members.Contains(member.Name) && Has(root, member.Name)) member.WriteTo(json);
            }

            json.WriteEndObject();
        }

        try
        {
            return JsonSerializer.Deserialize(buffer.WrittenSpan, MessagesJson.Default.ClientMetadata)!;
        }
        catch (JsonException exception)
        {
            return Metadata(exception.Path is { Length: > 2 } path && path.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '$' or '.' or '[' or ']')
                ? $"has {path[2..]} with a value of the wrong type."
                : "has a member with a value of the wrong type.");
        }
    }

    private static Result<ClientMetadata> Complete(ClientMetadata metadata, JsonElement root, IReadOnlyList<string> grants)
    {
        // 1. What is not taken here is left out, and the answer says so (RFC 7591 section 3.2.1); a client that is left with nothing is told.
        metadata = metadata with
        {
            GrantTypes = [.. metadata.GrantTypes.Where(grants.Contains).Distinct(StringComparer.Ordinal)],
            ResponseTypes = [.. metadata.ResponseTypes.Where(type => type == "code").Distinct(StringComparer.Ordinal)],
        };
        if (metadata.GrantTypes.Count == 0) return Metadata($"has no grant type that clients may register themselves for; those are {string.Join(", ", grants)}.");
        if (!metadata.Allows(GrantTypes.AuthorizationCode)) metadata = metadata with { ResponseTypes = [] };
        else if (metadata.ResponseTypes.Count == 0) return Metadata("has the grant type authorization_code, but not the response type code that goes with it (RFC 7591 section 2.1).");

        // 2. Where answers go.
        if (metadata.RedirectUris.Any(uri => uri is null)) return new OAuthError("invalid_redirect_uri", "has a redirect URI that is null.");
        if (!Has(root, "application_type")) metadata = metadata with { ApplicationType = IsOnDevice(metadata.RedirectUris) ? "native" : "web" };
        if (metadata.Allows(GrantTypes.AuthorizationCode) && metadata.RedirectUris.Count == 0)
            return new OAuthError("invalid_redirect_uri", "has no redirect_uris; authorization_code needs the addresses that answers may go to.");
        foreach (var uri in metadata.RedirectUris)
        {
            if (RedirectUri.Fault(uri, metadata.IsNative) is { } fault) return new OAuthError("invalid_redirect_uri", Ascii($"has the redirect URI {uri}, which {fault}."));
        }

        // 3. A stranger gets no key of its own made: the algorithms that are there from the start have to do.
        foreach (var (name, algorithm) in (ReadOnlySpan<(string, string?)>)[
            ("id_token_signed_response_alg", metadata.IdTokenSignedResponseAlg), ("authorization_signed_response_alg", metadata.AuthorizationSignedResponseAlg),
            ("userinfo_signed_response_alg", metadata.UserinfoSignedResponseAlg), ("introspection_signed_response_alg", metadata.IntrospectionSignedResponseAlg)])
        {
            if (algorithm is not null && !SigningAlgorithms.Standing.Contains(algorithm))
                return Metadata($"has a {name} that is not one of {string.Join(", ", SigningAlgorithms.Standing)}.");
        }

        // 4. The rest is judged like any client's.
        return ClientRules.Fault(metadata, null) is { } wrong ? Metadata(Ascii(wrong)) : metadata;
    }

    // Clients that don't say what they are mean an app on the device where every answer goes to one (MCP authorization; RFC 8252 section 7).
    private static bool IsOnDevice(IReadOnlyList<string> redirectUris) =>
        redirectUris.Count > 0 && redirectUris.All(uri => RedirectUri.IsLoopback(uri) || !(uri.StartsWith("https:", StringComparison.OrdinalIgnoreCase) || uri.StartsWith("http:", StringComparison.OrdinalIgnoreCase)));
}
