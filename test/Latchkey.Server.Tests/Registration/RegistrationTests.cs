using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.Hosting;
using Latchkey.Server.Registration;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Server.Tests.TokenStatus;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Registration;

/// <summary>Servers with registration off, by token, and open.</summary>
public sealed class RegistrationServers : IAsyncLifetime
{
    public const string InitialToken = "initial-access-token-0123456789";

    public InProcessServer Off { get; private set; } = null!;

    public InProcessServer ByToken { get; private set; } = null!;

    public InProcessServer Open { get; private set; } = null!;

    public DocumentHost Site { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Site = await DocumentHost.StartAsync();
        Site.Put("/keys.json", new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) }.ToJsonString());
        var state = DeclaredStates.Standard();
        state.Resource(DeclaredStates.Api)["scopes"]!.AsArray().Add(new JsonObject { ["scope"] = "api:admin", ["restricted"] = true });
        Off = await InProcessServer.StartAsync();
        ByToken = await InProcessServer.StartAsync(state.DeepClone().AsObject(), options => options with { Registration = RegistrationMode.Token, InitialAccessToken = InitialToken });
        Open = await InProcessServer.StartAsync(state, options => options with
        {
            Registration = RegistrationMode.Open,
            SoftwareStatementIssuers = new Dictionary<string, string> { ["https://vouch.example.com"] = Site.Url("/keys.json") },
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Off.DisposeAsync();
        await ByToken.DisposeAsync();
        await Open.DisposeAsync();
        await Site.DisposeAsync();
    }
}

/// <summary>Clients that register themselves (RFC 7591) and look after their registration (RFC 7592).</summary>
[Check("A46")]
public sealed class RegistrationTests(RegistrationServers servers) : IClassFixture<RegistrationServers>
{
    private const string Native = """{"client_name":"My tool","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none","grant_types":["authorization_code","refresh_token"]}""";

    [Fact]
    public async Task Off_there_is_nothing()
    {
        (await SendAsync(servers.Off, HttpMethod.Post, "/register", Native)).Expect(HttpStatusCode.NotFound);
        using var client = servers.Off.Client(DeclaredStates.Web);
        Assert.False((await client.GetAsync("/.well-known/openid-configuration")).Json.TryGetProperty("registration_endpoint", out _));
    }

    [Fact, Check("M3"), Spec("RFC 7591", "3.2.1")]
    public async Task A_client_registers_and_signs_a_person_in()
    {
        var answer = (await SendAsync(servers.Open, HttpMethod.Post, "/register", Native)).Expect(HttpStatusCode.Created);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.StartsWith("reg_", answer["client_id"]!, StringComparison.Ordinal);
        Assert.Null(answer["client_secret"]);
        Assert.Equal("native", answer["application_type"]);
        Assert.Equal(servers.Open.Issuer + "/register/" + answer["client_id"], answer["registration_client_uri"]);
        using var client = servers.Open.Client(new TestClient(answer["client_id"]!, null, TestClient.None, "http://localhost:4711/callback") with { RedirectUri = "http://127.0.0.1:4711/callback" });
        using var alice = servers.Open.Browser();
        var tokens = await client.SignInAsync(alice, "openid api:read");
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        using var discovery = servers.Open.Client(DeclaredStates.Web);
        Assert.Equal(servers.Open.Issuer + "/register", (await discovery.GetAsync("/.well-known/oauth-authorization-server"))["registration_endpoint"]);
    }

    [Fact, Check("M4"), Check("M6")]
    public async Task A_secret_is_made_where_it_is_asked_for_and_the_client_stays_as_careful_as_one_without()
    {
        var answer = await RegisterAsync("""{"client_name":"C# tool","redirect_uris":["http://localhost:1234/cb"],"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","refresh_token"],"response_types":["code"]}""");
        Assert.Equal(0, answer.Json.GetProperty("client_secret_expires_at").GetInt64());
        // The same whether a program encodes them for Basic or not.
        foreach (var name in (string[])["client_id", "client_secret"]) Assert.Matches("^[A-Za-z0-9_-]+$", answer[name]);
        using var client = servers.Open.Client(new TestClient(answer["client_id"]!, answer["client_secret"], TestClient.Post, "http://localhost:9999/cb"));
        using var alice = servers.Open.Browser();
        Assert.False((await alice.GetAsync(client.Request("openid", ("code_challenge", null), ("code_challenge_method", null)).Url)).IsAtClient);
        var tokens = await client.SignInAsync(alice, "openid");
        Assert.NotEqual(tokens.RefreshToken, (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["refresh_token"]);
        (await client.RefreshAsync(tokens.RefreshToken!, ("client_secret", "wrong"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task By_token_only_who_has_it_registers()
    {
        var none = (await SendAsync(servers.ByToken, HttpMethod.Post, "/register", Native)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        Assert.StartsWith("Bearer", none.Header("WWW-Authenticate"), StringComparison.Ordinal);
        foreach (var wrong in (string[])["x", RegistrationServers.InitialToken + "x", RegistrationServers.InitialToken[..^1], ""])
            (await SendAsync(servers.ByToken, HttpMethod.Post, "/register", Native, wrong)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        (await SendAsync(servers.ByToken, HttpMethod.Post, "/register", Native, RegistrationServers.InitialToken)).Expect(HttpStatusCode.Created);
    }

    /// <summary>A stranger gets nothing for itself; one that an operator let in may act for itself.</summary>
    [Fact]
    public async Task Only_who_is_let_in_may_act_for_itself()
    {
        const string machine = """{"client_name":"Job","grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_basic"}""";
        (await SendAsync(servers.Open, HttpMethod.Post, "/register", machine)).ExpectError("invalid_client_metadata");
        var answer = (await SendAsync(servers.ByToken, HttpMethod.Post, "/register", machine, RegistrationServers.InitialToken)).Expect(HttpStatusCode.Created);
        using var client = servers.ByToken.Client(new TestClient(answer["client_id"]!, answer["client_secret"], TestClient.Basic, null));
        (await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        (await client.ClientCredentialsAsync("api:admin")).ExpectError("invalid_scope");
    }

    [Theory, Spec("RFC 7591", "3.2.2"), Spec("RFC 7591", "5")]
    [InlineData("""{"redirect_uris":["javascript:alert(1)"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["JavaScript:alert(1)"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["data:text/html;base64,AA"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["vbscript:x"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["file:///etc/passwd"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["blob:https://a.example.com/x"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["about:blank"],"application_type":"native"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["http://app.example.com/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["http://192.168.1.1/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["https://app.example.com/cb#x"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["https://*.example.com/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["com.example.app:/cb"],"application_type":"web"}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":["/cb"]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":[null]}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":[]}""", "invalid_redirect_uri")]
    [InlineData("""{}""", "invalid_redirect_uri")]
    [InlineData("""{"redirect_uris":5}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"application_type":"toaster"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"token_endpoint_auth_method":"magic"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"token_endpoint_auth_method":"client_secret_jwt"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"grant_types":["implicit","password"]}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"response_types":["token"]}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"jwks":{"keys":[]},"jwks_uri":"https://a.example.com/k"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"client_uri":"javascript:alert(1)"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"scope":"a\u0001b"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"userinfo_signed_response_alg":"ES512"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"introspection_signed_response_alg":"ES512"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"introspection_encrypted_response_alg":"RSA1_5","jwks_uri":"https://a.example.com/k"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"introspection_encrypted_response_alg":"RSA-OAEP-256"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"introspection_encrypted_response_enc":"A256GCM"}""", "invalid_client_metadata")]
    [InlineData("""{"redirect_uris":["https://a.example.com/"],"jwks":{"keys":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}""", "invalid_client_metadata")]
    [InlineData("""[]""", "invalid_client_metadata")]
    [InlineData("""{""", "invalid_client_metadata")]
    [InlineData("", "invalid_client_metadata")]
    [InlineData("""{"client_name":"a","client_name":"b","redirect_uris":["https://a.example.com/"]}""", "invalid_client_metadata")]
    public async Task What_can_t_be_registered_is_told_by_the_spec_s_own_code_and_leaves_nothing(string request, string error)
    {
        var before = await CountAsync();
        var answer = (await SendAsync(servers.Open, HttpMethod.Post, "/register", request)).ExpectError(error);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.All(answer.ErrorDescription!, character => Assert.InRange(character, ' ', '~'));
        Assert.Equal(before, await CountAsync());
    }

    [Fact]
    public async Task A_private_use_scheme_is_a_native_app_s()
    {
        var answer = await RegisterAsync("""{"redirect_uris":["com.example.app:/cb","http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}""");
        Assert.Equal("native", answer["application_type"]);
        Assert.Equal("web", (await RegisterAsync("""{"redirect_uris":["https://a.example.com/","http://127.0.0.1/cb"],"token_endpoint_auth_method":"none"}"""))["application_type"]);
    }

    /// <summary>Unknown members are passed over, what is not taken is left out, and the answer tells what was registered (RFC 7591 sections 2 and 3.2.1).</summary>
    [Fact, Spec("RFC 7591", "2"), Spec("OIDC Registration", "3.2")]
    public async Task The_answer_tells_what_was_registered()
    {
        var answer = await RegisterAsync("""
            {"client_name":"Tool","client_name#de":"Werkzeug","mcp":true,"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"none",
             "grant_types":["authorization_code","refresh_token","implicit"],"response_types":["code","token"],"initiate_login_uri":"https://a.example.com/start",
             "logo_uri":"https://a.example.com/logo.png","contacts":["me@example.com"],"software_id":"4f1e","skip_consent":true,"require_pkce":false,"tos_uri":""}
            """);
        Assert.Equal("https://a.example.com/start", answer["initiate_login_uri"]);
        Assert.Equal("https://a.example.com/logo.png", answer["logo_uri"]);
        Assert.Equal("""["authorization_code","refresh_token"]""", answer.Json.GetProperty("grant_types").GetRawText());
        Assert.Equal("""["code"]""", answer.Json.GetProperty("response_types").GetRawText());
        foreach (var name in (string[])["skip_consent", "require_pkce", "mcp", "client_name#de", "tos_uri"]) Assert.False(answer.Json.TryGetProperty(name, out _), name);
        using var client = servers.Open.Client(new TestClient(answer["client_id"]!, null, TestClient.None, "http://127.0.0.1/cb"));
        using var alice = servers.Open.Browser();
        var page = await alice.SignInAsync(await alice.GetAsync(client.Request("openid").Url));
        Assert.True(page.Has("decision", "allow"), page.ToString());
        Assert.Contains("registered itself", page.Text, StringComparison.Ordinal);
        Assert.Empty(page.Document!.QuerySelectorAll("img"));
    }

    [Fact, Spec("RFC 9701", "6")]
    public async Task A_client_registers_for_encrypted_introspection()
    {
        var request = new JsonObject
        {
            ["redirect_uris"] = new JsonArray("https://a.example.com/cb"),
            ["jwks"] = new JsonObject { ["keys"] = new JsonArray(JsonNode.Parse(SignedServer.Agreement.PublicKey.Span)) },
            ["introspection_encrypted_response_alg"] = "ECDH-ES",
            ["introspection_encrypted_response_enc"] = "A128GCM",
        };
        var answer = await RegisterAsync(request.ToJsonString());
        Assert.Equal(("ECDH-ES", "A128GCM"), (answer["introspection_encrypted_response_alg"], answer["introspection_encrypted_response_enc"]));
        using var client = servers.Open.Client(new TestClient(answer["client_id"]!, answer["client_secret"], TestClient.Basic, "https://a.example.com/cb"));
        using var alice = servers.Open.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        using var question = new HttpRequestMessage(HttpMethod.Post, servers.Open.Issuer + "/introspect") { Content = new FormUrlEncodedContent([new("token", tokens.AccessToken)]) };
        question.Headers.Authorization = OAuthClient.BasicHeader(client.Client.Id, client.Client.Secret!);
        question.Headers.Accept.Add(new("application/token-introspection+jwt"));
        var told = Jwt.Claims(SignedServer.Decrypt(SignedServer.Agreement, (await client.SendAsync(question)).Expect(HttpStatusCode.OK).Body));
        Assert.True(told.GetProperty("token_introspection").GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task No_client_gives_itself_a_restricted_scope()
    {
        var answer = await RegisterAsync(Native.Replace("{\"client", "{\"scope\":\"openid api:admin api:read\",\"client", StringComparison.Ordinal));
        using var client = servers.Open.Client(new TestClient(answer["client_id"]!, null, TestClient.None, "http://127.0.0.1:5/callback"));
        using var alice = servers.Open.Browser();
        Assert.Equal("openid api:read", (await client.SignInAsync(alice, "openid api:read api:write api:admin")).Scope);
    }

    [Fact, Spec("RFC 7592", "2.1"), Spec("RFC 7592", "2.2"), Spec("RFC 7592", "3")]
    public async Task A_client_reads_and_changes_its_registration()
    {
        var made = await RegisterAsync(Native);
        var (path, token) = ("/register/" + made["client_id"], made["registration_access_token"]!);
        var read = (await SendAsync(servers.Open, HttpMethod.Get, path, null, token)).Expect(HttpStatusCode.OK);
        Assert.Equal("My tool", read["client_name"]);
        Assert.Equal("no-store", read.Header("Cache-Control"));

        var change = JsonNode.Parse(Native)!.AsObject();
        change["client_id"] = made["client_id"];
        change["client_name"] = "My better tool";
        change["redirect_uris"] = new JsonArray("https://tool.example.com/cb");
        change["token_endpoint_auth_method"] = "client_secret_basic";
        var changed = (await SendAsync(servers.Open, HttpMethod.Put, path, change.ToJsonString(), token)).Expect(HttpStatusCode.OK);
        Assert.Equal("My better tool", changed["client_name"]);
        Assert.NotNull(changed["client_secret"]);

        // What is left out is no longer so.
        change.Remove("client_name");
        change["client_secret"] = changed["client_secret"];
        Assert.Null((await SendAsync(servers.Open, HttpMethod.Put, path, change.ToJsonString(), token)).Expect(HttpStatusCode.OK)["client_name"]);
        using var client = servers.Open.Client(new TestClient(made["client_id"]!, changed["client_secret"], TestClient.Basic, "https://tool.example.com/cb"));
        using var alice = servers.Open.Browser();
        await client.SignInAsync(alice, "openid");
    }

    [Theory, Spec("RFC 7592", "2.2")]
    [InlineData("client_id", "other")]
    [InlineData("client_id", null)]
    [InlineData("client_secret", "wrong-secret-0123456789")]
    [InlineData("registration_access_token", "x")]
    [InlineData("registration_client_uri", "x")]
    [InlineData("client_id_issued_at", "1")]
    [InlineData("client_secret_expires_at", "1")]
    public async Task What_an_update_must_not_say_is_refused(string name, string? value)
    {
        var made = await RegisterAsync(Native);
        var change = JsonNode.Parse(Native)!.AsObject();
        change["client_id"] = made["client_id"];
        change[name] = value;
        (await SendAsync(servers.Open, HttpMethod.Put, "/register/" + made["client_id"], change.ToJsonString(), made["registration_access_token"])).ExpectError("invalid_request");
    }

    [Fact, Check("M13"), Spec("RFC 7592", "2.3")]
    public async Task A_client_that_deleted_itself_is_gone_with_all_it_had()
    {
        var made = await RegisterAsync(Native);
        var (path, token) = ("/register/" + made["client_id"], made["registration_access_token"]!);
        using var client = servers.Open.Client(new TestClient(made["client_id"]!, null, TestClient.None, "http://127.0.0.1:5/callback"));
        using var alice = servers.Open.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        (await SendAsync(servers.Open, HttpMethod.Delete, path, null, token)).Expect(HttpStatusCode.NoContent);

        // The codes by which programs register anew; and a page, since nothing is known of where to go.
        (await client.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        var page = await alice.GetAsync(client.Request("openid").Url);
        Assert.False(page.IsAtClient);
        Assert.Equal(HttpStatusCode.BadRequest, page.Status);
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        (await SendAsync(servers.Open, HttpMethod.Get, path, null, token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Only_its_own_token_opens_a_registration()
    {
        var one = await RegisterAsync(Native);
        var two = await RegisterAsync(Native);
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Put, HttpMethod.Delete])
        {
            foreach (var wrong in (string?[])[two["registration_access_token"], "lkg_x", null, RegistrationServers.InitialToken])
            {
                (await SendAsync(servers.Open, method, "/register/" + one["client_id"], method == HttpMethod.Put ? Native : null, wrong))
                    .ExpectError("invalid_token", HttpStatusCode.Unauthorized);
            }

            (await SendAsync(servers.Open, method, "/register/reg_nobody", method == HttpMethod.Put ? Native : null, one["registration_access_token"]))
                .ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        }

        (await SendAsync(servers.Open, HttpMethod.Get, "/register/" + one["client_id"], null, one["registration_access_token"])).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_operator_ends_its_grants_or_deletes_it()
    {
        var made = await RegisterAsync(Native);
        var administration = new Latchkey.Server.Admin.ClientAdministration(servers.Open.Services.GetRequiredService<Database>(), servers.Open.Clock, "cli");
        using var client = servers.Open.Client(new TestClient(made["client_id"]!, null, TestClient.None, "http://127.0.0.1:5/callback"));
        using var alice = servers.Open.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        servers.Open.Clock.Advance(TimeSpan.FromSeconds(1));
        await administration.RevokeGrantsAsync(made["client_id"]!);
        Assert.True(await StatusOf.IsRevokedAsync(tokens.AccessToken));
        (await client.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        await client.SignInAsync(alice, "openid");
        await administration.DeleteAsync(made["client_id"]!);
        (await client.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", "x"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    /// <summary>Neither secret nor token can be read from the database.</summary>
    [Fact]
    public async Task Only_hashes_are_kept()
    {
        var made = await RegisterAsync(Native.Replace("\"none\"", "\"client_secret_basic\"", StringComparison.Ordinal));
        var row = (await RowAsync(servers.Open, made["client_id"]!))!;
        Assert.DoesNotContain(made["client_secret"]!, row.SecretHash, StringComparison.Ordinal);
        Assert.Equal(32, row.TokenHash.Length);
        Assert.DoesNotContain(made["registration_access_token"]!, Encoding.UTF8.GetString(row.TokenHash), StringComparison.Ordinal);
        Assert.DoesNotContain("hash", row.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Who never came back is forgotten after a week; whom a person agreed to stays.</summary>
    [Fact]
    public async Task What_nobody_used_is_gone_after_a_week()
    {
        await using var server = await InProcessServer.StartAsync(change: options => options with { Registration = RegistrationMode.Open });
        var unused = await SendAsync(server, HttpMethod.Post, "/register", Native);
        var used = await SendAsync(server, HttpMethod.Post, "/register", Native);
        using var client = server.Client(new TestClient(used["client_id"]!, null, TestClient.None, "http://127.0.0.1:5/callback"));
        using var alice = server.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        server.Clock.Advance(TimeSpan.FromDays(6.9));
        await server.Services.GetRequiredService<Janitor>().SweepAsync(TestContext.Current.CancellationToken);
        Assert.NotNull(await RowAsync(server, unused["client_id"]!));
        server.Clock.Advance(TimeSpan.FromDays(0.2));
        await server.Services.GetRequiredService<Janitor>().SweepAsync(TestContext.Current.CancellationToken);
        Assert.Null(await RowAsync(server, unused["client_id"]!));
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task One_place_registers_so_many_in_a_while()
    {
        await using var server = await InProcessServer.StartAsync(change: options => options with { Registration = RegistrationMode.Open });
        for (var i = 0; i < 100; i++) (await SendAsync(server, HttpMethod.Post, "/register", Native)).Expect(HttpStatusCode.Created);
        var answer = (await SendAsync(server, HttpMethod.Post, "/register", Native)).Expect(HttpStatusCode.TooManyRequests);
        Assert.NotNull(answer.Header("Retry-After"));
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        (await SendAsync(server, HttpMethod.Post, "/register", Native)).Expect(HttpStatusCode.Created);
    }

    [Fact, Spec("RFC 7591", "2.3")]
    public async Task A_trusted_statement_goes_before_the_client_s_own_words()
    {
        var statement = Statement("https://vouch.example.com", new JsonObject { ["client_name"] = "Vouched for", ["software_id"] = "abc" });
        var request = JsonNode.Parse(Native)!.AsObject();
        request["software_statement"] = statement;
        var answer = await RegisterAsync(request.ToJsonString());
        Assert.Equal("Vouched for", answer["client_name"]);
        Assert.Equal("abc", answer["software_id"]);
        Assert.Equal(statement, answer["software_statement"]);
    }

    [Fact, Spec("RFC 7591", "3.2.2")]
    public async Task Other_statements_are_refused()
    {
        await RefusedAsync(Statement("https://stranger.example.com", []), "unapproved_software_statement");
        var good = Statement("https://vouch.example.com", []);
        await RefusedAsync(good[..^4] + (good.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA"), "invalid_software_statement");
        await RefusedAsync("x.y", "invalid_software_statement");
        await RefusedAsync("eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3ZvdWNoLmV4YW1wbGUuY29tIn0.", "invalid_software_statement");
        await RefusedAsync(Statement("https://vouch.example.com", new JsonObject { ["exp"] = 1 }), "invalid_software_statement");

        async Task RefusedAsync(string statement, string error)
        {
            var request = JsonNode.Parse(Native)!.AsObject();
            request["software_statement"] = statement;
            (await SendAsync(servers.Open, HttpMethod.Post, "/register", request.ToJsonString())).ExpectError(error);
        }
    }

    [Fact]
    public async Task Browsers_of_any_origin_may_register()
    {
        using var http = new HttpClient();
        using var preflight = new HttpRequestMessage(HttpMethod.Options, servers.Open.Issuer + "/register");
        preflight.Headers.Add("Origin", "https://inspector.example.com");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        preflight.Headers.Add("Access-Control-Request-Headers", "content-type,mcp-protocol-version");
        using var answer = await http.SendAsync(preflight, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Contains("MCP-Protocol-Version", answer.Headers.GetValues("Access-Control-Allow-Headers").Single(), StringComparison.Ordinal);
        Assert.Equal("*", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task Only_json_is_read(string contentType) =>
        (await SendAsync(servers.Open, HttpMethod.Post, "/register", Native, contentType: contentType)).ExpectError("invalid_client_metadata");

    [Fact]
    public async Task A_request_has_32_KiB_at_most() =>
        (await SendAsync(servers.Open, HttpMethod.Post, "/register", new string(' ', 33 * 1024))).ExpectError("invalid_client_metadata", HttpStatusCode.RequestEntityTooLarge);

    private async Task<Answer> RegisterAsync(string request) => (await SendAsync(servers.Open, HttpMethod.Post, "/register", request)).Expect(HttpStatusCode.Created);

    private static string Statement(string issuer, JsonObject claims)
    {
        claims["iss"] = issuer;
        return TestKey.Shared.Sign(new JsonObject { ["alg"] = "ES256", ["kid"] = TestKey.Shared.Id, ["typ"] = "JWT" }, claims);
    }

    private ValueTask<int> CountAsync() =>
        servers.Open.Services.GetRequiredService<Database>().ReadAsync(sql => RegisteredClients.CountUnusedAsync(sql, 100_000));

    private static ValueTask<RegisteredClient?> RowAsync(InProcessServer server, string clientId) =>
        server.Services.GetRequiredService<Database>().ReadAsync(sql => RegisteredClients.FindAsync(sql, clientId));

    private static async Task<Answer> SendAsync(InProcessServer server, HttpMethod method, string path, string? body, string? token = null, string contentType = "application/json")
    {
        using var client = server.Client(DeclaredStates.Web);
        using var request = new HttpRequestMessage(method, server.Issuer + path);
        if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse(contentType));
        if (token is not null) request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        return await client.SendAsync(request);
    }
}
