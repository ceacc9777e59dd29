using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Messages;

/// <summary>
/// What is known of a client, under the names of RFC 7591 section 2, OpenID Connect Registration and Logout, and Latchkey's own few.
/// The declared state, the store and (later) registration speak this one record. A member that is not here is refused by name.
/// </summary>
/// <remarks>
/// Members have <c>set</c> because the JSON source generator forgets the default of an <c>init</c> member that the JSON does not have; change a copy
/// (<c>with</c>), never one that is shared.
/// </remarks>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed partial record ClientMetadata
{
    /// <summary>The client's id.</summary>
    public string ClientId { get; set; } = "";

    /// <summary>A name for people.</summary>
    public string? ClientName { get; set; }

    /// <summary>The client's home page.</summary>
    public string? ClientUri { get; set; }

    /// <summary>A picture of the client.</summary>
    public string? LogoUri { get; set; }

    /// <summary>The client's privacy policy.</summary>
    public string? PolicyUri { get; set; }

    /// <summary>The client's terms of service.</summary>
    public string? TosUri { get; set; }

    /// <summary>How to reach the people behind it.</summary>
    public IReadOnlyList<string> Contacts { get; set; } = [];

    /// <summary><c>web</c> or <c>native</c>.</summary>
    public string ApplicationType { get; set; } = "web";

    /// <summary>Where answers of <c>/authorize</c> may go, compared exactly.</summary>
    public IReadOnlyList<string> RedirectUris { get; set; } = [];

    /// <summary>Where <c>/logout</c> may send the person back to, compared exactly.</summary>
    public IReadOnlyList<string> PostLogoutRedirectUris { get; set; } = [];

    /// <summary>The grants it may use; <c>authorization_code</c> if none is named (RFC 7591 section 2).</summary>
    public IReadOnlyList<string> GrantTypes { get; set; } = [Names.GrantTypes.AuthorizationCode];

    /// <summary>The response types it may use; only <c>code</c> exists.</summary>
    public IReadOnlyList<string> ResponseTypes { get; set; } = ["code"];

    /// <summary>The scopes it may ask for, separated by spaces.</summary>
    public string? Scope { get; set; }

    /// <summary>What it gets when it asks for no scope, separated by spaces; none if absent.</summary>
    public string? DefaultScope { get; set; }

    /// <summary>How it authenticates: <c>client_secret_basic</c> unless set.</summary>
    public string TokenEndpointAuthMethod { get; set; } = ClientAuthenticationMethods.ClientSecretBasic;

    /// <summary>The one algorithm of its assertions; any that Latchkey accepts if absent.</summary>
    public string? TokenEndpointAuthSigningAlg { get; set; }

    /// <summary>Its public keys, a JWK set by value.</summary>
    public JsonElement? Jwks { get; set; }

    /// <summary>Its public keys, a JWK set by reference.</summary>
    public string? JwksUri { get; set; }

    /// <summary>The algorithm of its ID tokens; RS256 unless set.</summary>
    public string? IdTokenSignedResponseAlg { get; set; }

    /// <summary>How long an authentication may be old, in seconds, when the request does not say.</summary>
    public int? DefaultMaxAge { get; set; }

    /// <summary>Whether <c>auth_time</c> is always in its ID tokens; Latchkey always puts it there.</summary>
    public bool RequireAuthTime { get; set; }

    /// <summary>Authentication contexts to aim for when the request does not say.</summary>
    public IReadOnlyList<string> DefaultAcrValues { get; set; } = [];

    /// <summary>Where sign-in may be started from outside (OpenID Connect Core section 4).</summary>
    public string? InitiateLoginUri { get; set; }

    /// <summary>Where logout tokens go (OpenID Connect Back-Channel Logout section 2.2).</summary>
    public string? BackchannelLogoutUri { get; set; }

    /// <summary>Whether logout tokens must name the session; they always do.</summary>
    public bool BackchannelLogoutSessionRequired { get; set; }

    /// <summary><c>public</c> is the only subject type.</summary>
    public string SubjectType { get; set; } = "public";

    /// <summary>First-party apps: people are not asked for consent.</summary>
    public bool SkipConsent { get; set; }

    /// <summary>
    /// False only for a confidential client whose requests carry no <c>code_challenge</c> (the OpenID conformance suite's); never for a public one.
    /// </summary>
    public bool RequirePkce { get; set; } = true;

    /// <summary><c>rotate</c> (default), or <c>keep</c> for a confidential client whose refresh token stays the same.</summary>
    public string RefreshTokenRotation { get; set; } = "rotate";

    /// <summary>Whether the answer to a refresh of an <c>openid</c> grant carries an ID token.</summary>
    public bool IdTokenOnRefresh { get; set; } = true;

    /// <summary>Whether its assertions may name the token endpoint instead of the issuer as audience.</summary>
    public bool AcceptEndpointAudience { get; set; }

    /// <summary>How long its access tokens live when no resource says otherwise, in seconds.</summary>
    public int? AccessTokenLifetime { get; set; }

    /// <summary>Whether it may end all sessions and grants of a person (draft-parecki-oauth-global-token-revocation).</summary>
    public bool GlobalTokenRevocation { get; set; }

    /// <summary>Which tokens it may exchange for which (RFC 8693); none if absent.</summary>
    public TokenExchangePolicy? TokenExchange { get; set; }

    /// <summary>
    /// The one client that may act for the people whose access tokens this client holds: it becomes the <c>may_act</c> claim (RFC 8693 section 4.4).
    /// Anybody whose policy allows it may if absent.
    /// </summary>
    public string? MayAct { get; set; }

    /// <summary>Whether its access tokens must be bound to a key (RFC 9449 section 5.2).</summary>
    public bool DpopBoundAccessTokens { get; set; }

    /// <summary>Whether it must push its authorization requests (RFC 9126 section 6).</summary>
    public bool RequirePushedAuthorizationRequests { get; set; }

    /// <summary>The profile that it keeps to: <c>oauth21</c>, <c>fapi2-security</c>, <c>fapi2-message-signing</c> or <c>mcp</c>; the server's alone if absent.</summary>
    public string? Profile { get; set; }

    /// <summary>Identifies the software across its clients (RFC 7591 section 2).</summary>
    public string? SoftwareId { get; set; }

    /// <summary>The software's version (RFC 7591 section 2).</summary>
    public string? SoftwareVersion { get; set; }

    /// <summary>Whether the client can't keep a secret.</summary>
    [JsonIgnore]
    public bool IsPublic => TokenEndpointAuthMethod == ClientAuthenticationMethods.None;

    /// <summary>Whether it is an app on the person's device.</summary>
    [JsonIgnore]
    public bool IsNative => ApplicationType == "native";

    /// <summary>The name people see: <c>client_name</c>, else the id.</summary>
    [JsonIgnore]
    public string DisplayName => string.IsNullOrWhiteSpace(ClientName) ? ClientId : ClientName;

    /// <summary>Whether it may use a grant.</summary>
    public bool Allows(string grantType) => GrantTypes.Contains(grantType);
}

/// <summary>An API that tokens are meant for, as it is declared and stored.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record ResourceMetadata
{
    /// <summary>The resource's identifier, which becomes <c>aud</c> (RFC 8707).</summary>
    public string Resource { get; set; } = "";

    /// <summary>A name for people.</summary>
    public string? Name { get; set; }

    /// <summary>The scopes that belong to it; a scope belongs to one resource.</summary>
    public IReadOnlyList<ResourceScope> Scopes { get; set; } = [];

    /// <summary>How long its access tokens live, in seconds; 900 unless set.</summary>
    public int? AccessTokenLifetime { get; set; }

    /// <summary>Lets <see cref="AccessTokenLifetime"/> be more than an hour.</summary>
    public bool AllowLongLivedAccessTokens { get; set; }

    /// <summary>The algorithm of its access tokens; RS256 unless set.</summary>
    public string? AccessTokenSignedResponseAlg { get; set; }

    /// <summary>Claims of the user that its access tokens carry, such as <c>email</c>.</summary>
    public IReadOnlyList<string> AccessTokenClaims { get; set; } = [];

    /// <summary>The clients that are this resource: they may introspect its tokens.</summary>
    public IReadOnlyList<string> Clients { get; set; } = [];

    /// <summary>What can be asked for of it in detail (RFC 9396); a type belongs to one resource.</summary>
    public IReadOnlyList<AuthorizationDetailsType> AuthorizationDetailsTypes { get; set; } = [];

    /// <summary>The name people see.</summary>
    [JsonIgnore]
    public string DisplayName => string.IsNullOrWhiteSpace(Name) ? Resource : Name;
}

/// <summary>A type of authorization details (RFC 9396 section 2), as its resource declares it.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record AuthorizationDetailsType
{
    private static readonly JsonElement Anything = JsonElement.Parse("{}");

    /// <summary>Its name, as in <c>type</c>.</summary>
    public string Type { get; set; } = "";

    /// <summary>What it lets an app do, in a person's words.</summary>
    public string? Description { get; set; }

    /// <summary>What its members may be, in the documented part of JSON Schema; without one only the members of section 2.2 may be there.</summary>
    public JsonElement? Schema { get; set; }

    /// <summary>The schema, or one that describes no member.</summary>
    [JsonIgnore]
    public JsonElement SchemaOrEmpty => Schema ?? Anything;
}

/// <summary>A scope of a resource. In JSON it may also be the bare scope as a string.</summary>
[JsonConverter(typeof(ResourceScopeConverter))]
public sealed record ResourceScope
{
    /// <summary>The scope token.</summary>
    public string Scope { get; init; } = "";

    /// <summary>What it lets an app do, in a person's words.</summary>
    public string? Description { get; init; }

    /// <summary>Whether self-registered clients may not ask for it.</summary>
    public bool Restricted { get; init; }
}

/// <summary>Reads and writes a <see cref="ResourceScope"/> as a string or an object.</summary>
public sealed class ResourceScopeConverter : JsonConverter<ResourceScope>
{
    /// <inheritdoc />
    public override ResourceScope Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String) return new ResourceScope { Scope = reader.GetString()! };
        if (reader.TokenType != JsonTokenType.StartObject) throw new JsonException("A scope is a string, or an object with \"scope\" and \"description\".");
        var scope = new ResourceScope();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var name = reader.GetString();
            reader.Read();
            scope = name switch
            {
                "scope" when reader.TokenType == JsonTokenType.String => scope with { Scope = reader.GetString()! },
                "description" when reader.TokenType is JsonTokenType.String or JsonTokenType.Null => scope with { Description = reader.GetString() },
                "restricted" when reader.TokenType is JsonTokenType.True or JsonTokenType.False => scope with { Restricted = reader.GetBoolean() },
                "scope" or "description" or "restricted" => throw new JsonException($"The value of \"{name}\" of a scope has the wrong type."),
                _ => throw new JsonException($"A scope has no \"{name}\"; it has \"scope\", \"description\" and \"restricted\"."),
            };
        }

        return scope;
    }

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, ResourceScope value, JsonSerializerOptions options)
    {
        if (value.Description is null && !value.Restricted)
        {
            writer.WriteStringValue(value.Scope);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("scope", value.Scope);
        if (value.Description is not null) writer.WriteString("description", value.Description);
        if (value.Restricted) writer.WriteBoolean("restricted", true);
        writer.WriteEndObject();
    }
}
