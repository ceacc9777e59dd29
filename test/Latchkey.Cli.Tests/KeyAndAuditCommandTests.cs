using System.Diagnostics;
using System.Text.Json;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey key</c> and <c>latchkey audit</c>.</summary>
public sealed class KeyAndAuditCommandTests(AdminServer server)
{
    [Fact]
    public async Task Keys_are_listed_shown_and_rotated_and_the_old_one_stays_good()
    {
        await using var own = await LatchkeyProcess.StartAsync();
        using var program = new OAuthClient(own.Issuer, DeclaredStates.Machine);
        var before = Jwt.Header((await program.ClientCredentialsAsync("api:read"))["access_token"]!).GetProperty("kid").GetString()!;
        Assert.Equal("signing", (await own.CommandAsync("key", "show", before, "--json")).ExpectDone().Json.GetProperty("state").GetString());

        (await own.CommandAsync("key", "rotate", "--alg", "RS256", "--immediately")).ExpectDone();
        await Eventually.HoldsAsync("the new key signs", async () =>
            Jwt.Header((await program.ClientCredentialsAsync("api:read"))["access_token"]!).GetProperty("kid").GetString() != before, seconds: 2);
        Assert.Equal("verifying", (await own.CommandAsync("key", "show", before, "--json")).ExpectDone().Json.GetProperty("state").GetString());
        Assert.Contains(before, (await program.GetAsync("/.well-known/jwks.json")).Body, StringComparison.Ordinal);
        Assert.Equal("cli", (await own.CommandAsync("audit", "list", "--event", "key.rotated", "--json")).Json[0].GetProperty("actor").GetString());
        Assert.DoesNotContain("\"d\"", (await own.CommandAsync("key", "list", "--json")).ExpectDone().Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compromised_key_is_gone_at_once()
    {
        await using var own = await LatchkeyProcess.StartAsync();
        using var program = new OAuthClient(own.Issuer, DeclaredStates.Machine);
        var before = Jwt.Header((await program.ClientCredentialsAsync("api:read"))["access_token"]!).GetProperty("kid").GetString()!;
        (await own.CommandAsync("key", "rotate", "--compromised")).ExpectDone();
        await Eventually.HoldsAsync("the key is gone", async () => !(await program.GetAsync("/.well-known/jwks.json")).Body.Contains(before, StringComparison.Ordinal), seconds: 2);
        (await own.CommandAsync("key", "show", before)).ExpectRefusal(1, before, "latchkey key list");
    }

    [Fact]
    public async Task The_audit_is_filtered_and_an_event_is_shown()
    {
        var person = await server.PersonAsync("audit");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        await program.SignInAsync(browser, "openid");
        var sub = (await server.JsonAsync("user", "show", person.Username)).GetProperty("sub").GetString();
        var events = (await server.JsonAsync("audit", "list", "--user", person.Username, "--event", "sign_in", "--since", "1h")).EnumerateArray().ToArray();
        var entry = Assert.Single(events);
        Assert.Equal((sub, "success", "127.0.0.1"), (entry.GetProperty("sub").GetString(), entry.GetProperty("outcome").GetString(), entry.GetProperty("address").GetString()));
        var id = entry.GetProperty("id").GetRawText();
        Assert.Equal("sign_in", (await server.JsonAsync("audit", "show", id)).GetProperty("event").GetString());
        Assert.Empty((await server.JsonAsync("audit", "list", "--user", person.Username, "--since", "2100-01-01T00:00:00Z")).EnumerateArray().ToArray());
        Assert.Single((await server.JsonAsync("audit", "list", "--limit", "1")).EnumerateArray().ToArray());
    }

    [Fact]
    public async Task Follow_prints_what_happens_as_it_happens()
    {
        var name = AdminServer.Name("followed");
        var start = new ProcessStartInfo(LatchkeyProcess.Program, ["audit", "follow", "--json", "--event", "client.changed", "--client", name, "--data", server.Data]) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        try
        {
            var line = process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken).AsTask();
            // It follows from its own start on, which nothing tells: changes are made until it has seen one.
            (await server.RunAsync("client", "create", "--client-id", name, "--grant-type", "client_credentials")).ExpectDone();
            for (var i = 0; i < 20 && !line.IsCompleted; i++) (await server.RunAsync("client", "update", name, "--name", $"Name {i}")).ExpectDone();
            var entry = JsonElement.Parse((await line.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken))!);
            Assert.Equal(("client.changed", name, "cli"), (entry.GetProperty("event").GetString(), entry.GetProperty("client_id").GetString(), entry.GetProperty("actor").GetString()));
        }
        finally
        {
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [InlineData("key show no-such", 1, "no signing key no-such")]
    [InlineData("key rotate --alg HS256", 1, "RS256")]
    [InlineData("audit show 999999999", 1, "no event 999999999")]
    [InlineData("audit show first", 2, "first")]
    [InlineData("audit list --since yesterday", 2, "24h")]
    public async Task A_refusal_says_what_to_mend(string command, int code, string said) => (await server.RunAsync(command.Split(' '))).ExpectRefusal(code, said);
}
