using System.Net;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey user</c> on the data of a running server.</summary>
public sealed class UserCommandTests(AdminServer server)
{
    [Fact]
    public async Task A_person_is_made_and_signs_in_at_once()
    {
        var person = await server.PersonAsync("new");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var claims = Jwt.Claims((await program.SignInAsync(browser, "openid email")).IdToken!);
        var shown = await server.JsonAsync("user", "show", person.Username);
        Assert.Equal(claims.GetProperty("sub").GetString(), shown.GetProperty("sub").GetString());
        Assert.Equal($"{person.Username}@example.com", shown.GetProperty("email").GetString());
        Assert.True(shown.GetProperty("has_password").GetBoolean());
        Assert.Contains(person.Username, (await server.JsonAsync("user", "list")).EnumerateArray().Select(user => user.GetProperty("username").GetString()));
        Assert.Equal(person.Username, (await server.JsonAsync("user", "show", shown.GetProperty("sub").GetString()!)).GetProperty("username").GetString());
    }

    [Fact]
    public async Task Claims_are_set_each_of_its_own_type_and_taken_away()
    {
        var person = await server.PersonAsync("claims");
        var changed = await server.JsonAsync("user", "update", person.Username, "--name", "Of Claims", "--email-verified", "true", "--claim", "locale=en-GB", "--claim", "address={\"country\":\"GB\"}", "--claim", "updated_at=1700000000");
        Assert.Equal("Of Claims", changed.GetProperty("name").GetString());
        Assert.True(changed.GetProperty("email_verified").GetBoolean());
        Assert.Equal("GB", changed.GetProperty("address").GetProperty("country").GetString());
        Assert.Equal(1700000000, changed.GetProperty("updated_at").GetInt64());
        Assert.False((await server.JsonAsync("user", "update", person.Username, "--claim", "locale")).TryGetProperty("locale", out _));
        (await server.RunAsync("user", "update", person.Username, "--claim", "shoe_size=44")).ExpectRefusal(1, "shoe_size", "given_name");
        (await server.RunAsync("user", "update", person.Username, "--claim", "email_verified=perhaps")).ExpectRefusal(1, "email_verified");
        (await server.RunAsync("user", "update", person.Username)).ExpectRefusal(2, "Nothing to change");
    }

    [Fact]
    public async Task A_new_password_counts_and_ends_sessions_and_grants()
    {
        var person = await server.PersonAsync("pass");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid offline_access");
        var result = (await server.RunWithInputAsync("another passphrase of this test\n", "user", "set-password", person.Username, "--password-stdin")).ExpectDone();
        Assert.DoesNotContain("another passphrase", result.Output + result.Errors, StringComparison.Ordinal);
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");

        using var again = new PageWalker(server.Issuer, person);
        var login = await again.GetAsync(program.Request("openid").Url);
        Assert.False((await again.SignInAsync(login)).IsAtClient);
        using var now = new PageWalker(server.Issuer, person with { Password = "another passphrase of this test" });
        await program.SignInAsync(now, "openid");
        var sub = (await server.JsonAsync("user", "show", person.Username)).GetProperty("sub").GetString();
        Assert.Equal("cli", (await server.AuditAsync("password.changed", entry => entry.GetProperty("sub").GetString() == sub)).GetProperty("actor").GetString());
    }

    [Fact]
    public async Task An_account_is_shut_and_opened_again()
    {
        var person = await server.PersonAsync("shut");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid offline_access");
        (await server.RunAsync("user", "disable", person.Username)).ExpectDone();
        Assert.Equal("disabled", (await server.JsonAsync("user", "show", person.Username)).GetProperty("state").GetString());
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        using var shut = new PageWalker(server.Issuer, person);
        Assert.False((await shut.SignInAsync(await shut.GetAsync(program.Request("openid").Url))).IsAtClient);
        (await server.RunAsync("user", "enable", person.Username)).ExpectDone();
        using var open = new PageWalker(server.Issuer, person);
        await program.SignInAsync(open, "openid");
    }

    [Fact, Spec("draft-parecki-oauth-global-token-revocation", "3")]
    public async Task A_persons_access_is_ended_and_their_account_stays_open()
    {
        var person = await server.PersonAsync("ended");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid offline_access");
        (await server.RunAsync("user", "revoke", person.Username)).ExpectDone();
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.True((await browser.GetAsync(server.Issuer + "/account")).Has("password"));
        var subject = (await server.JsonAsync("user", "show", person.Username)).GetProperty("sub").GetString();
        await server.AuditAsync("user.access_ended", entry => entry.GetProperty("sub").GetString() == subject);
        await program.SignInAsync(browser, "openid");
    }

    [Fact]
    public async Task A_deleted_person_is_gone_with_their_grants()
    {
        var person = await server.PersonAsync("gone");
        using var program = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await program.SignInAsync(browser, "openid offline_access");
        (await server.RunAsync("user", "delete", person.Username)).ExpectDone();
        (await program.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.NotEqual(HttpStatusCode.OK, (await program.UserInfoAsync(tokens.AccessToken)).Status);
        (await server.RunAsync("user", "show", person.Username)).ExpectRefusal(1, person.Username, "latchkey user list");
    }

    [Fact]
    public async Task A_sub_is_the_operators_or_made_and_never_the_username_or_a_client_id()
    {
        var name = AdminServer.Name("sub");
        Assert.Equal("sub-of-" + name, (await server.JsonAsync("user", "create", name, "--sub", "sub-of-" + name)).GetProperty("sub").GetString());
        var made = (await server.JsonAsync("user", "create", name + "2")).GetProperty("sub").GetString();
        Assert.Matches("^[A-Za-z0-9_-]{22}$", made);
        (await server.RunAsync("user", "create", name + "3", "--sub", name + "3")).ExpectRefusal(1, "username");
        (await server.RunAsync("user", "create", name + "4", "--sub", DeclaredStates.Web.Id)).ExpectRefusal(1, "client");
        (await server.RunAsync("user", "create", name + "5", "--sub", "sub-of-" + name)).ExpectRefusal(1, "sub");
        (await server.RunAsync("user", "create", name)).ExpectRefusal(1, name, "taken");
        (await server.RunAsync("client", "create", "--client-id", made!, "--grant-type", "client_credentials")).ExpectRefusal(1, "sub of a user");
    }

    [Theory]
    [InlineData("user show no-such", 1, "no user no-such")]
    [InlineData("user update no-such --name x", 1, "no user no-such")]
    [InlineData("user disable no-such", 1, "no user no-such")]
    [InlineData("user enable no-such", 1, "no user no-such")]
    [InlineData("user revoke no-such", 1, "no user no-such")]
    [InlineData("user delete no-such", 1, "no user no-such")]
    [InlineData("user set-password no-such --password-stdin", 1, "no user no-such")]
    [InlineData("user set-password alice --password-stdin", 1, "password is empty")]
    [InlineData("user create empty-password --password-stdin", 1, "password is empty")]
    [InlineData("user create", 2, "latchkey user create --help")]
    [InlineData("user create a b", 2, "'b'")]
    public async Task A_refusal_says_what_to_mend(string command, int code, string said) => (await server.RunAsync(command.Split(' '))).ExpectRefusal(code, said);
}
