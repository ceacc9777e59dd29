using System.Text.Json;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing;

/// <summary>What every authority knows unless it is told otherwise: a client of each kind, two APIs, two people.</summary>
public static class Ready
{
    /// <summary>An API with the scopes <c>api:read</c> and <c>api:write</c>.</summary>
    public const string Api = "https://api.test";

    /// <summary>A second API with the scope <c>files:read</c>; its tokens are signed with ES256.</summary>
    public const string Files = "https://files.test";

    /// <summary>Every scope that the ready clients may ask for.</summary>
    public const string AllScopes = "openid profile email address phone offline_access api:read api:write files:read";

    /// <summary>Signs in with a password.</summary>
    public static ReadyUser Alice { get; } = new("alice", "correct horse battery staple")
    {
        Subject = "user-alice",
        Claims = Claims("""{"name":"Alice Example","given_name":"Alice","family_name":"Example","email":"alice@example.com","email_verified":true}"""),
    };

    /// <summary>Another person.</summary>
    public static ReadyUser Bob { get; } = new("bob", "another long passphrase of bob")
    {
        Subject = "user-bob",
        Claims = Claims("""{"name":"Bob Example","email":"bob@example.com","email_verified":false}"""),
    };

    /// <summary>A web app with a secret (<c>client_secret_basic</c>): code and refresh.</summary>
    public static ReadyClient Web { get; } = new("web", "web-secret-0123456789abcdef", "https://app.test/callback");

    /// <summary>As <see cref="Web"/>, authenticating by <c>client_secret_post</c>.</summary>
    public static ReadyClient Post { get; } = new("post", "post-secret-0123456789abcdef", "https://post.test/callback") { Method = ClientAuthenticationMethods.ClientSecretPost };

    /// <summary>A native app: public, loopback redirects on any port, and <c>com.example.app:/callback</c>.</summary>
    public static ReadyClient Native { get; } = new("native", null, "http://127.0.0.1/callback");

    /// <summary>A single-page app: public.</summary>
    public static ReadyClient Spa { get; } = new("spa", null, "https://spa.test/callback");

    /// <summary>As <see cref="Web"/>, whose people are never asked for consent.</summary>
    public static ReadyClient FirstParty { get; } = new("first-party", "first-party-secret-0123456789", "https://first.test/callback");

    /// <summary>A service that acts for itself: <c>client_credentials</c>.</summary>
    public static ReadyClient Machine { get; } = new("machine", "machine-secret-0123456789abcdef", null);

    /// <summary>A device or terminal: public, device code and refresh.</summary>
    public static ReadyClient Device { get; } = new("device", null, null);

    /// <summary>Authenticates by <c>private_key_jwt</c> with <see cref="AssertionKey"/>: code, refresh and client credentials.</summary>
    public static ReadyClient Assertion { get; } = new("assertion", null, "https://assertion.test/callback") { Method = ClientAuthenticationMethods.PrivateKeyJwt };

    /// <summary>The server behind <see cref="Api"/>: it may introspect its tokens.</summary>
    public static ReadyClient ApiServer { get; } = new("api-server", "api-server-secret-0123456789", null);

    /// <summary>The key of <see cref="Assertion"/>: ES256, made once a process.</summary>
    public static ClientKey AssertionKey { get; } = new("assertion-key");

    internal static ResourceMetadata Resource(string resource, IEnumerable<string> scopes) =>
        new() { Resource = resource, Scopes = [.. scopes.Select(scope => new ResourceScope { Scope = scope })] };

    internal static IEnumerable<(ClientMetadata Metadata, string? Secret)> Clients()
    {
        yield return (WithCode(Web) with { PostLogoutRedirectUris = ["https://app.test/"], ClientName = "Test web app" }, Web.Secret);
        yield return (WithCode(Post) with { TokenEndpointAuthMethod = ClientAuthenticationMethods.ClientSecretPost, PostLogoutRedirectUris = ["https://post.test/"] }, Post.Secret);
        yield return (WithCode(Native) with
        {
            TokenEndpointAuthMethod = ClientAuthenticationMethods.None,
            ApplicationType = "native",
            RedirectUris = ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/callback", "com.example.app:/callback"],
            PostLogoutRedirectUris = ["com.example.app:/bye"],
        }, null);
        yield return (WithCode(Spa) with { TokenEndpointAuthMethod = ClientAuthenticationMethods.None, PostLogoutRedirectUris = ["https://spa.test/"] }, null);
        yield return (WithCode(FirstParty) with { SkipConsent = true, PostLogoutRedirectUris = ["https://first.test/"] }, FirstParty.Secret);
        yield return (new ClientMetadata
        {
            ClientId = Machine.ClientId, GrantTypes = [GrantTypes.ClientCredentials], ResponseTypes = [], Scope = "api:read api:write files:read",
        }, Machine.Secret);
        yield return (new ClientMetadata
        {
            ClientId = Device.ClientId, ClientName = "Test terminal", ApplicationType = "native", TokenEndpointAuthMethod = ClientAuthenticationMethods.None,
            GrantTypes = [GrantTypes.DeviceCode, GrantTypes.RefreshToken], ResponseTypes = [], Scope = AllScopes,
        }, null);
        yield return (WithCode(Assertion) with
        {
            TokenEndpointAuthMethod = ClientAuthenticationMethods.PrivateKeyJwt,
            GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.ClientCredentials],
            Jwks = JsonElement.Parse($$"""{"keys":[{{AssertionKey.PublicJwk}}]}"""),
        }, null);
        yield return (new ClientMetadata { ClientId = ApiServer.ClientId, GrantTypes = [], ResponseTypes = [] }, ApiServer.Secret);
    }

    internal static IEnumerable<ResourceMetadata> Resources()
    {
        yield return Resource(Api, ["api:read", "api:write"]) with { Name = "Test API", Clients = [ApiServer.ClientId] };
        yield return Resource(Files, ["files:read"]) with { Name = "Test files", AccessTokenSignedResponseAlg = SigningAlgorithms.ES256, Clients = [ApiServer.ClientId] };
    }

    internal static IEnumerable<ReadyUser> Users() => [Alice, Bob];

    private static ClientMetadata WithCode(ReadyClient client) => new()
    {
        ClientId = client.ClientId,
        RedirectUris = [client.RedirectUri!],
        GrantTypes = [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken],
        Scope = AllScopes,
    };

    private static Dictionary<string, JsonElement> Claims(string json) =>
        JsonElement.Parse(json).EnumerateObject().ToDictionary(claim => claim.Name, claim => claim.Value, StringComparer.Ordinal);
}

/// <summary>A person who can sign in at an authority.</summary>
/// <param name="Username">What the person types as name.</param>
/// <param name="Password">What the person types as password.</param>
public sealed record ReadyUser(string Username, string Password)
{
    /// <summary>The <c>sub</c>; <c>user-NAME</c> unless set. It never equals the name, so that no test mistakes the one for the other.</summary>
    public string Subject { get; init; } = "user-" + Username;

    /// <summary>Standard claims of OpenID Connect Core section 5.1.</summary>
    public IReadOnlyDictionary<string, JsonElement> Claims { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>Names the person, never shows the password.</summary>
    public override string ToString() => $"user {Username}";
}

/// <summary>A client as its own program knows it.</summary>
/// <param name="ClientId">Its id.</param>
/// <param name="Secret">Its secret; null if it has none.</param>
/// <param name="RedirectUri">Where answers go; null if it has no such thing.</param>
public sealed record ReadyClient(string ClientId, string? Secret, string? RedirectUri)
{
    /// <summary>How it authenticates: <c>client_secret_basic</c> with a secret, else <c>none</c>, unless set.</summary>
    public string Method { get; init; } = Secret is null ? ClientAuthenticationMethods.None : ClientAuthenticationMethods.ClientSecretBasic;

    /// <summary>Names the client, never shows the secret.</summary>
    public override string ToString() => $"client {ClientId}";
}
