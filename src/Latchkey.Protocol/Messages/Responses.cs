using System.Text.Json.Serialization;

namespace Latchkey.Protocol.Messages;

/// <summary>A successful answer of the token endpoint, RFC 6749 section 5.1.</summary>
/// <param name="AccessToken">The access token.</param>
/// <param name="TokenType"><c>Bearer</c>, or <c>DPoP</c> (RFC 9449 section 5).</param>
/// <param name="ExpiresIn">Its lifetime in seconds.</param>
/// <param name="Scope">What was granted, separated by spaces; always said.</param>
/// <param name="RefreshToken">The refresh token, if the grant has one.</param>
/// <param name="IdToken">The ID token, if <c>openid</c> was granted (OpenID Connect Core section 3.1.3.3).</param>
public sealed record TokenResponse(string AccessToken, string TokenType, int ExpiresIn, string Scope, string? RefreshToken = null, string? IdToken = null)
{
    /// <summary>What <see cref="AccessToken"/> is, in the answer to a token exchange (RFC 8693 section 2.2.1); null elsewhere.</summary>
    public string? IssuedTokenType { get; init; }

    /// <summary>What was granted in detail (RFC 9396 section 7), a JSON array; null for nothing.</summary>
    public System.Text.Json.JsonElement? AuthorizationDetails { get; init; }

    /// <summary>Says what is there, never the tokens.</summary>
    public override string ToString() =>
        $"{TokenType} token for \"{Scope}\", {ExpiresIn} s{(RefreshToken is null ? "" : ", with a refresh token")}{(IdToken is null ? "" : ", with an ID token")}";
}

/// <summary>An answer of the device authorization endpoint, RFC 8628 section 3.2.</summary>
/// <param name="DeviceCode">What the device polls with.</param>
/// <param name="UserCode">What the person types or compares, XXXX-XXXX.</param>
/// <param name="VerificationUri">Where the person goes.</param>
/// <param name="VerificationUriComplete">The same with the code in it.</param>
/// <param name="ExpiresIn">Lifetime of both codes in seconds.</param>
/// <param name="Interval">Seconds between polls.</param>
public sealed record DeviceAuthorizationResponse(
    string DeviceCode, string UserCode, string VerificationUri, string VerificationUriComplete, int ExpiresIn, int Interval)
{
    /// <summary>Never the codes.</summary>
    public override string ToString() => $"device authorization at {VerificationUri}, {ExpiresIn} s";
}

/// <summary>An answer of the pushed authorization request endpoint, RFC 9126 section 2.2.</summary>
/// <param name="RequestUri">What the browser brings to the authorization endpoint, once.</param>
/// <param name="ExpiresIn">Its lifetime in seconds.</param>
public sealed record PushedAuthorizationResponse(string RequestUri, int ExpiresIn)
{
    /// <summary>Never the reference.</summary>
    public override string ToString() => $"pushed authorization request, {ExpiresIn} s";
}

/// <summary>Source-generated JSON of the messages: registered names are the members' names in snake case, null is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    ReadCommentHandling = System.Text.Json.JsonCommentHandling.Skip,
    AllowTrailingCommas = true)]
[JsonSerializable(typeof(ClientMetadata))]
[JsonSerializable(typeof(ResourceMetadata))]
[JsonSerializable(typeof(TrustedIssuer))]
[JsonSerializable(typeof(ServerMetadata))]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(DeviceAuthorizationResponse))]
[JsonSerializable(typeof(PushedAuthorizationResponse))]
public sealed partial class MessagesJson : JsonSerializerContext;
