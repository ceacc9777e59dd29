using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Server.Tests.SenderConstraint;

namespace Latchkey.Server.Tests.Fapi;

/// <summary>
/// Clients as a bank declares them, by FAPI 2.0: they prove themselves and their keys, and push what they ask; one signs it too, by FAPI 2.0 Message
/// Signing, and one asks people by the back channel, by FAPI-CIBA.
/// </summary>
public sealed class FapiServer : ClockedServer
{
    public const string BackchannelGrant = "urn:openid:params:grant-type:ciba";

    public static readonly TestClient App = new("fapi-app", null, TestClient.PrivateKeyJwt, "https://app.example.com/callback") { Key = TestKey.Shared };
    public static readonly TestClient Second = new("fapi-second", null, TestClient.PrivateKeyJwt, "https://second.example.com/callback") { Key = new TestKey("second") };

    /// <summary>Its requests are request objects.</summary>
    public static readonly TestClient Signing = new("fapi-signing", null, TestClient.PrivateKeyJwt, "https://signing.example.com/callback") { Key = TestKey.Shared };

    /// <summary>Registered for PS256, with a key that RS256 could be made with as well; its requests are request objects.</summary>
    public static readonly TestClient Rsa = new("fapi-rsa", null, TestClient.PrivateKeyJwt, "https://rsa.example.com/callback") { Key = TestKey.Shared };

    /// <summary>It asks by the back channel, in PS256; its tokens are bound to its certificate.</summary>
    public static readonly TestClient Certified = new("fapi-certified", null, TestClient.PrivateKeyJwt, null) { Key = TestKey.Shared };

    public RsaClientKey RsaKey { get; } = new();

    public static TestClient Find(string id) => ((TestClient[])[App, Second, Signing, Rsa]).Single(client => client.Id == id);

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        foreach (var client in (TestClient[])[App, Second, Signing])
            state.Add(client, declared => Declare(declared, "ES256", client.Key!.PublicJwk(), signs: client == Signing));
        state.Add(Rsa, declared =>
        {
            Declare(declared, "PS256", RsaKey.PublicJwk(), signs: true);
            DeclareBackchannel(declared);
        });
        state.Add(Certified, declared =>
        {
            Declare(declared, "PS256", RsaKey.PublicJwk(), signs: false);
            DeclareBackchannel(declared);
            declared["dpop_bound_access_tokens"] = false;
            declared["tls_client_certificate_bound_access_tokens"] = true;
            declared["require_pushed_authorization_requests"] = false;
            declared["grant_types"] = new JsonArray(BackchannelGrant);
        });
        return state;
    }

    /// <summary>An assertion of <see cref="Rsa"/> or another client with its key.</summary>
    public string Assertion(string algorithm, Action<JsonObject>? change = null, string? client = null)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = client ?? Rsa.Id, ["sub"] = client ?? Rsa.Id, ["aud"] = Issuer, ["iat"] = now, ["exp"] = now + 60, ["jti"] = RandomNumberGenerator.GetHexString(32) };
        change?.Invoke(claims);
        return RsaKey.Sign(new JsonObject { ["typ"] = "client-authentication+jwt", ["alg"] = algorithm }, claims);
    }

    /// <summary>How many rows each table has, but the one of used assertions: a client that proved itself has used its assertion up, whatever became of the rest.</summary>
    public async Task<IEnumerable<string>> RowsAsync()
    {
        // The fingerprint lets the server first do what it does by itself.
        await FingerprintAsync();
        return (await CountsAsync()).Split(", ").Where(table => !table.StartsWith("replay_guard", StringComparison.Ordinal));
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        RsaKey.Dispose();
    }

    private static void Declare(JsonObject client, string algorithm, JsonObject key, bool signs)
    {
        client["jwks"] = new JsonObject { ["keys"] = new JsonArray(key) };
        client["require_pushed_authorization_requests"] = true;
        client["dpop_bound_access_tokens"] = true;
        client["token_endpoint_auth_signing_alg"] = algorithm;
        client["id_token_signed_response_alg"] = "ES256";
        client["refresh_token_rotation"] = "keep";
        if (!signs) return;
        client["require_signed_request_object"] = true;
        client["request_object_signing_alg"] = algorithm;
    }

    private static void DeclareBackchannel(JsonObject client)
    {
        client["grant_types"] = new JsonArray("authorization_code", "refresh_token", BackchannelGrant);
        client["backchannel_token_delivery_mode"] = "poll";
        client["backchannel_authentication_request_signing_alg"] = "PS256";
    }
}

/// <summary>One of these clients at work: what it pushes, with the proofs of a key of its own.</summary>
internal sealed class FapiApp : IDisposable
{
    private readonly FapiServer _server;

    public FapiApp(FapiServer server, string clientId) : this(server, FapiServer.Find(clientId))
    {
    }

    public FapiApp(FapiServer server, TestClient client)
    {
        (_server, Prover) = (server, new Prover(server));
        Program = Prover.Client(client);
    }

    public Prover Prover { get; }

    public OAuthClient Program { get; }

    public AuthorizationRequest Request(params IEnumerable<(string Name, string? Value)> changes) => Program.Request("openid files:read", changes);

    /// <summary>Pushes a request, signed where the client must.</summary>
    public Task<Answer> PushAsync(AuthorizationRequest request, params IEnumerable<(string Name, string? Value)> form) =>
        Program.PostAsync("/par", [.. Form(request), .. form]);

    /// <summary>Pushes a request and brings it to alice.</summary>
    public async Task<Stop> AuthorizeAsync(AuthorizationRequest request, string decision = "allow")
    {
        var pushed = (await PushAsync(request, Proven())).Expect(HttpStatusCode.Created);
        return await _server.Alice.AuthorizeAsync($"{_server.Issuer}/authorize?client_id={Program.Client.Id}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}", decision);
    }

    /// <summary>A code that was not redeemed yet.</summary>
    public async Task<(AuthorizationRequest Request, string Code)> CodeAsync()
    {
        var request = Request();
        return (request, (await AuthorizeAsync(request)).ExpectCode(request));
    }

    /// <summary>A request object of the client, with changes.</summary>
    public string Object(AuthorizationRequest request, Action<JsonObject>? change = null, string algorithm = "PS256")
    {
        var now = _server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = Program.Client.Id, ["aud"] = _server.Issuer, ["nbf"] = now, ["exp"] = now + 300 };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        change?.Invoke(claims);
        var header = new JsonObject { ["typ"] = "oauth-authz-req+jwt" };
        if (Program.Client != FapiServer.Rsa) return Program.Client.Key!.Sign(header, claims);
        header["alg"] = algorithm;
        return _server.RsaKey.Sign(header, claims);
    }

    public void Dispose()
    {
        Program.Dispose();
        Prover.Dispose();
    }

    private IEnumerable<(string, string?)> Form(AuthorizationRequest request) => Program.Client == FapiServer.Signing || Program.Client == FapiServer.Rsa
        ? [("client_id", Program.Client.Id), ("request", Object(request))]
        : request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value));

    // The client whose own key can't make its assertions.
    private IEnumerable<(string, string?)> Proven() => Program.Client == FapiServer.Rsa ? [("client_assertion", _server.Assertion("PS256"))] : [];
}

/// <summary>An RSA key of a client, which signs in any of its algorithms.</summary>
public sealed class RsaClientKey : IDisposable
{
    private readonly RSA _key = RSA.Create(2048);

    /// <summary>The public key, for whatever algorithm.</summary>
    public JsonObject PublicJwk()
    {
        var numbers = _key.ExportParameters(includePrivateParameters: false);
        return new JsonObject { ["kty"] = "RSA", ["kid"] = "rsa", ["use"] = "sig", ["n"] = Base64Url.EncodeToString(numbers.Modulus), ["e"] = Base64Url.EncodeToString(numbers.Exponent) };
    }

    /// <summary>Signs a JWT of these parts, by the <c>alg</c> of its header: PS256, RS256, or not at all.</summary>
    public string Sign(JsonObject header, JsonObject claims)
    {
        header["kid"] ??= "rsa";
        var input = Encode(header) + "." + Encode(claims);
        if ((string)header["alg"]! == "none") return input + ".";
        var padding = (string)header["alg"]! == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1;
        return input + "." + Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, padding));
    }

    public void Dispose() => _key.Dispose();

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
