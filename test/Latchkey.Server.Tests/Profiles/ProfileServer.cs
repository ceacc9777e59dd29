using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Profiles;

/// <summary>A server without a profile of its own, and a client of each.</summary>
public class ProfileServer : ClockedServer
{
    private const string Mcp = "http://127.0.0.1/callback";

    /// <summary><c>fapi2-security</c>; nothing else is said of it.</summary>
    public static readonly TestClient Bank = new("bank", null, TestClient.PrivateKeyJwt, "https://bank.example.com/callback") { Key = TestKey.Shared };

    /// <summary><c>fapi2-message-signing</c>.</summary>
    public static readonly TestClient Notary = new("notary", null, TestClient.PrivateKeyJwt, "https://notary.example.com/callback") { Key = TestKey.Shared };

    /// <summary><c>mcp</c>, public.</summary>
    public static readonly TestClient Agent = new("agent", null, TestClient.None, Mcp);

    /// <summary><c>mcp</c>, acting for itself.</summary>
    public static readonly TestClient Robot = new("robot", "robot-secret-0123456789abcdef", TestClient.Basic, null);

    /// <summary><c>fapi2-security</c>, with an RSA key that could sign by RS256 and by PS256.</summary>
    public static readonly TestClient Rsa = new("rsa", null, TestClient.None, "https://rsa.example.com/callback");

    public static readonly RSA RsaKey = RSA.Create(2048);

    protected override JsonObject State() => With(DeclaredStates.Standard());

    public static JsonObject With(JsonObject state) => state
        .Add(Bank, client => Declare(client, "fapi2-security"))
        .Add(Notary, client => Declare(client, "fapi2-message-signing"))
        .Add(Agent, client =>
        {
            client["application_type"] = "native";
            client["profile"] = "mcp";
        })
        .Add(Robot, client =>
        {
            client["grant_types"] = new JsonArray("client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange");
            client["scope"] = "api:read files:read";
            client["token_exchange"] = JsonNode.Parse($$"""{ "targets": [ { "resource": "{{DeclaredStates.Api}}" } ] }""");
            client["profile"] = "mcp";
        })
        .Add(Rsa, client =>
        {
            client["grant_types"] = new JsonArray("authorization_code", "client_credentials");
            client["profile"] = "fapi2-security";
            client["token_endpoint_auth_method"] = TestClient.PrivateKeyJwt;
            var key = RsaKey.ExportParameters(includePrivateParameters: false);
            client["jwks"] = new JsonObject
            {
                ["keys"] = new JsonArray(new JsonObject { ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(key.Modulus), ["e"] = Base64Url.EncodeToString(key.Exponent), ["kid"] = "rsa" }),
            };
        });

    /// <summary>A client with a profile and the shared key, and nothing more.</summary>
    public static void Declare(JsonObject client, string profile)
    {
        client["profile"] = profile;
        client["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        client["grant_types"] = new JsonArray("authorization_code", "refresh_token", "client_credentials");
    }

    /// <summary>Pushes a request and lets alice allow it; the code, or what the redirect said.</summary>
    internal async Task<Stop> PushAndAllowAsync(OAuthClient client, AuthorizationRequest request)
    {
        var pushed = (await PushAsync(client, [.. request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))])).Expect(System.Net.HttpStatusCode.Created);
        return await Alice.AuthorizeAsync($"{Issuer}/authorize?client_id={client.Client.Id}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
    }

    internal static Task<Answer> PushAsync(OAuthClient client, params IEnumerable<(string Name, string? Value)> parameters) =>
        client.PostAsync("/par", parameters.Where(parameter => parameter.Name != "client_id"));

    /// <summary>A request object by a client's key.</summary>
    internal string Object(OAuthClient client, AuthorizationRequest request) =>
        client.Client.Key!.Sign(new JsonObject { ["typ"] = "oauth-authz-req+jwt" }, ObjectClaims(client, request));

    /// <summary>A request object of <see cref="Rsa"/>.</summary>
    internal string RsaObject(OAuthClient client, AuthorizationRequest request, string algorithm) =>
        SignRsa(new JsonObject { ["alg"] = algorithm, ["kid"] = "rsa", ["typ"] = "oauth-authz-req+jwt" }, ObjectClaims(client, request), algorithm);

    /// <summary>An assertion of <see cref="Rsa"/>.</summary>
    internal string RsaAssertion(string algorithm)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = "rsa", ["sub"] = "rsa", ["aud"] = Issuer, ["iat"] = now, ["exp"] = now + 60, ["jti"] = RandomNumberGenerator.GetHexString(32) };
        return SignRsa(new JsonObject { ["alg"] = algorithm, ["kid"] = "rsa" }, claims, algorithm);
    }

    private JsonObject ObjectClaims(OAuthClient client, AuthorizationRequest request)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = client.Client.Id, ["aud"] = Issuer, ["nbf"] = now, ["exp"] = now + 300 };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        return claims;
    }

    internal static string SignRsa(JsonObject header, JsonObject claims, string algorithm)
    {
        static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
        var input = Encode(header) + "." + Encode(claims);
        var padding = algorithm == "RS256" ? RSASignaturePadding.Pkcs1 : RSASignaturePadding.Pss;
        return input + "." + Base64Url.EncodeToString(RsaKey.SignData(Encoding.ASCII.GetBytes(input), HashAlgorithmName.SHA256, padding));
    }
}

/// <summary>A server that keeps to FAPI 2.0 whole: all of its clients do.</summary>
public sealed class BankServer : ClockedServer
{
    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state["clients"] = new JsonArray();
        foreach (var resource in state["resources"]!.AsArray()) resource!["clients"] = new JsonArray();
        state.Add(DeclaredStates.Assertion, client => client["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) });
        return state;
    }

    protected override ServerOptions Options(ServerOptions options) => options with
    {
        Profile = Latchkey.Server.Profiles.SecurityProfile.Fapi2MessageSigning,
        Registration = Latchkey.Server.Registration.RegistrationMode.Open,
    };
}
