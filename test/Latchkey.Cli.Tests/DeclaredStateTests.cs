using System.Net;
using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary>Declared state over the life of a server: applied at start and by <c>apply</c>, idempotently, on top of what people did since.</summary>
public sealed class DeclaredStateTests
{
    private const string Everything =
        """
        SELECT 'client', client_id, metadata, updated_at FROM clients UNION ALL SELECT 'secret', client_id, hash, created_at FROM client_secrets
        UNION ALL SELECT 'resource', resource, metadata, updated_at FROM resources UNION ALL SELECT 'user', sub, login_name || password_hash || security_stamp || claims, updated_at FROM users
        UNION ALL SELECT 'declared', kind, name, fingerprint FROM declared ORDER BY 1, 2, 3, 4
        """;

    [Fact]
    public async Task A_restart_writes_nothing_and_hashes_nothing_again()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        var before = DatabaseRows.Query(server.DataFolder, Everything);
        Assert.NotEmpty(before);
        await server.StopAsync();
        await server.StartAsync();
        Assert.Equal(before, DatabaseRows.Query(server.DataFolder, Everything));
        Assert.Equal("Everything is as declared.\n", (await server.CommandAsync("apply", server.ConfigFile)).ExpectDone().Output);
        Assert.Equal(before, DatabaseRows.Query(server.DataFolder, Everything));
    }

    [Fact]
    public async Task A_password_changed_by_hand_stays_until_the_declared_one_changes()
    {
        var state = DeclaredStates.Standard();
        await using var server = await LatchkeyProcess.StartAsync(state);
        var sub = (await server.CommandAsync("user", "show", "alice", "--json")).Json.GetProperty("sub").GetString();
        (await LatchkeyProcess.RunAsync(["user", "set-password", "alice", "--password-stdin", "--data", server.DataFolder], "her own long passphrase\n")).ExpectDone();
        await server.StopAsync();
        await server.StartAsync();
        var changed = DeclaredStates.Alice with { Password = "her own long passphrase" };
        Assert.True(await SignsInAsync(server, changed));
        Assert.False(await SignsInAsync(server, DeclaredStates.Alice));

        state.User(DeclaredStates.Alice)["password"] = "declared anew, and long";
        state.User(DeclaredStates.Alice)["name"] = "Alice Anew";
        await RestartAsync(server, state);
        Assert.True(await SignsInAsync(server, DeclaredStates.Alice with { Password = "declared anew, and long" }));
        Assert.False(await SignsInAsync(server, changed));
        var alice = (await server.CommandAsync("user", "show", "alice", "--json")).Json;
        Assert.Equal((sub, "Alice Anew"), (alice.GetProperty("sub").GetString(), alice.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_rotated_secret_stays_beside_the_declared_one_until_the_declared_one_changes()
    {
        var state = DeclaredStates.Standard();
        await using var server = await LatchkeyProcess.StartAsync(state);
        var rotated = (await server.CommandAsync("client", "rotate-secret", "machine", "--overlap", "0s", "--json")).Json.GetProperty("client_secret").GetString()!;
        await server.StopAsync();
        await server.StartAsync();
        Assert.True(await WorksAsync(server, rotated));
        Assert.False(await WorksAsync(server, DeclaredStates.Machine.Secret!));

        state.Client(DeclaredStates.Machine)["client_secret"] = "declared-anew-0123456789";
        await RestartAsync(server, state);
        Assert.True(await WorksAsync(server, "declared-anew-0123456789"));
        Assert.False(await WorksAsync(server, rotated));
    }

    [Fact]
    public async Task What_is_declared_is_changed_and_what_is_not_is_left_alone()
    {
        var state = DeclaredStates.Standard();
        await using var server = await LatchkeyProcess.StartAsync(state);
        (await server.CommandAsync("client", "create", "--client-id", "by-hand", "--grant-type", "client_credentials", "--scope", "api:read")).ExpectDone();
        (await server.CommandAsync("user", "create", "by-hand-too")).ExpectDone();
        state["clients"]!.AsArray().Remove(state.Client(DeclaredStates.Spa));
        state.Client(DeclaredStates.Web)["client_name"] = "Renamed";
        state.Resource(DeclaredStates.Files)["access_token_lifetime"] = 240;
        await RestartAsync(server, state);
        Assert.Equal("Renamed", (await server.CommandAsync("client", "show", "web", "--json")).Json.GetProperty("client_name").GetString());
        Assert.Equal(240, (await server.CommandAsync("resource", "show", DeclaredStates.Files, "--json")).Json.GetProperty("access_token_lifetime").GetInt32());
        foreach (var id in (string[])["by-hand", "spa"]) (await server.CommandAsync("client", "show", id)).ExpectDone();
        (await server.CommandAsync("user", "show", "by-hand-too")).ExpectDone();
        var audit = (await server.CommandAsync("audit", "list", "--event", "client.changed", "--client", "web", "--json")).Json;
        Assert.Equal(["config", "config"], audit.EnumerateArray().Select(entry => entry.GetProperty("actor").GetString()));
    }

    [Fact]
    public async Task Apply_is_seen_by_the_running_server_and_refuses_as_a_whole()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var folder = new TemporaryFolder();
        var state = new JsonObject { ["clients"] = new JsonArray(), ["users"] = new JsonArray(new JsonObject { ["username"] = "carol", ["password"] = "a passphrase of carol" }) };
        var extra = new TestClient("extra", "extra-secret-0123456789", TestClient.Basic, null);
        state.Add(extra, client => (client["grant_types"], client["scope"]) = (new JsonArray("client_credentials"), "api:read"));
        var done = (await server.CommandAsync("apply", await AdminServer.WriteAsync(folder, "more.json", state), "--json")).ExpectDone().Json;
        Assert.Equal(["client extra created", "user carol created"], done.GetProperty("changes").EnumerateArray().Select(change => change.GetString()));
        using var program = new OAuthClient(server.Issuer, extra);
        await Eventually.HoldsAsync("the client", async () => (await program.ClientCredentialsAsync(null)).Status == HttpStatusCode.OK, seconds: 2);
        Assert.True(await SignsInAsync(server, new Person("carol", "a passphrase of carol")));

        // dave would be right, the sub of erin is a client's id: nothing of it happens
        state["users"] = new JsonArray(new JsonObject { ["username"] = "dave" }, new JsonObject { ["username"] = "erin", ["sub"] = "web" });
        (await server.CommandAsync("apply", await AdminServer.WriteAsync(folder, "bad.json", state))).ExpectRefusal(1, "users[1]", "web", "client_id");
        (await server.CommandAsync("user", "show", "dave")).ExpectRefusal(1, "no user dave");
        state["users"] = new JsonArray(new JsonObject { ["username"] = "alice", ["sub"] = "another" });
        (await server.CommandAsync("apply", await AdminServer.WriteAsync(folder, "sub.json", state))).ExpectRefusal(1, "users[0]", "a sub never changes");
        state["users"] = new JsonArray(new JsonObject { ["username"] = "frank", ["sub"] = "frank-1" }, new JsonObject { ["username"] = "grace", ["sub"] = "frank-1" });
        (await server.CommandAsync("apply", await AdminServer.WriteAsync(folder, "twice.json", state))).ExpectRefusal(1, "users[1]", "sub");
        (await server.CommandAsync("apply", "/no/such.json")).ExpectRefusal(1, "/no/such.json", "no such file");
        (await LatchkeyProcess.RunAsync("apply")).ExpectRefusal(2, "latchkey apply --help");
    }

    [Fact]
    public async Task A_declared_sub_is_the_persons_and_a_made_one_stays()
    {
        var state = DeclaredStates.Standard();
        state.User(DeclaredStates.Bob)["sub"] = "bob-0001";
        await using var server = await LatchkeyProcess.StartAsync(state);
        Assert.Equal("bob-0001", (await server.CommandAsync("user", "show", "bob", "--json")).Json.GetProperty("sub").GetString());
        var made = (await server.CommandAsync("user", "show", "alice", "--json")).Json.GetProperty("sub").GetString();
        Assert.NotEqual("alice", made);
        await server.StopAsync();
        await server.StartAsync();
        Assert.Equal(made, (await server.CommandAsync("user", "show", "alice", "--json")).Json.GetProperty("sub").GetString());
    }

    private static async Task RestartAsync(LatchkeyProcess server, JsonObject state)
    {
        await server.StopAsync();
        await File.WriteAllTextAsync(server.ConfigFile, state.ToJsonString(), TestContext.Current.CancellationToken);
        await server.StartAsync();
    }

    private static async Task<bool> SignsInAsync(LatchkeyProcess server, Person person)
    {
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        return !(await browser.SignInAsync(await browser.GetAsync(program.Request("openid").Url))).Has("password");
    }

    private static async Task<bool> WorksAsync(LatchkeyProcess server, string secret)
    {
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Machine with { Secret = secret });
        return (await program.ClientCredentialsAsync("api:read")).Status == HttpStatusCode.OK;
    }
}
