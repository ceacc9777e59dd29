using System.Net;
using System.Text.Json.Nodes;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey client</c> on the data of a running server.</summary>
public sealed class ClientCommandTests(AdminServer server)
{
    private static readonly string[] MachineFlags = ["--grant-type", "client_credentials", "--scope", "api:read"];

    [Fact]
    public async Task A_client_is_made_shown_changed_and_deleted_while_the_server_runs()
    {
        var id = AdminServer.Name("shop");
        var made = await server.JsonAsync(["client", "create", "--client-id", id, "--name", "The shop", .. MachineFlags]);
        Assert.Equal(id, made.GetProperty("client_id").GetString());
        var secret = made.GetProperty("client_secret").GetString()!;
        Assert.Matches("^lks_[A-Za-z0-9_-]{43}$", secret);

        using var program = new OAuthClient(server.Issuer, new TestClient(id, secret, TestClient.Basic, null));
        await SeenAsync(async () => (await program.ClientCredentialsAsync("api:read")).Status == HttpStatusCode.OK);

        var shown = await server.JsonAsync("client", "show", id);
        Assert.Equal("The shop", shown.GetProperty("client_name").GetString());
        Assert.Equal("client_credentials", Assert.Single(shown.GetProperty("grant_types").EnumerateArray().ToArray()).GetString());
        Assert.Single(shown.GetProperty("secrets").EnumerateArray().ToArray());
        Assert.Contains(id, (await server.JsonAsync("client", "list")).EnumerateArray().Select(client => client.GetProperty("client_id").GetString()));

        Assert.Equal("api:write", (await server.JsonAsync("client", "update", id, "--scope", "api:write")).GetProperty("scope").GetString());
        await SeenAsync(async () => (await program.ClientCredentialsAsync("api:read")).Error == "invalid_scope");
        Assert.Equal("The shop", (await server.JsonAsync("client", "show", id)).GetProperty("client_name").GetString());

        Assert.True((await server.JsonAsync("client", "delete", id)).GetProperty("deleted").GetBoolean());
        await SeenAsync(async () => (await program.ClientCredentialsAsync("api:write")).Error == "invalid_client");
        (await server.RunAsync("client", "show", id)).ExpectRefusal(1, id, "latchkey client list");

        foreach (var detail in (string[])["created", "updated"])
        {
            var entry = await server.AuditAsync("client.changed", entry => entry.GetProperty("client_id").GetString() == id && entry.GetProperty("detail").GetRawText().Contains(detail, StringComparison.Ordinal));
            Assert.Equal("cli", entry.GetProperty("actor").GetString());
        }

        Assert.Equal("cli", (await server.AuditAsync("client.deleted", entry => entry.GetProperty("client_id").GetString() == id)).GetProperty("actor").GetString());
    }

    [Fact]
    public async Task Two_secrets_live_side_by_side_until_the_overlap_ends()
    {
        var id = AdminServer.Name("turn");
        var first = (await server.JsonAsync(["client", "create", "--client-id", id, .. MachineFlags])).GetProperty("client_secret").GetString()!;
        var rotated = await server.JsonAsync("client", "rotate-secret", id, "--overlap", "1h");
        var second = rotated.GetProperty("client_secret").GetString()!;
        Assert.Equal(2, (await server.JsonAsync("client", "show", id)).GetProperty("secrets").GetArrayLength());
        foreach (var secret in (string[])[first, second]) await SeenAsync(() => WorksAsync(id, secret));
        var left = rotated.GetProperty("old_secret_until").GetDateTimeOffset() - TimeProvider.System.GetUtcNow();
        Assert.InRange(left, TimeSpan.FromMinutes(58), TimeSpan.FromMinutes(60));

        var third = (await server.JsonAsync("client", "rotate-secret", id, "--overlap", "0s")).GetProperty("client_secret").GetString()!;
        await SeenAsync(() => WorksAsync(id, third));
        await SeenAsync(async () => !await WorksAsync(id, second) && !await WorksAsync(id, first));
        Assert.Equal("cli", (await server.AuditAsync("client.secret_rotated", entry => entry.GetProperty("client_id").GetString() == id)).GetProperty("actor").GetString());
    }

    [Fact]
    public async Task A_secret_is_printed_once_and_is_nowhere_else()
    {
        var id = AdminServer.Name("secret");
        var made = (await server.RunAsync(["client", "create", "--client-id", id, .. MachineFlags])).ExpectDone();
        var secret = made.Output.Split('\n').Single(line => line.StartsWith("client_secret", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        Assert.DoesNotContain(secret, made.Errors, StringComparison.Ordinal);
        Assert.Contains("can't be read again", made.Errors, StringComparison.Ordinal);
        await SeenAsync(() => WorksAsync(id, secret));
        foreach (var command in (string[])["client show " + id, "client list", "client show --json " + id, "audit list --json --limit 1000", "client update --name x " + id])
            Assert.DoesNotContain(secret, (await server.RunAsync(command.Split(' '))).ExpectDone().Output, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, server.Process.Errors, StringComparison.Ordinal);
        foreach (var file in Directory.EnumerateFiles(server.Data, "*", SearchOption.AllDirectories))
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream, System.Text.Encoding.Latin1);
            Assert.False((await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).Contains(secret, StringComparison.Ordinal), file);
        }
    }

    [Fact]
    public async Task An_id_is_made_where_none_is_given()
    {
        var made = await server.JsonAsync(["client", "create", .. MachineFlags]);
        Assert.Matches("^[A-Za-z0-9_-]+$", made.GetProperty("client_id").GetString());
    }

    [Fact]
    public async Task Any_metadata_comes_from_a_file_by_its_registered_name()
    {
        using var folder = new TemporaryFolder();
        var id = AdminServer.Name("file");
        var file = await AdminServer.WriteAsync(folder, "client.json", new JsonObject
        {
            ["token_endpoint_auth_method"] = "none",
            ["redirect_uris"] = new JsonArray("https://app.example.com/callback"),
            ["tos_uri"] = "https://app.example.com/tos",
            ["default_max_age"] = 60,
        });
        var made = await server.JsonAsync("client", "create", "--client-id", id, "--metadata", file, "--name", "Beside the file");
        Assert.False(made.TryGetProperty("client_secret", out _));
        var shown = await server.JsonAsync("client", "show", id);
        Assert.Equal(("Beside the file", "https://app.example.com/tos", 60),
            (shown.GetProperty("client_name").GetString(), shown.GetProperty("tos_uri").GetString(), shown.GetProperty("default_max_age").GetInt32()));

        // null takes a member away, here from the standard input
        (await server.RunWithInputAsync("""{ "tos_uri": null }""", "client", "update", id, "--metadata", "-")).ExpectDone();
        Assert.False((await server.JsonAsync("client", "show", id)).TryGetProperty("tos_uri", out _));
    }

    [Fact]
    public async Task Revoking_all_grants_of_a_client_ends_them()
    {
        var person = await server.PersonAsync("given");
        var id = AdminServer.Name("web");
        var secret = (await server.JsonAsync("client", "create", "--client-id", id, "--redirect-uri", "https://web.example.com/callback", "--grant-type", "authorization_code",
            "--grant-type", "refresh_token", "--scope", "openid")).GetProperty("client_secret").GetString()!;
        using var program = new OAuthClient(server.Issuer, new TestClient(id, secret, TestClient.Basic, "https://web.example.com/callback"));
        using var browser = new PageWalker(server.Issuer, person);
        var tokens = await EventuallySignInAsync(program, browser);
        (await server.RunAsync("client", "revoke-grants", id)).ExpectDone();
        await SeenAsync(async () => (await program.RefreshAsync(tokens.RefreshToken!)).Error == "invalid_grant");
    }

    public static TheoryData<string, int, string[]> Refusals => new()
    {
        { "client show no-such", 1, ["no client no-such", "latchkey client list"] },
        { "client update no-such --name x", 1, ["no client no-such"] },
        { "client delete no-such", 1, ["no client no-such"] },
        { "client rotate-secret no-such", 1, ["no client no-such"] },
        { "client rotate-secret native", 1, ["native", "none"] },
        { "client revoke-grants no-such", 1, ["no client no-such"] },
        { "client create --client-id web --redirect-uri https://a.example/cb", 1, ["client web already"] },
        { "client create --client-id bad-uri --redirect-uri http://a.example/cb", 1, ["http://a.example/cb"] },
        { "client create --client-id bad-grant --grant-type implicit", 1, ["implicit", "authorization_code"] },
        { "client create --client-id bad-method --auth-method tls_client_auth --grant-type client_credentials", 1, ["tls_client_auth", "tls_client_auth_subject_dn"] },
        { "client create --metadata /no/such.json", 1, ["/no/such.json"] },
        { "client update web", 2, ["Nothing to change", "latchkey client update --help"] },
        { "client show", 2, ["latchkey client show --help"] },
        { "client frob", 2, ["\"frob\"", "rotate-secret", "latchkey client --help"] },
        { "client", 2, ["list, show, create", "latchkey client --help"] },
        { "client rotate-secret web --overlap soon", 2, ["--overlap", "\"soon\"", "24h"] },
        { "client delete api-server", 1, ["api-server", "https://api.example.com"] },
    };

    [Theory, MemberData(nameof(Refusals))]
    public async Task A_refusal_says_what_to_mend_and_changes_nothing(string command, int code, string[] said)
    {
        var words = command.Split(' ');
        (await LatchkeyProcess.RunAsync(words.Length > 1 ? [.. words, "--data", server.Data] : words)).ExpectRefusal(code, said);
    }

    private async Task<bool> WorksAsync(string id, string secret)
    {
        using var program = new OAuthClient(server.Issuer, new TestClient(id, secret, TestClient.Basic, null));
        return (await program.ClientCredentialsAsync(null)).Status == HttpStatusCode.OK;
    }

    private static async Task<Tokens> EventuallySignInAsync(OAuthClient program, PageWalker browser)
    {
        await SeenAsync(async () => (await browser.GetAsync(program.Request("openid").Url)).Status == HttpStatusCode.OK);
        return await program.SignInAsync(browser, "openid");
    }

    // interface.md: a change by command line is seen by the running server within 2 s.
    private static Task SeenAsync(Func<Task<bool>> condition) => Eventually.HoldsAsync("the server sees the change", condition, seconds: 2);
}
