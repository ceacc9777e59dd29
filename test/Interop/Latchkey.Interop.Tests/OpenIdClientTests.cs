using System.Net;
using System.Text.Json.Nodes;

namespace Latchkey.Interop.Tests;

/// <summary>npm openid-client against the real process.</summary>
public sealed class OpenIdClientTests(InteropServer server)
{
    public static TheoryData<string> CodeClients => ["web", "post", "native", "assertion", "es256", "ps256", "keep"];

    public static TheoryData<string> MachineClients => ["machine", "assertion"];

    [Theory, MemberData(nameof(CodeClients)), Spec("OIDC Core", "3.1"), Spec("OAuth 2.1", "4.1")]
    public async Task Code_flow_userinfo_refresh_introspection_revocation_and_logout(string id)
    {
        var client = Find(id);
        await using var program = Start("code", client);
        using var alice = new PageWalker(server.Issuer);
        await WalkAsync(program, alice);
        var result = await program.FinishAsync();

        var claims = result.GetProperty("claims");
        Assert.Equal(server.Issuer, claims.GetProperty("iss").GetString());
        Assert.Equal(claims.GetProperty("sub").GetString(), result.GetProperty("refreshedIdToken").GetProperty("sub").GetString());
        Assert.Equal("Alice Example", result.GetProperty("user").GetProperty("name").GetString());
        Assert.Equal("alice@example.com", result.GetProperty("refreshedUser").GetProperty("email").GetString());
        Assert.Equal(id, result.GetProperty("access").GetProperty("client_id").GetString());
        Assert.Equal(id != "keep", result.GetProperty("rotated").GetBoolean());
        Assert.Equal("invalid_grant", result.GetProperty("afterRevocation").GetString());
        if (client.Method != TestClient.None)
        {
            Assert.True(result.GetProperty("active").GetProperty("active").GetBoolean());
            Assert.False(result.GetProperty("inactive").GetProperty("active").GetBoolean());
        }

        // The logout URL leads back to the client, or to a page that says so.
        var stop = await alice.GetAsync(result.GetProperty("logout").GetString()!);
        if (stop.Has("decision", "logout")) stop = await alice.SubmitAsync(stop, ("decision", "logout"));
        Assert.True(stop.IsAtClient || stop.Status == HttpStatusCode.OK, stop.ToString());
    }

    [Theory, Spec("RFC 9126", "4"), Spec("RFC 9101", "5"), Spec("JARM", "2.3.4"), Check("A41")]
    [InlineData("par", false, "client_id request_uri")]
    [InlineData("jar", false, "client_id request")]
    [InlineData("jar+par", false, "client_id request_uri")]
    [InlineData("jar+par", true, "client_id request_uri")]
    [InlineData("", true, null)]
    public async Task Requests_are_pushed_and_signed_and_answers_signed(string way, bool signedAnswer, string? shown)
    {
        await using var program = Start("signed", DeclaredStates.Assertion, settings =>
        {
            settings["way"] = way;
            settings["jarm"] = signedAnswer;
        });
        using var alice = new PageWalker(server.Issuer);
        await WalkAsync(program, alice);
        var result = await program.FinishAsync();
        Assert.Equal("Alice Example", result.GetProperty("user").GetProperty("name").GetString());
        if (shown is not null) Assert.Equal(shown.Split(' '), result.GetProperty("shown").EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal));
        var answered = result.GetProperty("answered").EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal);
        Assert.Equal(signedAnswer ? ["response"] : ["code", "iss", "state"], answered);
    }

    [Fact, Spec("RFC 6749", "4.1.2.1")]
    public async Task A_no_reaches_the_client_as_access_denied()
    {
        await using var program = Start("denied", DeclaredStates.Post);
        using var bob = new PageWalker(server.Issuer, DeclaredStates.Bob);
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        var stop = await bob.AuthorizeAsync(url, "deny");
        Assert.True(stop.IsAtClient, stop.ToString());
        await program.WriteAsync(stop.Url.AbsoluteUri);
        Assert.Equal("access_denied", (await program.FinishAsync()).GetProperty("error").GetString());
    }

    [Fact, Spec("OIDC Core", "3.1.2.1")]
    public async Task A_login_that_must_be_fresh_is()
    {
        await using var program = Start("max_age", DeclaredStates.Native);
        using var alice = new PageWalker(server.Issuer);
        await WalkAsync(program, alice);
        Assert.True((await program.FinishAsync()).GetProperty("claims").TryGetProperty("auth_time", out _));
    }

    [Theory, MemberData(nameof(MachineClients)), Spec("RFC 6749", "4.4"), Spec("RFC 7523", "2.2")]
    public async Task Client_credentials(string id)
    {
        await using var program = Start("credentials", Find(id));
        var result = await program.FinishAsync();
        Assert.Equal("api:read", result.GetProperty("tokens").GetProperty("scope").GetString());
        Assert.False(result.GetProperty("tokens").TryGetProperty("refresh_token", out _));
        Assert.Equal(DeclaredStates.Api, result.GetProperty("payload").GetProperty("aud").GetString());
    }

    [Fact, Spec("RFC 8628", "3")]
    public async Task Device_flow()
    {
        await using var program = Start("device", DeclaredStates.Device);
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        using var alice = new PageWalker(server.Issuer);
        await DevicePages.ApproveAsync(alice, url);
        await program.WriteAsync("http://done.example/");
        Assert.Equal("Alice Example", (await program.FinishAsync()).GetProperty("user").GetProperty("name").GetString());
    }

    [Fact, Spec("RFC 8693", "2")]
    public async Task Token_exchange()
    {
        await using var program = Start("exchange", InteropServer.Exchanger, settings => settings["resource"] = DeclaredStates.Api);
        using var alice = new PageWalker(server.Issuer);
        await WalkAsync(program, alice);
        var result = await program.FinishAsync();
        Assert.Equal("urn:ietf:params:oauth:token-type:access_token", result.GetProperty("tokens").GetProperty("issued_token_type").GetString());
        Assert.Equal("api:read", result.GetProperty("payload").GetProperty("scope").GetString());
    }

    [Fact, Spec("CIBA", "7"), Spec("CIBA", "10.1")]
    public async Task Backchannel_authentication()
    {
        await using var program = Start("ciba", InteropServer.Till, settings => settings["login_hint"] = "bob");
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        using var bob = new PageWalker(server.Issuer, DeclaredStates.Bob);
        var page = await bob.SignInAsync(await bob.GetAsync(url));
        Assert.Contains("W4-7Q", page.Text, StringComparison.Ordinal);
        var form = (AngleSharp.Html.Dom.IHtmlFormElement)page.Document!.QuerySelector("form.decide")!;
        await bob.SubmitAsync(page, form, ("decision", "allow"));
        await program.WriteAsync("http://done.example/");
        Assert.Equal("Bob Example", (await program.FinishAsync()).GetProperty("user").GetProperty("name").GetString());
    }

    [Theory, Spec("OIDC Discovery", "4"), Spec("RFC 8414", "3")]
    [InlineData("oidc")]
    [InlineData("oauth2")]
    public async Task Both_kinds_of_discovery(string algorithm)
    {
        await using var program = Start("metadata", DeclaredStates.Web, settings => settings["algorithm"] = algorithm);
        var metadata = await program.FinishAsync();
        Assert.Equal(server.Issuer, metadata.GetProperty("issuer").GetString());
        Assert.Equal(server.Issuer + "/token", metadata.GetProperty("token_endpoint").GetString());
    }

    private static TestClient Find(string id) =>
        new[]
        {
            DeclaredStates.Web, DeclaredStates.Post, DeclaredStates.Native, DeclaredStates.Assertion, DeclaredStates.Es256, DeclaredStates.Ps256,
            DeclaredStates.Keep, DeclaredStates.Machine,
        }.Single(client => client.Id == id);

    private static async Task WalkAsync(NodeProgram program, PageWalker person)
    {
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        var stop = await person.AuthorizeAsync(url);
        Assert.True(stop.IsAtClient, stop.ToString());
        await program.WriteAsync(stop.Url.AbsoluteUri);
    }

    private NodeProgram Start(string scenario, TestClient client, Action<JsonObject>? change = null)
    {
        var settings = new JsonObject
        {
            ["issuer"] = server.Issuer,
            ["client_id"] = client.Id,
            ["client_secret"] = client.Secret,
            ["method"] = client.Method,
            ["redirect_uri"] = client.RedirectUri,
            ["post_logout_redirect_uri"] = client.Id switch { "web" => "http://127.0.0.1:3000/", "post" => "https://post.example.com/bye", _ => null },
            ["metadata"] = new JsonObject
            {
                ["id_token_signed_response_alg"] = client.Id switch { "es256" => "ES256", "ps256" => "PS256", _ => "RS256" },
            },
        };
        if (settings["post_logout_redirect_uri"] is null) settings.Remove("post_logout_redirect_uri");
        if (client.Key is { } key)
        {
            settings["key"] = key.PrivatePem();
            settings["kid"] = key.Id;
        }

        change?.Invoke(settings);
        return NodeProgram.Start("openid-client.mjs", new Dictionary<string, string> { ["SETTINGS"] = settings.ToJsonString() }, scenario);
    }
}
