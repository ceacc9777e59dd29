using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Latchkey.Tests.Harness;

/// <summary>
/// The declared state that tests start from: every kind of client, two resources, two people. A test takes <see cref="Standard"/>, which is its own
/// copy, and changes what it must.
/// </summary>
public static class DeclaredStates
{
    public const string Api = "https://api.example.com";
    public const string Files = "https://files.example.com";
    public const string AllScopes = "openid profile email address phone offline_access api:read api:write files:read";

    public static readonly Person Alice = new("alice", "correct horse battery staple");
    public static readonly Person Bob = new("bob", "another long passphrase of bob");

    /// <summary>Confidential, <c>client_secret_basic</c>, code and refresh.</summary>
    public static readonly TestClient Web = new("web", "web-secret-0123456789abcdef", TestClient.Basic, "http://127.0.0.1:3000/callback");

    /// <summary>As <see cref="Web"/> with <c>client_secret_post</c> and a redirect URI of its own; back-channel logout is for tests to add.</summary>
    public static readonly TestClient Post = new("post", "post-secret-0123456789abcdef", TestClient.Post, "https://post.example.com/callback");

    /// <summary>Public and native: loopback redirects on any port, and a private-use scheme.</summary>
    public static readonly TestClient Native = new("native", null, TestClient.None, "http://127.0.0.1:7777/callback");

    /// <summary>Public, in a browser.</summary>
    public static readonly TestClient Spa = new("spa", null, TestClient.None, "https://spa.example.com/callback");

    /// <summary>client_credentials.</summary>
    public static readonly TestClient Machine = new("machine", "machine-secret-0123456789abcdef", TestClient.Basic, null);

    /// <summary>Public, device code and refresh.</summary>
    public static readonly TestClient Device = new("device", null, TestClient.None, null);

    /// <summary>The server behind <see cref="Api"/>: it introspects.</summary>
    public static readonly TestClient ApiServer = new("api-server", "api-server-secret-0123456789", TestClient.Basic, null);

    /// <summary>The server behind <see cref="Files"/>.</summary>
    public static readonly TestClient FilesServer = new("files-server", "files-server-secret-01234567", TestClient.Basic, null);

    /// <summary><c>private_key_jwt</c> with an ES256 key; code, refresh and client_credentials.</summary>
    public static readonly TestClient Assertion = new("assertion", null, TestClient.PrivateKeyJwt, "https://assertion.example.com/callback") { Key = TestKey.Shared };

    /// <summary>Confidential, <c>require_pkce</c> off.</summary>
    public static readonly TestClient WithoutPkce = new("without-pkce", "without-pkce-secret-0123456789", TestClient.Basic, "https://no-pkce.example.com/callback");

    /// <summary>Public; ID tokens in ES256.</summary>
    public static readonly TestClient Es256 = new("es256", null, TestClient.None, "https://es256.example.com/callback");

    /// <summary>Public; ID tokens in PS256.</summary>
    public static readonly TestClient Ps256 = new("ps256", null, TestClient.None, "https://ps256.example.com/callback");

    /// <summary>First-party: <c>skip_consent</c>, public.</summary>
    public static readonly TestClient FirstParty = new("first-party", null, TestClient.None, "https://first.example.com/callback");

    /// <summary>Confidential, its refresh token stays the same.</summary>
    public static readonly TestClient Keep = new("keep", "keep-secret-0123456789abcdef", TestClient.Basic, "https://keep.example.com/callback");

    /// <summary>A fresh copy of the standard state.</summary>
    public static JsonObject Standard()
    {
        var state = new JsonObject { ["clients"] = new JsonArray(), ["resources"] = new JsonArray(), ["users"] = new JsonArray() };
        state.Add(Web, client =>
        {
            client["client_name"] = "Demo web app";
            client["post_logout_redirect_uris"] = new JsonArray("http://127.0.0.1:3000/");
        });
        state.Add(Post, client => client["post_logout_redirect_uris"] = new JsonArray("https://post.example.com/bye"));
        state.Add(Native, client =>
        {
            client["application_type"] = "native";
            client["redirect_uris"] = new JsonArray("http://127.0.0.1/callback", "http://localhost/callback", "http://[::1]/callback", "com.example.app:/callback");
            client["post_logout_redirect_uris"] = new JsonArray("com.example.app:/bye");
        });
        state.Add(Spa);
        state.Add(Machine, client =>
        {
            client["grant_types"] = new JsonArray("client_credentials");
            client["scope"] = "api:read api:write files:read";
        });
        state.Add(Device, client =>
        {
            client["client_name"] = "Demo terminal";
            client["application_type"] = "native";
            client["grant_types"] = new JsonArray("urn:ietf:params:oauth:grant-type:device_code", "refresh_token");
        });
        state.Add(ApiServer, client => AsResourceServer(client));
        state.Add(FilesServer, client => AsResourceServer(client));
        state.Add(Assertion, client =>
        {
            client["grant_types"] = new JsonArray("authorization_code", "refresh_token", "client_credentials");
            client["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        });
        state.Add(WithoutPkce, client => client["require_pkce"] = false);
        state.Add(Es256, client => client["id_token_signed_response_alg"] = "ES256");
        state.Add(Ps256, client => client["id_token_signed_response_alg"] = "PS256");
        state.Add(FirstParty, client => client["skip_consent"] = true);
        state.Add(Keep, client => client["refresh_token_rotation"] = "keep");

        state["resources"]!.AsArray().Add(new JsonObject
        {
            ["resource"] = Api,
            ["name"] = "Example API",
            ["scopes"] = new JsonArray(new JsonObject { ["scope"] = "api:read", ["description"] = "Read your data" }, "api:write"),
            ["access_token_claims"] = new JsonArray("email"),
            ["clients"] = new JsonArray(ApiServer.Id),
        });
        state["resources"]!.AsArray().Add(new JsonObject
        {
            ["resource"] = Files,
            ["name"] = "Example files",
            ["scopes"] = new JsonArray("files:read"),
            ["access_token_lifetime"] = 300,
            ["access_token_signed_response_alg"] = "ES256",
            ["clients"] = new JsonArray(FilesServer.Id),
        });
        state["users"]!.AsArray().Add(new JsonObject
        {
            ["username"] = Alice.Username,
            ["password"] = Alice.Password,
            ["email"] = "alice@example.com",
            ["email_verified"] = true,
            ["name"] = "Alice Example",
            ["given_name"] = "Alice",
            ["family_name"] = "Example",
            ["phone_number"] = "+44 20 7946 0000",
            ["phone_number_verified"] = false,
            ["address"] = new JsonObject { ["locality"] = "London", ["country"] = "GB" },
        });
        state["users"]!.AsArray().Add(new JsonObject
        {
            ["username"] = Bob.Username,
            ["password"] = Bob.Password,
            ["email"] = "bob@example.com",
            ["name"] = "Bob Example",
        });
        return state;
    }

    /// <summary>Adds a client with what most have: code and refresh, every scope.</summary>
    public static JsonObject Add(this JsonObject state, TestClient client, Action<JsonObject>? change = null)
    {
        var declared = new JsonObject
        {
            ["client_id"] = client.Id,
            ["token_endpoint_auth_method"] = client.Method,
            ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
            ["scope"] = AllScopes,
        };
        if (client.Secret is not null) declared["client_secret"] = client.Secret;
        if (client.RedirectUri is not null) declared["redirect_uris"] = new JsonArray(client.RedirectUri);
        change?.Invoke(declared);
        if (declared["grant_types"]!.AsArray().All(grant => (string)grant! != "authorization_code")) declared["response_types"] = new JsonArray();
        state["clients"]!.AsArray().Add(declared);
        return state;
    }

    /// <summary>A declared client, to be changed.</summary>
    public static JsonObject Client(this JsonObject state, string id) => Find(state, "clients", "client_id", id);

    /// <summary>A declared client, to be changed.</summary>
    public static JsonObject Client(this JsonObject state, TestClient client) => Find(state, "clients", "client_id", client.Id);

    /// <summary>A declared user, to be changed.</summary>
    public static JsonObject User(this JsonObject state, Person person) => Find(state, "users", "username", person.Username);

    /// <summary>A declared resource, to be changed.</summary>
    public static JsonObject Resource(this JsonObject state, string resource) => Find(state, "resources", "resource", resource);

    private static JsonObject Find(JsonObject state, string list, string key, string value) =>
        state[list]!.AsArray().Single(entry => (string)entry![key]! == value)!.AsObject();

    private static void AsResourceServer(JsonObject client)
    {
        client["grant_types"] = new JsonArray();
        client.Remove("scope");
    }
}

/// <summary>Somebody who can sign in.</summary>
public sealed record Person(string Username, string Password);

/// <summary>A client as its own program knows it: who it is, how it proves it, where answers go.</summary>
public sealed record TestClient(string Id, string? Secret, string Method, string? RedirectUri)
{
    public const string Basic = "client_secret_basic";
    public const string Post = "client_secret_post";
    public const string PrivateKeyJwt = "private_key_jwt";
    public const string None = "none";

    /// <summary>The key of its assertions.</summary>
    public TestKey? Key { get; init; }
}

/// <summary>An ES256 key of a client; made once a test run.</summary>
public sealed class TestKey : IDisposable
{
    public static TestKey Shared { get; } = new("test-key");

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public TestKey(string id) => Id = id;

    public string Id { get; }

    public JsonObject PublicJwk()
    {
        var point = _key.ExportParameters(includePrivateParameters: false).Q;
        return new JsonObject
        {
            ["kty"] = "EC",
            ["crv"] = "P-256",
            ["x"] = Base64Url.EncodeToString(point.X),
            ["y"] = Base64Url.EncodeToString(point.Y),
            ["kid"] = Id,
            ["alg"] = "ES256",
            ["use"] = "sig",
        };
    }

    /// <summary>The private key as PKCS #8 in PEM, for programs in other languages.</summary>
    public string PrivatePem() => _key.ExportPkcs8PrivateKeyPem();

    /// <summary>Signs a JWT of these parts.</summary>
    public string Sign(JsonObject header, JsonObject claims)
    {
        header["alg"] ??= "ES256";
        header["kid"] ??= Id;
        var input = Encode(header) + "." + Encode(claims);
        return input + "." + Base64Url.EncodeToString(_key.SignData(System.Text.Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256));
    }

    public void Dispose() => _key.Dispose();

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(part.ToJsonString()));
}
