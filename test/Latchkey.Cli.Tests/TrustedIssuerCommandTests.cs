using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary>Trusted issuers: declared, seen, taken away.</summary>
public sealed class TrustedIssuerCommandTests(AdminServer server)
{
    private const string Grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    [Fact, Spec("RFC 7523", "2.1")]
    public async Task What_is_declared_is_trusted_until_it_is_deleted()
    {
        using var folder = new TemporaryFolder();
        using var key = new TestKey("platform");
        var name = AdminServer.Name("job");
        var issuer = $"https://{name}.example.com";
        var state = Declared(issuer, name, key);
        var file = await AdminServer.WriteAsync(folder, "issuers.json", state);
        var applied = (await server.RunAsync("apply", file)).ExpectDone();
        Assert.Contains($"trusted issuer {issuer} created", applied.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(issuer, (await server.RunAsync("apply", file)).ExpectDone().Output, StringComparison.Ordinal);
        Assert.Contains((await server.JsonAsync("trusted-issuer", "list")).EnumerateArray(), entry => entry.GetProperty("issuer").GetString() == issuer);
        Assert.Equal(name, (await server.JsonAsync("trusted-issuer", "show", issuer)).GetProperty("rules")[0].GetProperty("client_id").GetString());

        using var program = new OAuthClient(server.Issuer, new TestClient(name, null, TestClient.None, null));
        await Eventually.HoldsAsync("the server knows the issuer", async () => (await SendAsync(program, issuer, key, "1")).Error is null);
        (await server.RunAsync("trusted-issuer", "delete", issuer)).ExpectDone();
        await Eventually.HoldsAsync("the server trusts the issuer no longer", async () => (await SendAsync(program, issuer, key, Guid.NewGuid().ToString())).Error == "invalid_grant");
        (await server.RunAsync("trusted-issuer", "show", issuer)).ExpectRefusal(1, issuer, "latchkey trusted-issuer list");
        (await server.RunAsync("trusted-issuer", "delete", issuer)).ExpectRefusal(1, issuer);
    }

    public static TheoryData<string, string> Faults => new()
    {
        { """{ "issuer": "https://x.example.com" }""", "rules is empty" },
        { """{ "issuer": "", "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub" } ] }""", "issuer is missing" },
        { """{ "issuer": "http://x.example.com", "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub" } ] }""", "jwks_uri" },
        { """{ "issuer": "x", "jwks_uri": "http://x.example.com/keys", "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub" } ] }""", "jwks_uri is not an https URL" },
        { """{ "issuer": "x", "jwks": { }, "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub" } ] }""", "jwks is no JWK set" },
        { """{ "issuer": "x", "jwks": { "keys": [] }, "jwks_uri": "https://x.example.com", "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub" } ] }""", "keep one of them" },
        { """{ "issuer": "https://x.example.com", "rules": [ { "client_id": "a", "scope": "b" } ] }""", "neither claims nor user_claim" },
        { """{ "issuer": "https://x.example.com", "rules": [ { "client_id": "a", "scope": "offline_access", "user_claim": "sub" } ] }""", "offline_access" },
        { """{ "issuer": "https://x.example.com", "rules": [ { "client_id": "a", "scope": "b", "user_claim": "sub", "user_match": "email" } ] }""", "user_match" },
        { """{ "issuer": "https://x.example.com", "id_jag": true, "single_use": false, "rules": [ { "client_id": "a", "scope": "b" } ] }""", "single_use" },
        { """{ "issuer": "https://x.example.com", "rulez": [] }""", "rulez" },
    };

    [Theory, MemberData(nameof(Faults))]
    public async Task What_would_trust_too_much_or_nobody_is_refused(string issuer, string said)
    {
        using var folder = new TemporaryFolder();
        var file = await AdminServer.WriteAsync(folder, "issuers.json", new JsonObject { ["trusted_issuers"] = new JsonArray(JsonNode.Parse(issuer)) });
        var result = await server.RunAsync("apply", file);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(said, result.Errors, StringComparison.Ordinal);
    }

    private static JsonObject Declared(string issuer, string client, TestKey key) => new()
    {
        ["clients"] = new JsonArray(new JsonObject
        {
            ["client_id"] = client, ["token_endpoint_auth_method"] = "none", ["response_types"] = new JsonArray(), ["grant_types"] = new JsonArray(Grant), ["scope"] = "api:read",
        }),
        ["trusted_issuers"] = new JsonArray(new JsonObject
        {
            ["issuer"] = issuer,
            ["jwks"] = new JsonObject { ["keys"] = new JsonArray(key.PublicJwk()) },
            ["rules"] = new JsonArray(new JsonObject
            {
                ["client_id"] = client, ["without_client_authentication"] = true, ["scope"] = "api:read", ["claims"] = new JsonObject { ["sub"] = "job" },
            }),
        }),
    };

    private Task<Answer> SendAsync(OAuthClient program, string issuer, TestKey key, string id)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var assertion = key.Sign(new JsonObject(), new JsonObject { ["iss"] = issuer, ["sub"] = "job", ["aud"] = server.Issuer, ["iat"] = now, ["exp"] = now + 60, ["jti"] = id });
        return program.TokenAsync(("grant_type", Grant), ("assertion", assertion));
    }
}
