using System.Text.Json;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey grant</c> and <c>latchkey session</c> on the data of a running server.</summary>
public sealed class GrantAndSessionCommandTests(AdminServer server)
{
    [Fact]
    public async Task A_grant_is_found_and_ended()
    {
        var person = await server.PersonAsync("grant");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid offline_access api:read");

        var grant = Assert.Single(await ListAsync("grant", "list", "--user", person.Username));
        Assert.Equal(("web", "alive"), (grant.GetProperty("client_id").GetString(), grant.GetProperty("state").GetString()));
        Assert.Contains("api:read", grant.GetProperty("scope").GetString(), StringComparison.Ordinal);
        Assert.Empty(await ListAsync("grant", "list", "--user", person.Username, "--client", "post"));
        var id = grant.GetProperty("grant").GetString()!;
        Assert.Equal(id, (await server.JsonAsync("grant", "show", id)).GetProperty("grant").GetString());

        Assert.True((await server.JsonAsync("grant", "revoke", id)).GetProperty("revoked").GetBoolean());
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.Empty(await ListAsync("grant", "list", "--user", person.Username));
        Assert.Equal("revoked", Assert.Single(await ListAsync("grant", "list", "--user", person.Username, "--all")).GetProperty("state").GetString());
        Assert.False((await server.JsonAsync("grant", "revoke", id)).GetProperty("revoked").GetBoolean());
        Assert.Equal("cli", (await server.AuditAsync("grant.revoked", entry => entry.GetProperty("detail").GetRawText().Contains(id, StringComparison.Ordinal))).GetProperty("actor").GetString());
    }

    [Fact]
    public async Task A_session_is_found_and_ended_with_what_hangs_on_it()
    {
        var person = await server.PersonAsync("session");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid");
        var session = Assert.Single(await ListAsync("session", "list", "--user", person.Username));
        var id = session.GetProperty("session").GetString()!;
        Assert.Equal(Jwt.Claims(tokens.IdToken!).GetProperty("sid").GetString(), id);
        Assert.Equal("web", Assert.Single((await server.JsonAsync("session", "show", id)).GetProperty("clients").EnumerateArray().ToArray()).GetString());

        Assert.True((await server.JsonAsync("session", "end", id)).GetProperty("ended").GetBoolean());
        Assert.False((await server.JsonAsync("session", "end", id)).GetProperty("ended").GetBoolean());
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.True((await browser.GetAsync(program.Request("openid").Url)).Has("password"));
        Assert.Empty(await ListAsync("session", "list", "--user", person.Username));
        Assert.Equal("ended", (await server.JsonAsync("session", "show", id)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task All_sessions_of_a_person_end_at_once()
    {
        var person = await server.PersonAsync("everywhere");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        for (var i = 0; i < 2; i++)
        {
            using var browser = new PageWalker(server.Issuer, person);
            await program.SignInAsync(browser, "openid");
        }

        Assert.Equal(2, (await server.JsonAsync("session", "end", "--user", person.Username)).GetProperty("ended").GetInt32());
        Assert.Empty(await ListAsync("session", "list", "--user", person.Username));
        var sub = (await server.JsonAsync("user", "show", person.Username)).GetProperty("sub").GetString();
        Assert.Equal("cli", (await server.AuditAsync("session.ended", entry => entry.GetProperty("sub").GetString() == sub)).GetProperty("actor").GetString());
    }

    [Theory]
    [InlineData("grant show no-such", 1, "no grant no-such")]
    [InlineData("grant revoke no-such", 1, "no grant no-such")]
    [InlineData("session show no-such", 1, "no session no-such")]
    [InlineData("session end no-such", 1, "no session no-such")]
    [InlineData("session end", 2, "either a session or --user")]
    [InlineData("session end a --user b", 2, "either a session or --user")]
    [InlineData("session end --user no-such", 1, "no user no-such")]
    [InlineData("grant list --limit many", 2, "--limit")]
    public async Task A_refusal_says_what_to_mend(string command, int code, string said) => (await server.RunAsync(command.Split(' '))).ExpectRefusal(code, said);

    private async Task<JsonElement[]> ListAsync(params string[] command) => [.. (await server.JsonAsync(command)).EnumerateArray()];
}
