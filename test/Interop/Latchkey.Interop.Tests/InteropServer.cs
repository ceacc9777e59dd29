using System.Text.Json.Nodes;
using Latchkey.Interop.Tests;

[assembly: AssemblyFixture(typeof(InteropServer))]

namespace Latchkey.Interop.Tests;

/// <summary>One server for all tests here, with the standard state and the apps that run on ports of their own.</summary>
public sealed class InteropServer : IAsyncLifetime
{
    private LatchkeyProcess? _process;

    public int GuidePort { get; } = LoopbackPorts.Next();

    public int AspNetPort { get; } = LoopbackPorts.Next();

    public string Issuer => _process?.Issuer ?? throw new InvalidOperationException("The server has not been started.");

    public TestClient Guide => new("guide-app", "guide-app-secret-0123456789ab", TestClient.Post, $"http://localhost:{GuidePort}/callback");

    public TestClient AspNet => new("aspnet-app", "aspnet-app-secret-0123456789a", TestClient.Post, $"http://127.0.0.1:{AspNetPort}/signin-oidc");

    /// <summary>It exchanges its tokens for narrower ones.</summary>
    public static TestClient Exchanger { get; } = new("exchanger", "exchanger-secret-0123456789abc", TestClient.Post, "https://exchanger.example.com/callback");

    /// <summary>It asks people by the back channel.</summary>
    public static TestClient Till { get; } = new("till", "till-secret-0123456789abcdefghij", TestClient.Basic, null);

    /// <summary>Two APIs that want what they are told of tokens encrypted, to a key of each kind.</summary>
    public static TestClient SealedRsa { get; } = new("sealed-rsa", "sealed-rsa-secret-0123456789ab", TestClient.Post, null);

    public static TestClient SealedEc { get; } = new("sealed-ec", "sealed-ec-secret-0123456789abc", TestClient.Post, null);

    public async ValueTask InitializeAsync()
    {
        var state = DeclaredStates.Standard();
        state.Add(Exchanger, client =>
        {
            client["grant_types"]!.AsArray().Add("urn:ietf:params:oauth:grant-type:token-exchange");
            client["token_exchange"] = JsonNode.Parse($$"""{ "targets": [ { "resource": "{{DeclaredStates.Api}}" } ] }""");
        });
        state.Add(Till, client =>
        {
            client["grant_types"] = new JsonArray("urn:openid:params:grant-type:ciba");
            client["backchannel_token_delivery_mode"] = "poll";
        });
        foreach (var (api, key, algorithm) in ((TestClient, JsonNode, string)[])[(SealedRsa, SealedKeys.RsaPublic, "RSA-OAEP-256"), (SealedEc, SealedKeys.EcPublic, "ECDH-ES")])
        {
            state.Add(api, client =>
            {
                client["grant_types"] = new JsonArray("client_credentials");
                client["jwks"] = new JsonObject { ["keys"] = new JsonArray(key) };
                client["introspection_encrypted_response_alg"] = algorithm;
            });
            state.Resource(DeclaredStates.Api)["clients"]!.AsArray().Add(api.Id);
        }

        state.Client(SealedEc)["introspection_encrypted_response_enc"] = "A256GCM";
        state.Client(SealedEc)["introspection_signed_response_alg"] = "ES256";
        state.Add(Guide);
        state.Add(AspNet, client => client["post_logout_redirect_uris"] = new JsonArray($"http://127.0.0.1:{AspNetPort}/signout-callback-oidc"));
        // The guide's client reads and writes its one API in one token.
        _process = await LatchkeyProcess.StartAsync(state);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null) await _process.DisposeAsync();
    }
}
