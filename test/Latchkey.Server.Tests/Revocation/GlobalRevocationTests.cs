using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Logout;

namespace Latchkey.Server.Tests.Revocation;

/// <summary>A server with a security tool that may end people's access.</summary>
public sealed class GuardedServer : ClockedServer
{
    public static readonly TestClient Soc = new("soc", "soc-secret-0123456789abcdefghijk", TestClient.Basic, null);

    public LogoutReceiver Receiver { get; } = LogoutReceiver.StartAsync().GetAwaiter().GetResult();

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Add(Soc, client =>
        {
            client["grant_types"] = new JsonArray("client_credentials");
            client["scope"] = "api:read";
            client["global_token_revocation"] = true;
        });
        state.Client(DeclaredStates.Web)["backchannel_logout_uri"] = Receiver.Url("web");
        state["users"]!.AsArray().Add(new JsonObject { ["username"] = "carol", ["password"] = "a long passphrase of carol", ["email"] = "Carol+x@Example.com" });
        return state;
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Receiver.DisposeAsync();
    }
}

/// <summary>Global Token Revocation (draft-parecki-oauth-global-token-revocation).</summary>
public sealed class GlobalRevocationTests(GuardedServer server) : IClassFixture<GuardedServer>
{
    [Theory, InlineData("iss_sub"), InlineData("opaque"), InlineData("email")]
    [Spec("draft-parecki-oauth-global-token-revocation", "3"), Spec("RFC 9493", "3.2")]
    public async Task Everything_of_the_person_ends_and_the_apps_are_told(string format)
    {
        var carol = new Person("carol", "a long passphrase of carol");
        using var browser = server.Server.Browser(carol);
        using var web = server.Client(DeclaredStates.Web);
        var tokens = await web.SignInAsync(browser, "openid offline_access api:read");
        var subject = Jwt.Claims(tokens.IdToken!).GetProperty("sub").GetString()!;
        var before = server.Receiver.For("web").Count;
        var id = format switch
        {
            "iss_sub" => new JsonObject { ["format"] = format, ["iss"] = server.Issuer, ["sub"] = subject },
            "opaque" => new JsonObject { ["format"] = format, ["id"] = subject },
            _ => new JsonObject { ["format"] = format, ["email"] = "carol+X@example.com" },
        };
        var answer = await SendAsync(id);
        Assert.Equal((HttpStatusCode.NoContent, ""), (answer.Status, answer.Body));
        (await web.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.Unauthorized);
        Assert.True((await browser.GetAsync(server.Issuer + "/account")).Has("password"));
        await server.Receiver.WaitAsync("web", before + 1);
        Assert.Contains(await server.AuditAsync("user.access_ended"), entry => entry.Subject == subject && entry.ClientId == "soc");
        // The account stays open.
        await web.SignInAsync(browser, "openid");
    }

    public static TheoryData<string, HttpStatusCode> Wrong => new()
    {
        { """{"sub_id":{"format":"opaque","id":"nobody"}}""", HttpStatusCode.NotFound },
        { """{"sub_id":{"format":"email","email":"nobody@example.com"}}""", HttpStatusCode.NotFound },
        { """{"sub_id":{"format":"email","email":"%@example.com"}}""", HttpStatusCode.NotFound },
        { """{"sub_id":{"format":"email","email":"_arol+x@example.com"}}""", HttpStatusCode.NotFound },
        { """{"sub_id":{"format":"iss_sub","iss":"https://other.example.com","sub":"x"}}""", HttpStatusCode.BadRequest },
        { """{"sub_id":{"format":"iss_sub","sub":"x"}}""", HttpStatusCode.BadRequest },
        { """{"sub_id":{"format":"phone_number","phone_number":"+1"}}""", HttpStatusCode.BadRequest },
        { """{"sub_id":{"format":"opaque","id":5}}""", HttpStatusCode.BadRequest },
        { """{"sub_id":"x"}""", HttpStatusCode.BadRequest },
        { "{}", HttpStatusCode.BadRequest },
        { "[]", HttpStatusCode.BadRequest },
        { "", HttpStatusCode.BadRequest },
        { "{", HttpStatusCode.BadRequest },
    };

    [Theory, MemberData(nameof(Wrong)), Spec("draft-parecki-oauth-global-token-revocation", "3"), Spec("RFC 9493", "3")]
    public async Task What_names_nobody_ends_nothing(string body, HttpStatusCode status)
    {
        var before = await server.FingerprintAsync();
        Assert.Equal("invalid_request", (await SendAsync(body)).Expect(status).Error);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("draft-parecki-oauth-global-token-revocation", "4")]
    public async Task Only_a_client_that_is_declared_for_it_may()
    {
        var id = """{"sub_id":{"format":"email","email":"bob@example.com"}}""";
        (await SendAsync(id, null)).Expect(HttpStatusCode.Unauthorized);
        (await SendAsync(id, OAuthClient.BasicHeader("web", DeclaredStates.Web.Secret!))).ExpectError("unauthorized_client", HttpStatusCode.Forbidden);
        (await SendAsync(id, OAuthClient.BasicHeader("soc", "another-secret-0123456789"))).Expect(HttpStatusCode.Unauthorized);
        (await SendAsync(id, OAuthClient.BasicHeader("spa", ""))).Expect(HttpStatusCode.Unauthorized);
        // A token that the client shows an API is none for here.
        using var soc = server.Client(GuardedServer.Soc);
        var token = (await soc.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.Contains("invalid_token", (await SendAsync(id, new AuthenticationHeaderValue("Bearer", token))).Expect(HttpStatusCode.Unauthorized).Header("WWW-Authenticate"), StringComparison.Ordinal);
        var metadata = (await soc.GetAsync("/.well-known/oauth-authorization-server")).Expect(HttpStatusCode.OK);
        Assert.Equal(server.Issuer + "/global-token-revocation", metadata["global_token_revocation_endpoint"]);
    }

    private Task<Answer> SendAsync(JsonObject id) => SendAsync(new JsonObject { ["sub_id"] = id }.ToJsonString());

    private Task<Answer> SendAsync(string body) => SendAsync(body, OAuthClient.BasicHeader("soc", GuardedServer.Soc.Secret!));

    private async Task<Answer> SendAsync(string body, AuthenticationHeaderValue? authorization)
    {
        using var client = server.Client(GuardedServer.Soc);
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/global-token-revocation") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Authorization = authorization;
        return await client.SendAsync(request);
    }
}
