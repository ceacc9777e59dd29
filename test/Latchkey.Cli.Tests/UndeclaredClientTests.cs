using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary>Clients that nobody declared, as an operator sees them and ends them: those that registered themselves, and those whose id is a URL.</summary>
public sealed class UndeclaredClientTests
{
    [Fact, Spec("RFC 7591", "5")]
    public async Task They_are_listed_shown_ended_and_kept_out()
    {
        await using var site = await DocumentHost.StartAsync();
        var state = DeclaredStates.Standard();
        state["settings"] = new JsonObject { ["registration"] = "open", ["client_id_metadata_documents"] = "loopback" };
        await using var server = await LatchkeyProcess.StartAsync(state);
        var document = site.Url("/client.json");
        site.Put("/client.json", new JsonObject
        {
            ["client_id"] = document,
            ["client_name"] = "Stranger",
            ["redirect_uris"] = new JsonArray("http://127.0.0.1:4000/callback"),
            ["token_endpoint_auth_method"] = "none",
        }.ToJsonString());
        using var http = new HttpClient();
        using var registration = await http.PostAsJsonAsync(
            $"{server.Issuer}/register", new JsonObject
            {
                ["redirect_uris"] = new JsonArray("http://127.0.0.1:4000/callback"),
                ["grant_types"] = new JsonArray("authorization_code", "refresh_token"),
                ["token_endpoint_auth_method"] = "none",
                ["client_name"] = "Newcomer",
            });
        var registered = (await registration.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("client_id").GetString()!;

        using var alice = new PageWalker(server.Issuer, DeclaredStates.Alice);
        foreach (var (id, origin, name) in new[] { (document, "document", "Stranger"), (registered, "registered", "Newcomer") })
        {
            using var app = new OAuthClient(server.Issuer, new TestClient(id, null, TestClient.None, "http://127.0.0.1:4000/callback"));
            var tokens = await app.SignInAsync(alice, "openid api:read");

            // Seen, and marked as what it is.
            var listed = (await server.CommandAsync("client", "list", "--json")).ExpectDone().Json.EnumerateArray().ToList();
            Assert.Equal(origin, listed.Single(client => client.GetProperty("client_id").GetString() == id).GetProperty("origin").GetString());
            Assert.Equal("declared", listed.Single(client => client.GetProperty("client_id").GetString() == "web").GetProperty("origin").GetString());
            Assert.Contains($"{origin}\n", (await server.CommandAsync("client", "list")).ExpectDone().Output, StringComparison.Ordinal);
            Assert.Equal(name, (await server.CommandAsync("client", "show", id, "--json")).ExpectDone().Json.GetProperty("client_name").GetString());
            var grant = Assert.Single((await server.CommandAsync("grant", "list", "--client", id, "--json")).ExpectDone().Json.EnumerateArray().ToList());
            Assert.Equal("alive", grant.GetProperty("state").GetString());

            // All that people gave it ends.
            (await server.CommandAsync("client", "revoke-grants", id)).ExpectDone();
            await Eventually.HoldsAsync("the grant is over", async () => (await app.RefreshAsync(tokens.RefreshToken!)).Error == "invalid_grant");
            Assert.Equal(HttpStatusCode.Unauthorized, (await app.UserInfoAsync(tokens.AccessToken)).Status);
            Assert.Empty((await server.CommandAsync("grant", "list", "--client", id, "--json")).ExpectDone().Json.EnumerateArray());

            // It may begin again, until it is kept out.
            var again = await app.SignInAsync(alice, "openid api:read");
            (await server.CommandAsync("client", "block", id)).ExpectDone();
            await Eventually.HoldsAsync("the client is kept out", async () => (await app.RefreshAsync(again.RefreshToken!)).Error == "invalid_client");
            Assert.Equal(HttpStatusCode.Unauthorized, (await app.UserInfoAsync(again.AccessToken)).Status);
            var refused = await alice.GetAsync(app.Request("openid").Url);
            Assert.Equal((false, HttpStatusCode.BadRequest), (refused.IsAtClient, refused.Status));
        }

        // A document that is let in again begins from nothing.
        (await server.CommandAsync("client", "delete", document)).ExpectDone();
        using var back = new OAuthClient(server.Issuer, new TestClient(document, null, TestClient.None, "http://127.0.0.1:4000/callback"));
        await Eventually.HoldsAsync("the client may come back", async () => (await alice.GetAsync(back.Request("openid").Url)).Has("decision"));
        (await server.CommandAsync("client", "block", "web")).ExpectRefusal(1, "declared", "client update");
        (await server.CommandAsync("client", "block", "nobody")).ExpectRefusal(1, "nobody", "client list");
        (await server.CommandAsync("client", "delete", document)).ExpectRefusal(1, document);
    }

    [Fact]
    public async Task A_document_can_be_kept_out_before_anybody_agreed_to_it()
    {
        using var folder = new TemporaryFolder();
        const string url = "https://evil.example.com/client.json";
        (await LatchkeyProcess.RunAsync("apply", await EmptyAsync(folder), "--data", folder.Path)).ExpectDone();
        (await LatchkeyProcess.RunAsync("client", "block", url, "--data", folder.Path)).ExpectDone();
        var shown = (await LatchkeyProcess.RunAsync("client", "show", url, "--json", "--data", folder.Path)).ExpectDone().Json;
        Assert.Equal(0, shown.GetProperty("grant_types").GetArrayLength());
        (await LatchkeyProcess.RunAsync("client", "block", url, "--data", folder.Path)).ExpectRefusal(1, "declared");
    }

    private static async Task<string> EmptyAsync(TemporaryFolder folder)
    {
        var file = Path.Combine(folder.Path, "empty.json");
        await File.WriteAllTextAsync(file, "{}");
        return file;
    }
}
