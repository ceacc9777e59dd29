using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Storage;
using Latchkey.Storage.PostgreSql;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>Three nodes, every request on another node than the one before.</summary>
public abstract class ManyNodesTests(ManyNodesTests.Three three)
{
    private const int Racers = 50;

    private Cluster Cluster => three.Cluster;

    [Fact, Spec("RFC 6749", "4.1"), Spec("RFC 6749", "6")]
    public async Task A_code_of_one_node_is_redeemed_at_another_and_refreshed_anywhere()
    {
        using var alice = Cluster.Browser();
        using var web = Cluster.Client(DeclaredStates.Web);
        // The login form, its antiforgery token, the consent and the session go through other nodes at each step.
        var tokens = await web.SignInAsync(alice, "openid profile offline_access api:read");
        for (var round = 0; round < 6; round++)
        {
            (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
            tokens = tokens with { Answer = (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK) };
        }

        using var api = Cluster.Client(DeclaredStates.ApiServer);
        for (var node = 0; node < 3; node++) Assert.Equal("true", (await api.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["active"]);
        (await web.RevokeAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        for (var node = 0; node < 3; node++)
        {
            Assert.Equal("false", (await api.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["active"]);
            (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        }

        // Signed in once, at whichever node.
        await web.SignInAsync(alice);
        Assert.Single(alice.Trail, step => step.Method == HttpMethod.Post && step.Url.AbsolutePath == "/login");
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task A_device_polls_anywhere()
    {
        using var device = Cluster.Client(DeclaredStates.Device);
        using var alice = Cluster.Browser();
        var started = (await device.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        (await device.PollAsync(started["device_code"]!)).ExpectError("authorization_pending");
        var page = await alice.GetAsync(started["verification_uri_complete"]!);
        if (page.Has("password")) page = await alice.SignInAsync(page);
        if (!page.Has("decision")) page = await alice.SubmitAsync(page, ("user_code", started["user_code"]!));
        await alice.SubmitAsync(page, ("decision", "allow"));
        var polls = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => device.PollAsync(started["device_code"]!)));
        var won = Assert.Single(polls, poll => poll.Status == HttpStatusCode.OK);
        (await device.RefreshAsync(won["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 6749", "4.1.2")]
    public async Task Of_many_who_redeem_one_code_at_once_one_wins()
    {
        using var alice = Cluster.Browser();
        using var app = Cluster.Client(DeclaredStates.FirstParty);
        var request = app.Request("openid offline_access");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;
        var answers = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => app.RedeemAsync(request, code)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => answer.ExpectError("invalid_grant"));
    }

    [Fact, Spec("OAuth 2.1", "4.3.1")]
    public async Task Of_many_who_use_one_refresh_token_at_once_all_get_the_same_successor()
    {
        using var app = Cluster.Client(DeclaredStates.FirstParty);
        var token = (await app.SignInAsync(scope: "openid offline_access")).RefreshToken!;
        for (var round = 0; round < 3; round++)
        {
            var presented = token;
            var answers = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => app.RefreshAsync(presented)));
            token = Assert.Single(answers.Select(answer => answer.Expect(HttpStatusCode.OK)["refresh_token"]!).Distinct());
            Assert.NotEqual(presented, token);
        }
    }

    [Fact, Spec("RFC 7523", "3")]
    public async Task Of_many_who_send_one_assertion_at_once_one_wins()
    {
        using var machine = Cluster.Client(DeclaredStates.Assertion);
        var assertion = machine.Assertion();
        var answers = await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => machine.ClientCredentialsAsync("api:read", ("client_assertion", assertion))));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 9449", "11.1"), Check("A39")]
    public async Task Of_many_who_send_one_proof_at_once_one_wins()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var machine = Cluster.Client(DeclaredStates.Machine);
        for (var round = 0; round < 3; round++)
        {
            var proof = new ForgedProof(key, "POST", Cluster.Issuer + "/token", TimeProvider.System.GetUtcNow()).Sign();
            machine.Proof = _ => proof;
            var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => machine.ClientCredentialsAsync("api:read")));
            Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
            Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => answer.ExpectError("invalid_dpop_proof"));
        }
    }

    [Fact, Spec("RFC 9126", "7.3"), Check("A41")]
    public async Task Of_many_who_bring_one_pushed_request_at_once_one_gets_a_code()
    {
        using var app = Cluster.Client(DeclaredStates.FirstParty);
        using var alice = Cluster.Browser();
        Assert.NotNull((await alice.AuthorizeAsync(app.Request("openid").Url)).Answer.Code);
        for (var round = 0; round < 3; round++)
        {
            var pushed = (await app.PostAsync("/par", app.Request("openid").Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)))).Expect(HttpStatusCode.Created);
            var url = $"{Cluster.Issuer}/authorize?client_id={app.Client.Id}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}";
            var stops = await Task.WhenAll(Enumerable.Range(0, Racers).Select(async _ =>
            {
                using var browser = Cluster.Browser();
                foreach (var (name, value) in alice.Cookies) browser.Cookies[name] = value;
                return await browser.GetAsync(url);
            }));
            Assert.Single(stops, stop => stop.IsAtClient && stop.Answer.Code is not null);
            // Who came while it was being answered is told at the client, who came later on a page.
            Assert.All(stops.Where(stop => stop.IsAtClient && stop.Answer.Code is null), stop => Assert.Equal("invalid_request_uri", stop.Answer.Error));
            Assert.All(stops.Where(stop => !stop.IsAtClient), stop => Assert.Equal(HttpStatusCode.BadRequest, stop.Status));
        }
    }

    [Fact, Spec("RFC 9449", "8")]
    public async Task A_nonce_of_one_node_is_good_at_every_other()
    {
        var state = DeclaredStates.Standard();
        state["settings"] = new JsonObject { ["dpop_nonce"] = "required" };
        await using var cluster = await Cluster.StartAsync(await three.CreateDatabaseAsync(), 2, state);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var machine = cluster.Client(DeclaredStates.Machine);
        string? nonce = null;
        machine.Proof = url => new ForgedProof(key, "POST", url, TimeProvider.System.GetUtcNow()).With("nonce", nonce).Sign();
        nonce = (await machine.ClientCredentialsAsync("api:read")).ExpectError("use_dpop_nonce").Header("DPoP-Nonce");
        // Each request goes to the next node.
        for (var i = 0; i < 4; i++) (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_an_operator_changes_every_node_comes_to_know()
    {
        using var folder = new TemporaryFolder();
        var file = folder.File("late.json");
        await File.WriteAllTextAsync(file, """
            { "clients": [{ "client_id": "late", "client_secret": "late-secret-0123456789abcdef", "grant_types": ["client_credentials"], "scope": "api:read" }] }
            """);
        var made = await LatchkeyProcess.RunAsync("apply", file, "--database", Cluster.Database);
        Assert.True(made.ExitCode == 0, made.Errors);
        for (var node = 0; node < 3; node++)
        {
            using var late = new OAuthClient(Cluster.AddressOf(node), new TestClient("late", "late-secret-0123456789abcdef", TestClient.Basic, null));
            await Eventually.HoldsAsync("the node knows the client", async () => (await late.ClientCredentialsAsync("api:read")).Status == HttpStatusCode.OK, seconds: 30);
        }

        var list = await LatchkeyProcess.RunAsync("client", "list", "--json", "--database", Cluster.Database);
        Assert.Contains("late", list.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_nodes_have_the_same_keys_and_change_over_together()
    {
        // The next keys are made after the start by one of them, and known to all before they sign.
        await Eventually.HoldsAsync("all publish the same keys", async () => (await JwksAsync()).Distinct().Count() == 1);
        var rotated = await LatchkeyProcess.RunAsync("key", "rotate", "--immediately", "--json", "--database", Cluster.Database);
        Assert.True(rotated.ExitCode == 0, rotated.Errors);
        await Eventually.HoldsAsync("all sign with the new key", async () =>
        {
            var used = new HashSet<string>();
            for (var node = 0; node < 3; node++)
            {
                using var machine = new OAuthClient(Cluster.AddressOf(node), DeclaredStates.Machine);
                used.Add(Jwt.Header((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!).GetProperty("kid").GetString()!);
            }

            return used.Count == 1 && rotated.Output.Contains(used.Single(), StringComparison.Ordinal);
        });
        await Eventually.HoldsAsync("all publish the same keys", async () => (await JwksAsync()).Distinct().Count() == 1);
    }

    [Fact]
    public async Task The_version_before_and_the_version_after_run_side_by_side()
    {
        await using Database next = Cluster.Database.Split(' ') is [_, _, ..] several
            ? new ShardedDatabase(several, TimeSpan.FromSeconds(30))
            : new PostgreSqlDatabase(Cluster.Database, TimeSpan.FromSeconds(30));
        await next.MigrateAsync([.. Migration.All("postgres"), new(9001, "9001_more", "ALTER TABLE grants ADD COLUMN more TEXT; CREATE TABLE more (id BIGINT NOT NULL)")]);
        using var app = Cluster.Client(DeclaredStates.FirstParty);
        var tokens = await app.SignInAsync(scope: "openid offline_access");
        // A node of the version that knows nothing of it can also be started now.
        await Cluster.Nodes[0].StopAsync();
        await Cluster.Nodes[0].StartAsync();
        for (var i = 0; i < 6; i++) tokens = tokens with { Answer = (await app.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK) };
    }

    private async Task<List<string>> JwksAsync()
    {
        var sets = new List<string>();
        using var http = new HttpClient();
        for (var node = 0; node < 3; node++)
        {
            using var keys = JsonDocument.Parse(await http.GetStringAsync(new Uri(Cluster.AddressOf(node) + "/.well-known/jwks.json")));
            sets.Add(string.Join(' ', keys.RootElement.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()).Order()));
        }

        return sets;
    }

    /// <summary>On one database.</summary>
    public class Three(PostgresServer server) : IAsyncLifetime
    {
        private Cluster? _cluster;

        internal Cluster Cluster => _cluster ?? throw new InvalidOperationException("The nodes have not been started.");

        public async ValueTask InitializeAsync() => _cluster = await Cluster.StartAsync(await CreateDatabaseAsync(), 3);

        public async ValueTask DisposeAsync()
        {
            if (_cluster is not null) await _cluster.DisposeAsync();
            GC.SuppressFinalize(this);
        }

        /// <summary>An empty database.</summary>
        internal virtual Task<string> CreateDatabaseAsync() => server.CreateDatabaseAsync();
    }

    /// <summary>On two databases that people are spread over.</summary>
    public sealed class ThreeOnTwo(PostgresServer server) : Three(server)
    {
        internal override async Task<string> CreateDatabaseAsync() => $"{await base.CreateDatabaseAsync()} {await base.CreateDatabaseAsync()}";
    }
}

public sealed class OneDatabaseTests(ManyNodesTests.Three three) : ManyNodesTests(three), IClassFixture<ManyNodesTests.Three>;

public sealed class TwoDatabasesTests(ManyNodesTests.ThreeOnTwo three) : ManyNodesTests(three), IClassFixture<ManyNodesTests.ThreeOnTwo>;
