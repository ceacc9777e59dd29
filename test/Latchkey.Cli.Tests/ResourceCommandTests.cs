using System.Net;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey resource</c> on the data of a running server.</summary>
public sealed class ResourceCommandTests(AdminServer server)
{
    [Fact]
    public async Task A_resource_is_made_changed_and_deleted_while_the_server_runs()
    {
        var name = AdminServer.Name("res");
        var resource = $"https://{name}.example.com";
        var made = await server.JsonAsync("resource", "create", resource, "--name", "Of a test", "--scope", $"{name}:read=Read all of it", "--scope", $"{name}:write", "--alg", "ES256", "--client", "api-server");
        Assert.Equal("Read all of it", made.GetProperty("scopes")[0].GetProperty("description").GetString());
        var secret = (await server.JsonAsync("client", "create", "--client-id", name, "--grant-type", "client_credentials", "--scope", $"{name}:read")).GetProperty("client_secret").GetString()!;
        using var program = new OAuthClient(server.Issuer, new TestClient(name, secret, TestClient.Basic, null));
        Answer? answer = null;
        await SeenAsync(async () => (answer = await program.ClientCredentialsAsync(null)).Status == HttpStatusCode.OK);
        Assert.Equal(resource, Jwt.Claims(answer!["access_token"]!).GetProperty("aud").GetString());
        Assert.Equal("ES256", Jwt.Header(answer["access_token"]!).GetProperty("alg").GetString());

        (await server.RunAsync("resource", "update", resource, "--access-token-lifetime", "120")).ExpectDone();
        await SeenAsync(async () => (await program.ClientCredentialsAsync(null))["expires_in"] == "120");
        var shown = await server.JsonAsync("resource", "show", resource);
        Assert.Equal(("Of a test", 2), (shown.GetProperty("name").GetString(), shown.GetProperty("scopes").GetArrayLength()));
        Assert.Contains(resource, (await server.JsonAsync("resource", "list")).EnumerateArray().Select(entry => entry.GetProperty("resource").GetString()));

        (await server.RunAsync("resource", "delete", resource)).ExpectDone();
        await SeenAsync(async () => (await program.ClientCredentialsAsync($"{name}:read")).Error == "invalid_scope");
        foreach (var change in (string[])["resource.changed", "resource.deleted"])
            Assert.Equal("cli", (await server.AuditAsync(change, entry => entry.GetProperty("detail").GetRawText().Contains(resource, StringComparison.Ordinal))).GetProperty("actor").GetString());
    }

    [Theory]
    [InlineData("resource show https://no.example", 1, "no resource https://no.example")]
    [InlineData("resource update https://no.example --name x", 1, "no resource https://no.example")]
    [InlineData("resource delete https://no.example", 1, "no resource https://no.example")]
    [InlineData("resource update https://api.example.com", 2, "Nothing to change")]
    [InlineData("resource create https://api.example.com", 1, "already")]
    [InlineData("resource create https://api.example.com/", 1, "slash")]
    [InlineData("resource create not-a-uri", 1, "absolute URI")]
    [InlineData("resource create https://twice.example --scope api:read", 1, "belongs to https://api.example.com already")]
    [InlineData("resource create https://oidc.example --scope email", 1, "OpenID Connect")]
    [InlineData("resource create https://long.example --access-token-lifetime 7200", 1, "allow_long_lived_access_tokens")]
    [InlineData("resource create https://short.example --access-token-lifetime 9", 1, "below 10 seconds")]
    [InlineData("resource create https://alg.example --alg none", 1, "RS256")]
    [InlineData("resource create https://claim.example --claim shoe_size", 1, "shoe_size")]
    [InlineData("resource create https://number.example --access-token-lifetime long", 2, "--access-token-lifetime")]
    public async Task A_refusal_says_what_to_mend(string command, int code, string said) => (await server.RunAsync(command.Split(' '))).ExpectRefusal(code, said);

    private static Task SeenAsync(Func<Task<bool>> condition) => Eventually.HoldsAsync("the server sees the change", condition, seconds: 2);
}
