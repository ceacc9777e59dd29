using System.Net;
using System.Text.Json;
using Latchkey.Server.Tests.Device;
using Latchkey.Server.Tests.Logout;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>An issuer with a path: everything lies below it, and only there.</summary>
public sealed class PathBaseTests : IClassFixture<PathBaseTests.Tenant>
{
    private readonly LatchkeyProcess _server;
    private readonly string _origin;

    public PathBaseTests(Tenant tenant)
    {
        _server = tenant.Process;
        _origin = $"http://127.0.0.1:{_server.Port}";
    }

    [Theory, Spec("RFC 8414", "3.1"), Spec("OIDC Discovery", "4.1")]
    [InlineData("/.well-known/openid-configuration/tenant")]
    [InlineData("/.well-known/oauth-authorization-server/tenant")]
    [InlineData("/tenant/.well-known/openid-configuration")]
    [InlineData("/tenant/.well-known/oauth-authorization-server")]
    public async Task The_metadata_is_found_in_both_forms_and_names_only_what_is_below(string path)
    {
        using var client = new OAuthClient(_server.Issuer, DeclaredStates.Web);
        var metadata = (await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, _origin + path))).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(_origin + "/tenant", metadata.GetProperty("issuer").GetString());
        var urls = metadata.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.String && member.Name != "issuer").ToList();
        Assert.True(urls.Count > 6);
        Assert.All(urls, url => Assert.StartsWith(_origin + "/tenant/", url.Value.GetString(), StringComparison.Ordinal));
        (await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, metadata.GetProperty("jwks_uri").GetString()))).Expect(HttpStatusCode.OK);
    }

    [Theory, Spec("RFC 8414", "3.1")]
    [InlineData("/token")]
    [InlineData("/.well-known/openid-configuration")]
    [InlineData("/.well-known/oauth-authorization-server")]
    [InlineData("/.well-known/openid-configuration/other")]
    [InlineData("/tenantish/authorize")]
    [InlineData("/TENANT/authorize")]
    [InlineData("/authorize")]
    [InlineData("/")]
    public async Task Nothing_is_found_elsewhere(string path)
    {
        using var client = new OAuthClient(_server.Issuer, DeclaredStates.Web);
        (await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, _origin + path))).Expect(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_whole_way_stays_below_the_path()
    {
        using var alice = new PageWalker(_server.Issuer);
        using var web = new OAuthClient(_server.Issuer, DeclaredStates.Web);
        var tokens = await web.SignInAsync(alice, "openid profile api:read");
        await Jwt.VerifyAsync(tokens.IdToken!, _server.Issuer, "web", "JWT");
        Assert.Equal(_server.Issuer, (await Jwt.VerifyAsync(tokens.AccessToken, _server.Issuer, DeclaredStates.Api, "at+jwt")).GetProperty("iss").GetString());
        (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);

        using var device = new OAuthClient(_server.Issuer, DeclaredStates.Device);
        var started = await device.StartAsync("openid");
        Assert.StartsWith(_server.Issuer + "/device?", started.Complete, StringComparison.Ordinal);
        await alice.DecideAsync(started);
        (await device.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);

        var account = await alice.GetAsync(_server.Issuer + "/account");
        Assert.Equal(HttpStatusCode.OK, account.Status);
        var links = account.Document!.QuerySelectorAll("[href], [action], [src]").Select(element => element.GetAttribute("href") ?? element.GetAttribute("action") ?? element.GetAttribute("src")!)
            .Where(link => !link.StartsWith('#')).ToList();
        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.StartsWith("/tenant", link, StringComparison.Ordinal));
        foreach (var link in links.Where(link => link.Contains("/assets/", StringComparison.Ordinal)).Distinct())
            Assert.Equal(HttpStatusCode.OK, (await alice.GetAsync(_origin + link)).Status);

        var stop = await alice.LogoutAsync(_server.Issuer, ("id_token_hint", tokens.IdToken), ("post_logout_redirect_uri", "http://127.0.0.1:3000/"));
        Assert.Equal("http://127.0.0.1:3000/", stop.Url.ToString());
        await alice.AssertSignedOutAsync(web);
        Assert.All(alice.Trail, step => Assert.StartsWith(_server.Issuer, step.Url.ToString(), StringComparison.Ordinal));
    }

    [Theory, InlineData("GET"), InlineData("POST")]
    public async Task Sign_out_forms_come_back_below_the_path(string method)
    {
        using var alice = new PageWalker(_server.Issuer);
        using var web = new OAuthClient(_server.Issuer, DeclaredStates.Web);
        await web.SignInAsync(alice, "openid");
        var question = method == "GET" ? await alice.LogoutAsync(_server.Issuer) : await alice.PostAsync(_server.Issuer + "/logout", ("state", "s"));
        (await alice.ConfirmAsync(question.ExpectQuestion())).ExpectSignedOutPage();
        await alice.AssertSignedOutAsync(web);
    }

    /// <summary>The server below a path.</summary>
    public sealed class Tenant : IAsyncLifetime
    {
        private LatchkeyProcess? _process;

        public LatchkeyProcess Process => _process ?? throw new InvalidOperationException("The server has not been started.");

        public async ValueTask InitializeAsync() => _process = await LatchkeyProcess.StartAsync(pathBase: "/tenant");

        public async ValueTask DisposeAsync()
        {
            if (_process is not null) await _process.DisposeAsync();
        }
    }
}
