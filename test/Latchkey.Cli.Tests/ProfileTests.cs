using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary>Profiles from the outside: what a server does not start with, and what commands refuse.</summary>
public sealed class ProfileTests
{
    private static readonly JsonObject Keys = new() { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };

    [Fact, Spec("FAPI 2.0 Security Profile", "5.3.2.1")]
    public async Task A_server_does_not_start_with_what_breaks_its_profile()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "state.json");
        var state = new JsonObject { ["settings"] = new JsonObject { ["profile"] = "fapi2-security" }, ["clients"] = new JsonArray(Client("bank", "client_secret_basic")) };
        await File.WriteAllTextAsync(file, state.ToJsonString());
        string[] serve = ["serve", "--issuer", $"http://127.0.0.1:{LoopbackPorts.Next()}", "--data", folder.Path, "--config", file];
        (await LatchkeyProcess.RunAsync(serve)).ExpectRefusal(2, "clients[0]", "token_endpoint_auth_method", "fapi2-security", "FAPI 2.0 Security Profile section 5.3.2.1", "private_key_jwt");
        // Nothing was written for it, not even what was right.
        Assert.Equal("[]", (await LatchkeyProcess.RunAsync(["client", "list", "--json", "--data", folder.Path])).ExpectDone().Output.Trim());

        // A setting of the server breaks the profile of a client.
        await File.WriteAllTextAsync(file, new JsonObject { ["clients"] = new JsonArray(Fapi("bank")) }.ToJsonString());
        (await LatchkeyProcess.RunAsync([.. serve, "--authorization-code-lifetime", "61"]))
            .ExpectRefusal(2, "settings", "authorization_code_lifetime", "FAPI 2.0 Security Profile section 5.3.2.1", "60 or less");
        (await LatchkeyProcess.RunAsync([.. serve, "--profile", "fapi3"])).ExpectRefusal(2, "--profile", "fapi2-message-signing");

        // What was there before the profile counts as well.
        (await LatchkeyProcess.RunAsync(["client", "create", "--client-id", "old", "--redirect-uri", "https://old.example.com/callback", "--data", folder.Path])).ExpectDone();
        (await LatchkeyProcess.RunAsync([.. serve, "--profile", "fapi2-security"])).ExpectRefusal(2, "client old", "token_endpoint_auth_method");
    }

    [Fact, Spec("FAPI 2.0 Security Profile", "5.4.1")]
    public async Task Commands_refuse_what_breaks_a_clients_profile()
    {
        using var folder = new TemporaryFolder();
        Task<CommandResult> RunAsync(params string[] arguments) => LatchkeyProcess.RunAsync([.. arguments, "--data", folder.Path]);
        var keys = Path.Combine(folder.Path, "keys.json");
        await File.WriteAllTextAsync(keys, new JsonObject { ["jwks"] = Keys.DeepClone() }.ToJsonString());
        string[] create = ["client", "create", "--client-id", "bank", "--profile", "fapi2-security", "--redirect-uri", "https://bank.example.com/callback", "--scope", "accounts:read"];
        (await RunAsync(create)).ExpectRefusal(1, "token_endpoint_auth_method", "private_key_jwt");
        (await RunAsync("resource", "create", "https://api.example.com", "--scope", "accounts:read", "--alg", "RS256")).ExpectDone();
        (await RunAsync([.. create, "--auth-method", "private_key_jwt", "--metadata", keys])).ExpectRefusal(1, "resource https://api.example.com", "access_token_signed_response_alg", "section 5.4.1");
        (await RunAsync("resource", "update", "https://api.example.com", "--alg", "ES256")).ExpectDone();
        (await RunAsync([.. create, "--auth-method", "private_key_jwt", "--metadata", keys])).ExpectDone();
        (await RunAsync("resource", "update", "https://api.example.com", "--alg", "RS256")).ExpectRefusal(1, "access_token_signed_response_alg", "fapi2-security");
        (await RunAsync("client", "update", "bank", "--auth-method", "client_secret_basic")).ExpectRefusal(1, "token_endpoint_auth_method");
        Assert.Equal("fapi2-message-signing", (await RunAsync("client", "update", "bank", "--profile", "fapi2-message-signing", "--json")).ExpectDone().Json.GetProperty("profile").GetString());
    }

    private static JsonObject Client(string id, string method) => new()
    {
        ["client_id"] = id,
        ["client_secret"] = method == "client_secret_basic" ? "a-secret-0123456789abcdef" : null,
        ["token_endpoint_auth_method"] = method,
        ["redirect_uris"] = new JsonArray($"https://{id}.example.com/callback"),
    };

    private static JsonObject Fapi(string id)
    {
        var client = Client(id, "private_key_jwt");
        client.Remove("client_secret");
        client["jwks"] = Keys.DeepClone();
        client["profile"] = "fapi2-security";
        return client;
    }
}
