using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Client;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

[assembly: AssemblyFixture(typeof(Latchkey.Interop.Tests.Client.OidcProvider))]

namespace Latchkey.Interop.Tests.Client;

/// <summary>One node oidc-provider for the tests of the client, with a client of each kind.</summary>
public sealed class OidcProvider : IAsyncLifetime
{
    public const string RedirectUri = "https://app.test/callback";
    /// <summary>An API whose access tokens are JWTs by RFC 9068; any other resource's are opaque.</summary>
    public const string Api = "https://guarded.test";
    public const string Secret = "a-secret-of-sixty-four-bytes-or-so-0123456789-0123456789-0123456789";
    private NodeProgram? _node;

    public string Issuer { get; private set; } = "";

    /// <summary>Where the web apps of the samples are: one that is for no API, one that is for <see cref="Api"/>.</summary>
    public string Website { get; } = $"http://127.0.0.1:{LoopbackPorts.Next()}";

    public string WebsiteWithApi { get; } = $"http://127.0.0.1:{LoopbackPorts.Next()}";

    /// <summary>A key of Ed25519, with which one of the clients does all its signing.</summary>
    private JwsSigner EdwardsKey { get; } = Ed25519Keys.Open("Ed25519", "edwards-key", Ed25519Keys.Generate());

    /// <summary>Keys that clients are encrypted to, one of each kind.</summary>
    public static JweDecrypter[] Decryption { get; } = [.. EncryptionAlgorithms.Keys.Select(algorithm => JweDecrypter.Open(algorithm, "sealed-" + algorithm, JweDecrypter.Generate(algorithm)))];

    private JwsSigner Key { get; } = JwsSigner.Open("ES256", "client-key", JwsSigner.Generate("ES256"));

    public async ValueTask InitializeAsync()
    {
        JsonNode Keys(JwsSigner? key = null) => JsonNode.Parse($$"""{"keys":[{{System.Text.Encoding.UTF8.GetString((key ?? Key).PublicKey.Span)}}]}""")!;
        JsonObject KeySet(JweDecrypter key) => new() { ["keys"] = new JsonArray(JsonNode.Parse(key.PublicKey.Span)) };
        JsonObject Client(string id, params string[] grants) => new()
        {
            ["client_id"] = id,
            ["redirect_uris"] = grants.Contains("authorization_code") ? new JsonArray(RedirectUri) : new JsonArray(),
            ["response_types"] = grants.Contains("authorization_code") ? new JsonArray("code") : new JsonArray(),
            ["grant_types"] = new JsonArray([.. grants.Select(grant => (JsonNode)grant)]),
            ["scope"] = "openid profile offline_access api:read",
            ["post_logout_redirect_uris"] = new JsonArray("https://app.test/bye"),
        };
        JsonObject With(JsonObject client, params (string Name, JsonNode? Value)[] members)
        {
            foreach (var (name, value) in members) client[name] = value;
            return client;
        }

        JsonObject Site(string id, string url) => With(Client(id, "authorization_code", "refresh_token"), ("client_secret", Secret),
            ("redirect_uris", new JsonArray(url + "/callback")), ("post_logout_redirect_uris", new JsonArray(url + "/")));

        var settings = new JsonObject
        {
            ["jwt_resources"] = new JsonArray(Api),
            ["default_resources"] = new JsonObject { ["service"] = Api, ["website-api"] = Api },
            ["without_nonces"] = new JsonArray("machine-plain-dpop"),
            ["clients"] = new JsonArray(
                With(Client("web", "authorization_code", "refresh_token", TokenExchangeGrant), ("client_secret", Secret), ("token_endpoint_auth_method", "client_secret_basic")),
                With(Client("post", "authorization_code", "refresh_token"), ("client_secret", Secret), ("token_endpoint_auth_method", "client_secret_post")),
                With(Client("public-dpop", "authorization_code", "refresh_token"), ("token_endpoint_auth_method", "none"), ("dpop_bound_access_tokens", true), ("application_type", "web")),
                With(Client("pushed", "authorization_code"), ("client_secret", Secret), ("require_pushed_authorization_requests", true)),
                With(Client("key", "authorization_code", "client_credentials"), ("token_endpoint_auth_method", "private_key_jwt"), ("token_endpoint_auth_signing_alg", "ES256"), ("jwks", Keys())),
                With(Client("signed", "authorization_code"), ("token_endpoint_auth_method", "private_key_jwt"), ("token_endpoint_auth_signing_alg", "ES256"), ("jwks", Keys()),
                    ("request_object_signing_alg", "ES256"), ("require_signed_request_object", true), ("authorization_signed_response_alg", "RS256")),
                With(Client("edwards", "authorization_code", "refresh_token"), ("token_endpoint_auth_method", "private_key_jwt"), ("token_endpoint_auth_signing_alg", "Ed25519"),
                    ("jwks", Keys(EdwardsKey)), ("request_object_signing_alg", "Ed25519"), ("require_signed_request_object", true), ("dpop_bound_access_tokens", true),
                    ("id_token_signed_response_alg", "Ed25519"), ("authorization_signed_response_alg", "Ed25519")),
                With(Client("signed-userinfo", "authorization_code"), ("client_secret", Secret), ("userinfo_signed_response_alg", "RS256")),
                With(Client("machine", "client_credentials"), ("client_secret", Secret)),
                With(Client("service", "client_credentials"), ("client_secret", Secret)),
                Site("website", Website),
                Site("website-api", WebsiteWithApi),
                With(Client("machine-dpop", "client_credentials"), ("client_secret", Secret), ("dpop_bound_access_tokens", true)),
                With(Client("machine-plain-dpop", "client_credentials"), ("client_secret", Secret), ("dpop_bound_access_tokens", true)),
                With(Client("till-signed", "urn:openid:params:grant-type:ciba"), ("token_endpoint_auth_method", "private_key_jwt"), ("token_endpoint_auth_signing_alg", "ES256"),
                    ("jwks", Keys()), ("backchannel_token_delivery_mode", "poll"), ("backchannel_authentication_request_signing_alg", "ES256")),
                With(Client("till", "urn:openid:params:grant-type:ciba", "refresh_token"), ("client_secret", Secret), ("backchannel_token_delivery_mode", "poll")),
                With(Client("terminal", "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"), ("token_endpoint_auth_method", "none"), ("application_type", "native"))),
        };
        foreach (var key in Decryption)
        {
            settings["clients"]!.AsArray().Add(With(Client("sealed-" + key.Algorithm, "authorization_code"), ("client_secret", Secret), ("jwks", KeySet(key)),
                ("id_token_encrypted_response_alg", key.Algorithm), ("id_token_encrypted_response_enc", "A256GCM"), ("userinfo_signed_response_alg", "ES256"),
                ("userinfo_encrypted_response_alg", key.Algorithm), ("authorization_encrypted_response_alg", key.Algorithm)));
        }

        _node = NodeProgram.Start("oidc-provider.mjs", new Dictionary<string, string> { ["SETTINGS"] = settings.ToJsonString() });
        Issuer = (await _node.ReadAsync()).GetProperty("issuer").GetString()!;
    }

    /// <summary>A program of one of the clients.</summary>
    public LatchkeyClient Client(string id, Action<LatchkeyClientOptions>? change = null)
    {
        var options = new LatchkeyClientOptions { Issuer = Issuer, ClientId = id, RedirectUri = RedirectUri, PostLogoutRedirectUri = "https://app.test/bye", Scope = "openid profile" };
        options.Credential = id switch
        {
            "public-dpop" or "terminal" => ClientCredential.None,
            "key" or "signed" or "till-signed" => ClientCredential.PrivateKey(Key),
            "edwards" => ClientCredential.PrivateKey(EdwardsKey),
            "post" => ClientCredential.SecretInBody(Secret),
            _ => ClientCredential.Secret(Secret),
        };
        change?.Invoke(options);
        return new LatchkeyClient(options);
    }

    /// <summary>Signs a person in at the provider's own pages and comes back with the answer, in the query or in a form.</summary>
    public async Task<Parameters> AnswerAsync(Uri url, string login = "alice")
    {
        using var person = new PageWalker(Issuer);
        var stop = await FinishAsync(person, await person.GetAsync(url.AbsoluteUri), login);
        Assert.True(stop.IsAtClient || stop.FormPostTarget is not null, stop.ToString());
        Assert.StartsWith(RedirectUri, (stop.FormPostTarget ?? stop.Url).AbsoluteUri, StringComparison.Ordinal);
        return Parameters.Parse(string.Join('&', stop.Answer.Parameters.Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value)}")));
    }

    /// <summary>Opens one of the provider's URLs as alice, who says yes to whatever is asked, until the way leads elsewhere.</summary>
    public static async Task<Stop> WalkAsync(PageWalker person, string url) => await FinishAsync(person, await person.GetAsync(url), "alice");

    /// <summary>Confirms a device's code at the provider's own pages.</summary>
    public async Task ConfirmAsync(Uri url, string login = "alice")
    {
        using var person = new PageWalker(Issuer);
        var stop = await person.GetAsync(url.AbsoluteUri);
        for (var pages = 0; pages < 3 && stop.Form is not null && !stop.Has("login"); pages++) stop = await person.SubmitAsync(stop);
        stop = await FinishAsync(person, stop, login);
        Assert.Equal(HttpStatusCode.OK, stop.Status);
    }

    /// <summary>How often the provider asked for a nonce.</summary>
    public async Task<int> NoncesAsync()
    {
        using var http = new HttpClient();
        return JsonNode.Parse(await http.GetStringAsync(new Uri(Issuer + "/counts")))!["nonces"]!.GetValue<int>();
    }

    public async ValueTask DisposeAsync()
    {
        Key.Dispose();
        if (_node is not null) await _node.DisposeAsync();
    }

    internal const string TokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

    private static async Task<Stop> FinishAsync(PageWalker person, Stop stop, string login)
    {
        for (var pages = 0; pages < 5 && !stop.IsAtClient && stop.FormPostTarget is null && stop.Form is not null; pages++)
        {
            (string, string)[] fields = stop.Has("login") ? [("login", login), ("password", "any")]
                : stop.Url.AbsolutePath.StartsWith("/session/end", StringComparison.Ordinal) ? [("logout", "yes")] : [];
            stop = await person.SubmitAsync(stop, fields);
        }

        return stop;
    }
}
