using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;
using Latchkey.Server.Tests.TokenStatus;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Registration;

/// <summary>Clients whose id is the URL of their metadata (draft-ietf-oauth-client-id-metadata-document).</summary>
[Spec("Client ID Metadata Document", "4"), Check("A47")]
public sealed class MetadataDocumentTests(MetadataDocumentServer server) : IClassFixture<MetadataDocumentServer>
{
    [Fact, Spec("Client ID Metadata Document", "6")]
    public async Task The_metadata_says_that_documents_are_read()
    {
        using var client = server.Server.Client(DeclaredStates.Web);
        Assert.True((await client.GetAsync("/.well-known/oauth-authorization-server")).Json.GetProperty("client_id_metadata_document_supported").GetBoolean());
    }

    [Fact]
    public async Task A_client_that_nobody_registered_signs_a_person_in_and_stays()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid api:read");
        Assert.NotNull(tokens.RefreshToken);
        Assert.Equal(client.Client.Id, Jwt.Claims(tokens.AccessToken).GetProperty("client_id").GetString());
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    /// <summary>Some apps send no resource, some the origin of one: the first is implied by the scopes, the second is told which there are.</summary>
    [Fact, Check("M2"), Spec("RFC 8707", "2")]
    public async Task A_resource_is_implied_by_its_scopes_and_an_unknown_one_is_told_which_there_are()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "api:read");
        Assert.Equal(DeclaredStates.Api, Jwt.Claims(tokens.AccessToken).GetProperty("aud").GetString());
        foreach (var resource in (string[])["https://other.example.com", DeclaredStates.Api + "/mcp"])
        {
            var stop = await alice.GetAsync(client.Request("api:read", ("resource", resource)).Url);
            Assert.Equal("invalid_target", stop.Answer.Error);
            Assert.Contains(DeclaredStates.Api, stop.Answer.ErrorDescription, StringComparison.Ordinal);
        }
    }

    [Fact, Check("M7")]
    public async Task The_grant_outlives_the_session()
    {
        using var client = server.Server.Client(server.Publish(new JsonObject { ["client_name"] = "Web", ["redirect_uris"] = new JsonArray("https://app.example.com/cb") }));
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid");
        var page = await alice.GetAsync("/logout");
        await alice.SubmitAsync(page, ("decision", "logout"));
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
    }

    /// <summary>The SDKs add offline_access and prompt=consent, or neither; both ways the sign-in lasts, though it is no OpenID Connect.</summary>
    [Fact, Spec("MCP", "authorization"), Check("M7")]
    public async Task What_programs_ask_for_so_that_a_sign_in_lasts_works_without_openid()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        foreach (var (scope, prompt) in ((string, string?)[])[("api:read offline_access", "consent"), ("api:read", null)])
        {
            var request = client.Request(scope, ("prompt", prompt), ("nonce", null), ("resource", DeclaredStates.Api));
            var tokens = (await client.RedeemAsync(request, (await alice.AuthorizeAsync(request.Url)).Answer.Code!, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
            Assert.Null(tokens["id_token"]);
            (await client.RefreshAsync(tokens["refresh_token"]!, ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        }
    }

    [Fact, Spec("Client ID Metadata Document", "8.5")]
    public async Task The_consent_page_shows_where_the_document_is_and_where_the_answer_goes()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var page = await ConsentAsync(alice, client);
        var text = page.Document!.QuerySelector("main")!.TextContent;
        Assert.Contains($"127.0.0.1:{server.Site.Port}", text, StringComparison.Ordinal);
        Assert.Contains("127.0.0.1:4000", text, StringComparison.Ordinal);
        Assert.Contains("Nobody here has checked this app", text, StringComparison.Ordinal);
        Assert.Contains("Any program here could be using that address", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_picture_of_a_client_that_nobody_checked_is_shown()
    {
        var document = MetadataDocumentServer.Minimal();
        document["logo_uri"] = "https://tracker.example.com/logo.png";
        using var client = server.Server.Client(server.Publish(document));
        using var alice = server.Server.Browser();
        Assert.Empty((await ConsentAsync(alice, client)).Document!.QuerySelectorAll("img"));
    }

    /// <summary>What documents of shipped clients look like: members are missing, others are unknown.</summary>
    [Theory, Check("M3")]
    // Claude Code: calls back on any port of localhost.
    [InlineData("""{"client_name":"Claude Code","redirect_uris":["http://localhost/callback","http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}""", "http://localhost:53211/callback")]
    [InlineData("""{"client_name":"Claude Code","client_uri":"https://claude.ai","redirect_uris":["http://localhost/callback","http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none"}""", "http://127.0.0.1:40001/callback")]
    // VS Code: several addresses, a path of its own, more grants than it is given.
    [InlineData("""{"client_name":"Visual Studio Code","client_uri":"https://vscode.dev","grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],"response_types":["code"],"redirect_uris":["http://127.0.0.1/","http://127.0.0.1:33418/","https://vscode.dev/redirect"],"token_endpoint_auth_method":"none","application_type":"native"}""", "http://127.0.0.1:52345/")]
    [InlineData("""{"client_name":"Visual Studio Code","redirect_uris":["http://127.0.0.1/","http://127.0.0.1:33418/","https://vscode.dev/redirect"],"token_endpoint_auth_method":"none"}""", "https://vscode.dev/redirect")]
    // ChatGPT: leaves out what has a default, and has members that nobody has registered.
    [InlineData("""{"client_name":"ChatGPT","redirect_uris":["https://chatgpt.com/connector/oauth/abc123"],"x-openai":{"connector":true},"mcp_version":"2026-07-28","client_name#de":"ChatGPT","logo_uri":""}""", "https://chatgpt.com/connector/oauth/abc123")]
    // Codex: a fixed path on any port.
    [InlineData("""{"client_name":"Codex","redirect_uris":["http://127.0.0.1/callback","http://localhost/callback"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none","scope":null}""", "http://127.0.0.1:1455/callback")]
    public async Task Documents_of_real_clients_work(string document, string redirectUri)
    {
        var published = server.Publish(JsonNode.Parse(document)!.AsObject()) with { RedirectUri = redirectUri };
        using var client = server.Server.Client(published);
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid offline_access api:read");
        Assert.NotNull(tokens.RefreshToken);
    }

    [Theory, Check("M3")]
    [InlineData("http://localhost:4000/other")]
    [InlineData("http://127.0.0.2:4000/callback")]
    [InlineData("http://evil.example.com/callback")]
    [InlineData("https://127.0.0.1:4000/callback")]
    public async Task Only_the_port_of_a_loopback_address_is_free(string redirectUri)
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()) with { RedirectUri = redirectUri });
        using var alice = server.Server.Browser();
        var stop = await alice.GetAsync(client.Request("openid").Url);
        Assert.False(stop.IsAtClient);
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
    }

    [Theory]
    [InlineData("""{"client_id":"https://other.example.com/client.json","redirect_uris":["http://127.0.0.1/cb"]}""", "another client_id")]
    [InlineData("""{"client_id":null,"redirect_uris":["http://127.0.0.1/cb"]}""", "another client_id")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"client_secret_basic"}""", "token_endpoint_auth_method")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"client_secret_post"}""", "token_endpoint_auth_method")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"token_endpoint_auth_method":"client_secret_jwt"}""", "token_endpoint_auth_method")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"client_secret":"0123456789abcdef"}""", "client_secret")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"client_secret_expires_at":0}""", "client_secret")]
    [InlineData("""{"redirect_uris":["javascript:alert(1)"]}""", "redirect URI")]
    [InlineData("""{"redirect_uris":["data:text/html,x"]}""", "redirect URI")]
    [InlineData("""{"redirect_uris":["http://app.example.com/cb"]}""", "redirect URI")]
    [InlineData("""{"redirect_uris":["https://app.example.com/*"]}""", "redirect URI")]
    [InlineData("""{"redirect_uris":[]}""", "redirect_uris")]
    [InlineData("""{"redirect_uris":[null]}""", "redirect URI")]
    [InlineData("""{}""", "redirect_uris")]
    [InlineData("""{"redirect_uris":"http://127.0.0.1/cb"}""", "wrong type")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"grant_types":["client_credentials"]}""", "grant type")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"response_types":["token"]}""", "response type")]
    [InlineData("""{"redirect_uris":["http://127.0.0.1/cb"],"jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}}""", "private")]
    public async Task A_document_that_is_wrong_is_a_page_that_says_why(string document, string why)
    {
        var published = server.Publish(JsonNode.Parse(document)!.AsObject()) with { RedirectUri = "http://127.0.0.1/cb" };
        await RefusedAsync(published.Id, why);
        using var client = server.Server.Client(published);
        Assert.Contains(why, (await client.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", "x"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized).ErrorDescription, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "object")]
    [InlineData("{", "JSON")]
    [InlineData("", "JSON")]
    [InlineData("""{"client_id":"a","client_id":"b"}""", "twice")]
    [InlineData("""{"client_id":"\ud800"}""", "half a character")]
    [InlineData("""{"a":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}""", "JSON")]
    public async Task What_is_no_document_is_refused(string body, string why)
    {
        var path = server.NewPath();
        await RefusedAsync(server.Site.Put(path, body), why);
    }

    [Theory, Spec("Client ID Metadata Document", "3")]
    [InlineData("#fragment", "fragment")]
    [InlineData("/../client.json", "dot segment")]
    [InlineData("/./client.json", "dot segment")]
    [InlineData("/%2e%2e/client.json", "dot segment")]
    [InlineData("/%2E/client.json", "dot segment")]
    public async Task An_id_that_is_no_plain_url_is_not_fetched(string end, string why)
    {
        var before = server.Site.Asked.Count;
        await RefusedAsync(server.Site.Url("/x" + end), why);
        await RefusedAsync($"http://user:password@127.0.0.1:{server.Site.Port}/client.json", "user information");
        await RefusedAsync($"http://127.0.0.1:{server.Site.Port}", "no path");
        await RefusedAsync(server.Site.Url("/" + new string('a', 300)), "255");
        Assert.Equal(before, server.Site.Asked.Count);
    }

    /// <summary>Wherever a client_id can be sent, nothing inside is asked: not even in development, where only this computer's three plain names are.</summary>
    [Theory, Check("A48")]
    [InlineData("https://10.0.0.1/client.json")]
    [InlineData("https://169.254.169.254/latest/meta-data/")]
    [InlineData("https://[::ffff:10.0.0.1]/client.json")]
    [InlineData("https://0x0a.1/client.json")]
    [InlineData("http://169.254.169.254/client.json")]
    [InlineData("http://2130706433/client.json")]
    [InlineData("http://127.1/client.json")]
    public async Task No_client_id_makes_the_server_ask_inside(string clientId)
    {
        await RefusedAsync(clientId, "");
        using var client = server.Server.Client(new TestClient(clientId, null, TestClient.None, null));
        foreach (var path in (string[])["/token", "/revoke", "/device/code"])
        {
            var answer = await client.PostAsync(path, ("grant_type", "refresh_token"), ("token", "x"), ("scope", "openid"));
            Assert.Contains(answer.Error, (string[])["invalid_client", "temporarily_unavailable"]);
        }
    }

    [Fact, Spec("Client ID Metadata Document", "5.1")]
    public async Task A_document_that_is_not_there_is_a_page_and_never_kept()
    {
        var path = server.NewPath();
        var url = server.Site.Url(path);
        await RefusedAsync(url, "404");
        var document = MetadataDocumentServer.Minimal();
        server.Publish(document, path);
        using var client = server.Server.Client(new TestClient(url, null, TestClient.None, "http://127.0.0.1:4000/callback"));
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");
        Assert.Equal(2, server.Site.Count(path));
    }

    [Fact, Spec("Client ID Metadata Document", "5.2"), Spec("RFC 9111", "4.2")]
    public async Task A_document_is_kept_as_long_as_its_headers_say_within_a_minute_and_a_day()
    {
        foreach (var (cacheControl, minutes) in ((string?, int)[])[("max-age=600", 10), (null, 5), ("no-store", 1), ("max-age=1", 1), ("max-age=31536000", 24 * 60)])
        {
            var path = server.NewPath();
            using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal(), path, cacheControl));
            using var alice = server.Server.Browser();
            await alice.GetAsync(client.Request("openid").Url);
            server.Server.Clock.Advance(TimeSpan.FromMinutes(minutes) - TimeSpan.FromSeconds(1));
            await alice.GetAsync(client.Request("openid").Url);
            Assert.Equal(1, server.Site.Count(path));
            server.Server.Clock.Advance(TimeSpan.FromSeconds(2));
            await alice.GetAsync(client.Request("openid").Url);
            Assert.Equal(2, server.Site.Count(path));
        }
    }

    [Fact]
    public async Task A_thousand_who_come_at_once_cost_one_fetch()
    {
        var path = server.NewPath();
        var published = server.Publish(MetadataDocumentServer.Minimal(), path);
        var answer = server.Site.Paths[path];
        var asked = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        server.Site.Paths[path] = async context =>
        {
            asked.TrySetResult();
            await go.Task;
            await answer(context);
        };
        using var client = server.Server.Client(published);
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        var first = http.GetAsync(client.Request("openid").Url, TestContext.Current.CancellationToken);
        await asked.Task;
        var rest = Enumerable.Range(0, 999).Select(_ => http.GetAsync(client.Request("openid").Url, TestContext.Current.CancellationToken)).ToList();
        go.SetResult();
        foreach (var response in await Task.WhenAll([first, .. rest])) Assert.Equal(HttpStatusCode.Found, response.StatusCode);
        Assert.Equal(1, server.Site.Count(path));
    }

    [Fact, Spec("Client ID Metadata Document", "8.3")]
    public async Task Consent_is_asked_again_when_the_addresses_or_the_keys_change()
    {
        var path = server.NewPath();
        var document = MetadataDocumentServer.Minimal();
        document["redirect_uris"] = new JsonArray("https://app.example.com/cb");
        using var client = server.Server.Client(server.Publish(document, path));
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");
        Assert.True((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);

        // A name may change, and so may the order.
        document["client_name"] = "Another name";
        await ChangeAsync(document, path);
        Assert.True((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);

        document["redirect_uris"] = new JsonArray("https://app.example.com/cb", "https://evil.example.com/cb");
        await ChangeAsync(document, path);
        Assert.False((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);
        await client.SignInAsync(alice, "openid");
        Assert.True((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);

        document["jwks_uri"] = "https://evil.example.com/keys";
        document["token_endpoint_auth_method"] = "none";
        await ChangeAsync(document, path);
        Assert.False((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);
    }

    [Theory, Spec("Client ID Metadata Document", "8.3")]
    [InlineData("jwks")]
    [InlineData("jwks_uri")]
    [InlineData("token_endpoint_auth_method")]
    public async Task Whatever_else_could_prove_to_be_it_is_agreed_to_anew(string member)
    {
        using var another = new TestKey("another");
        var path = server.NewPath();
        var document = MetadataDocumentServer.Minimal();
        document["redirect_uris"] = new JsonArray("https://app.example.com/cb");
        if (member != "jwks_uri") document["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        else document["jwks_uri"] = "https://app.example.com/keys";
        using var client = server.Server.Client(server.Publish(document, path));
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");
        Assert.True((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);

        var changed = document.DeepClone().AsObject();
        changed[member] = member switch
        {
            "jwks" => new JsonObject { ["keys"] = new JsonArray(another.PublicJwk()) },
            "jwks_uri" => "https://evil.example.com/keys",
            _ => "private_key_jwt",
        };
        await ChangeAsync(changed, path);
        Assert.False((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);
        // What it was before is what she agreed to.
        await ChangeAsync(document, path);
        Assert.True((await alice.GetAsync(client.Request("openid").Url)).IsAtClient);
    }

    [Fact]
    public async Task An_operator_ends_what_people_gave_it()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid api:read");
        Assert.False(await StatusOf.IsRevokedAsync(tokens.AccessToken));
        await Administration.RevokeGrantsAsync(client.Client.Id);
        (await client.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        Assert.True(await StatusOf.IsRevokedAsync(tokens.AccessToken));
        // People may agree anew, and nobody ends what nobody gave.
        await client.SignInAsync(alice, "openid");
        await Assert.ThrowsAsync<Latchkey.Server.Admin.AdministrationException>(() => Administration.RevokeGrantsAsync(server.Site.Url("/nobody.json")));
    }

    /// <summary>A code is kept nowhere, so that the client's limit has to end it: whether its grants were ended, it was deleted, or blocked and let in again.</summary>
    [Theory, Spec("RFC 7009", "2.1")]
    [InlineData("revoke"), InlineData("delete"), InlineData("block")]
    public async Task A_code_that_was_given_before_is_dead_and_one_given_after_is_good(string how)
    {
        var document = MetadataDocumentServer.Minimal();
        document["grant_types"] = new JsonArray("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code");
        var published = server.Publish(document);
        using var client = server.Server.Client(published);
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");
        var request = client.Request("openid");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;
        var device = (await client.DeviceAsync("openid")).Expect(HttpStatusCode.OK);
        server.Server.Clock.Advance(TimeSpan.FromSeconds(1));
        if (how == "revoke") await Administration.RevokeGrantsAsync(published.Id);
        if (how is "block") await Administration.BlockAsync(published.Id);
        if (how is "delete" or "block") await Administration.DeleteAsync(published.Id);
        await server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
        if (how != "revoke") Assert.Null(await RowAsync(published.Id));

        (await client.RedeemAsync(request, code)).ExpectError("invalid_grant");
        (await client.PollAsync(device["device_code"]!)).ExpectError("invalid_grant");
        // People may agree anew, and the limit stays while its document is read again.
        var tokens = await client.SignInAsync(alice, "openid");
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        server.Server.Clock.Advance(TimeSpan.FromSeconds(20));
        (await client.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    /// <summary>What an operator declares under the id takes the document's place: without a grant type, it may do nothing any more.</summary>
    [Fact]
    public async Task An_operator_blocks_it_by_declaring_its_id()
    {
        var published = server.Publish(MetadataDocumentServer.Minimal());
        using var client = server.Server.Client(published);
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid api:read");
        var request = client.Request("openid");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;
        server.Server.Clock.Advance(TimeSpan.FromSeconds(1));
        await Administration.CreateAsync(new ClientMetadata { ClientId = published.Id, ClientName = "Blocked", TokenEndpointAuthMethod = "none", GrantTypes = [], ResponseTypes = [] });
        await Administration.RevokeGrantsAsync(published.Id);
        await server.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);

        (await client.RefreshAsync(tokens.RefreshToken!)).ExpectError("unauthorized_client");
        (await client.RedeemAsync(request, code)).ExpectError("unauthorized_client");
        (await client.DeviceAsync("openid")).ExpectError("unauthorized_client");
        (await client.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        Assert.True(await StatusOf.IsRevokedAsync(tokens.AccessToken));
        var page = await alice.GetAsync(client.Request("openid").Url);
        Assert.Equal((false, HttpStatusCode.BadRequest), (page.IsAtClient, page.Status));
    }

    [Fact, Spec("RFC 8252", "8.6")]
    public async Task Who_can_be_imitated_is_asked_about_every_time()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");
        var page = await alice.GetAsync(client.Request("openid").Url);
        Assert.True(page.Has("decision", "allow"), page.ToString());
        Assert.Equal("consent_required", (await SilentAsync(alice, client)).Answer.Error);
    }

    /// <summary>While a host is away, what its document said last is good for a week: nobody is signed out because a site is down. A host that says no is believed.</summary>
    [Fact]
    public async Task A_host_that_is_away_signs_nobody_out_for_a_week()
    {
        var path = server.NewPath();
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal(), path));
        using var alice = server.Server.Browser();
        var refresh = (await client.SignInAsync(alice, "openid")).RefreshToken!;
        server.Site.Put(path, "", status: 503);

        server.Server.Clock.Advance(TimeSpan.FromDays(1));
        refresh = (await client.RefreshAsync(refresh)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        server.Server.Clock.Advance(TimeSpan.FromDays(5));
        refresh = (await client.RefreshAsync(refresh)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        server.Server.Clock.Advance(TimeSpan.FromDays(2));
        // Not invalid_client, for which programs throw their registration away.
        (await client.RefreshAsync(refresh)).ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);

        server.Publish(MetadataDocumentServer.Minimal(), path);
        refresh = (await client.RefreshAsync(refresh)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        server.Site.Put(path, "", status: 410);
        server.Server.Clock.Advance(TimeSpan.FromMinutes(10));
        (await client.RefreshAsync(refresh)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    /// <summary>What a person agreed to is written down, and nothing else: requests leave no row behind.</summary>
    [Fact]
    public async Task Only_what_a_person_agreed_to_is_written_down()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        await ConsentAsync(alice, client);
        Assert.Null(await RowAsync(client.Client.Id));
        await client.SignInAsync(alice, "openid");
        Assert.Equal("Small app", (await RowAsync(client.Client.Id))!.Metadata.ClientName);
        Assert.Contains("Small app", (await alice.GetAsync("/account")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_confidential_client_proves_itself_with_its_key()
    {
        var document = MetadataDocumentServer.Minimal();
        document["token_endpoint_auth_method"] = "private_key_jwt";
        document["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        var published = server.Publish(document);
        using var client = new OAuthClient(server.Server.Issuer, published with { Method = TestClient.PrivateKeyJwt, Key = TestKey.Shared }) { Clock = server.Server.Clock };
        using var alice = server.Server.Browser();
        var tokens = await client.SignInAsync(alice, "openid api:read");
        (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);

        using var thief = server.Server.Client(published);
        (await thief.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Its_keys_may_lie_beside_its_document_but_not_inside_a_network()
    {
        var document = MetadataDocumentServer.Minimal();
        document["token_endpoint_auth_method"] = "private_key_jwt";
        document["jwks_uri"] = server.Site.Put("/keys.json", new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) }.ToJsonString());
        var published = server.Publish(document) with { Method = TestClient.PrivateKeyJwt, Key = TestKey.Shared };
        using var client = new OAuthClient(server.Server.Issuer, published) { Clock = server.Server.Clock };
        using var alice = server.Server.Browser();
        await client.SignInAsync(alice, "openid");

        document["jwks_uri"] = $"http://127.1:{server.Site.Port}/keys.json";
        using var other = new OAuthClient(server.Server.Issuer, server.Publish(document) with { Method = TestClient.PrivateKeyJwt, Key = TestKey.Shared }) { Clock = server.Server.Clock };
        (await other.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", "x"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Equal(1, server.Site.Count("/keys.json"));
    }

    /// <summary>Several libraries always send a secret: a client without one may send an empty one, in both places, encoded or not.</summary>
    [Fact, Check("M5")]
    public async Task An_empty_secret_is_none()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var refresh = (await client.SignInAsync(alice, "openid")).RefreshToken!;
        foreach (var id in (string[])[Uri.EscapeDataString(client.Client.Id), client.Client.Id])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, server.Server.Issuer + "/token")
            {
                Content = new FormUrlEncodedContent([new("grant_type", "refresh_token"), new("refresh_token", refresh)]),
            };
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(id + ":")));
            refresh = (await client.SendAsync(request)).Expect(HttpStatusCode.OK)["refresh_token"]!;
        }

        (await client.RefreshAsync(refresh, ("client_secret", ""))).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_device_may_be_such_a_client()
    {
        using var client = server.Server.Client(server.Publish(new JsonObject
        {
            ["client_name"] = "A device", ["grant_types"] = new JsonArray("urn:ietf:params:oauth:grant-type:device_code", "refresh_token"), ["token_endpoint_auth_method"] = "none",
        }));
        using var alice = server.Server.Browser();
        var codes = (await client.DeviceAsync("openid api:read")).Expect(HttpStatusCode.OK);
        var page = await alice.SignInAsync(await alice.GetAsync(codes["verification_uri_complete"]!));
        await alice.SubmitAsync(page, ("decision", "allow"));
        (await client.PollAsync(codes["device_code"]!)).Expect(HttpStatusCode.OK);
        Assert.NotNull(await RowAsync(client.Client.Id));
    }

    /// <summary>Without scope it may ask for whatever is not restricted; with one it keeps to it.</summary>
    [Fact]
    public async Task It_may_ask_for_what_is_not_restricted()
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        Assert.Equal("openid api:read", (await client.SignInAsync(alice, "openid api:read api:admin")).Scope);

        var document = MetadataDocumentServer.Minimal();
        document["scope"] = "openid api:write api:admin";
        using var narrow = server.Server.Client(server.Publish(document));
        Assert.Equal("openid api:write", (await narrow.SignInAsync(alice, "openid api:read api:write api:admin")).Scope);
    }

    [Fact]
    public async Task It_can_t_set_what_is_an_operator_s_to_set()
    {
        var document = MetadataDocumentServer.Minimal();
        document["redirect_uris"] = new JsonArray("https://app.example.com/cb");
        document["skip_consent"] = true;
        document["require_pkce"] = false;
        document["default_scope"] = "openid";
        document["access_token_lifetime"] = 3600;
        document["refresh_token_rotation"] = "keep";
        document["backchannel_logout_uri"] = "http://127.0.0.1/logout";
        using var client = server.Server.Client(server.Publish(document));
        using var alice = server.Server.Browser();
        Assert.True((await ConsentAsync(alice, client)).Has("decision", "allow"));
        Assert.False((await alice.GetAsync(client.Request("openid", ("code_challenge", null), ("code_challenge_method", null)).Url)).IsAtClient);
        var tokens = await client.SignInAsync(alice, "openid");
        Assert.Equal(900, tokens.Answer.Json.GetProperty("expires_in").GetInt32());
        Assert.NotEqual(tokens.RefreshToken, (await client.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK)["refresh_token"]);
    }

    /// <summary>A link to this server never leads on by itself to a site that anybody made (RFC 9700 section 4.11.2): a page says so first.</summary>
    [Theory, Spec("RFC 9700", "4.11.2"), Check("A49")]
    [InlineData("scope", "nonsense", "invalid_scope")]
    [InlineData("response_type", "token", "unsupported_response_type")]
    [InlineData("prompt", "none", "login_required")]
    [InlineData("code_challenge", null, "invalid_request")]
    public async Task Nobody_is_sent_to_a_strange_client_without_a_word(string name, string? value, string error)
    {
        using var client = server.Server.Client(server.Publish(MetadataDocumentServer.Minimal()));
        using var alice = server.Server.Browser();
        var request = client.Request("openid", (name, value));
        var page = await alice.GetAsync(request.Url);
        Assert.False(page.IsAtClient, page.ToString());
        var link = page.Document!.QuerySelector("a.button.primary")!.GetAttribute("href")!;
        Assert.StartsWith("http://127.0.0.1:4000/callback?", link, StringComparison.Ordinal);
        Assert.Contains($"error={error}", link, StringComparison.Ordinal);
        Assert.Contains($"state={request.State}", link, StringComparison.Ordinal);

        // Who has agreed to it before is sent on as to any client.
        await client.SignInAsync(alice, "openid");
        var again = await alice.GetAsync(client.Request("openid", (name, value), ("code_challenge_method", name == "code_challenge" ? null : "S256")).Url);
        Assert.True(again.IsAtClient, again.ToString());
    }

    [Fact]
    public async Task Who_makes_the_server_ask_in_vain_is_stopped_and_nobody_else()
    {
        await using var site = await DocumentHost.StartAsync();
        await using var other = await InProcessServer.StartAsync(change: options => options with { ClientIdMetadataDocuments = Latchkey.Server.Registration.MetadataDocumentMode.Loopback });
        site.Put("/good.json", new JsonObject { ["client_id"] = site.Url("/good.json"), ["redirect_uris"] = new JsonArray("https://app.example.com/cb") }.ToJsonString());
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 70; i++)
            statuses.Add((await http.GetAsync($"{other.Issuer}/authorize?client_id={Uri.EscapeDataString(site.Url($"/{i}.json"))}", TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.True(site.Asked.Count <= 60, $"{site.Asked.Count} requests were made.");
        other.Clock.Advance(TimeSpan.FromMinutes(2));
        using var client = other.Client(new TestClient(site.Url("/good.json"), null, TestClient.None, "https://app.example.com/cb"));
        using var alice = other.Browser();
        await client.SignInAsync(alice, "openid");
    }

    [Fact]
    public async Task Turned_off_no_url_is_a_client()
    {
        await using var site = await DocumentHost.StartAsync();
        await using var other = await InProcessServer.StartAsync(change: options => options with { ClientIdMetadataDocuments = Latchkey.Server.Registration.MetadataDocumentMode.Off });
        using var client = other.Client(new TestClient(site.Url("/client.json"), null, TestClient.None, "http://127.0.0.1/cb"));
        Assert.False((await client.GetAsync("/.well-known/openid-configuration")).Json.TryGetProperty("client_id_metadata_document_supported", out _));
        (await client.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", "x"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Empty(site.Asked);
    }

    /// <summary>On is the default, and this computer is not the public Internet.</summary>
    [Fact]
    public async Task On_reads_the_public_internet_only()
    {
        await using var site = await DocumentHost.StartAsync();
        await using var other = await InProcessServer.StartAsync();
        using var client = other.Client(new TestClient(site.Url("/client.json"), null, TestClient.None, "http://127.0.0.1/cb"));
        Assert.True((await client.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("client_id_metadata_document_supported").GetBoolean());
        (await client.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", "x"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Empty(site.Asked);
    }

    private Latchkey.Server.Admin.ClientAdministration Administration => new(server.Server.Services.GetRequiredService<Database>(), server.Server.Clock, "cli");

    private async Task RefusedAsync(string clientId, string why)
    {
        // What earlier tests asked for in vain is forgiven.
        server.Server.Clock.Advance(TimeSpan.FromMinutes(2));
        using var alice = server.Server.Browser();
        var page = await alice.GetAsync($"/authorize?response_type=code&client_id={Uri.EscapeDataString(clientId)}&redirect_uri={Uri.EscapeDataString("http://127.0.0.1/cb")}");
        Assert.False(page.IsAtClient);
        Assert.True((int)page.Status is 400 or 503, page.ToString());
        Assert.Contains(why, page.Document!.QuerySelector("details")!.TextContent, StringComparison.Ordinal);
        Assert.Null(await RowAsync(clientId));
    }

    private static async Task<Stop> ConsentAsync(PageWalker person, OAuthClient client)
    {
        var stop = await person.GetAsync(client.Request("openid").Url);
        return stop.Has("password") ? await person.SignInAsync(stop) : stop;
    }

    private static Task<Stop> SilentAsync(PageWalker person, OAuthClient client) => person.GetAsync(client.Request("openid", ("prompt", "none")).Url);

    private async Task ChangeAsync(JsonObject document, string path)
    {
        server.Publish(document, path);
        server.Server.Clock.Advance(TimeSpan.FromMinutes(6));
        await Task.CompletedTask;
    }

    private ValueTask<ClientDocument?> RowAsync(string clientId) =>
        server.Server.Services.GetRequiredService<Database>().ReadAsync(sql => ClientDocuments.FindAsync(sql, clientId));
}
