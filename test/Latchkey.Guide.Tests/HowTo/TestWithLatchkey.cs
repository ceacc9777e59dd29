using Latchkey.Testing;
using Microsoft.AspNetCore.Mvc.Testing;
using System.Net;
using Latchkey.Protocol.Messages;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Logging;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/test-with-latchkey.md; the theory is run as it stands there.</summary>
public sealed class TestWithLatchkey : IAsyncLifetime
{
    private readonly TestAuthority authority = TestAuthority.Start();
    private WebApplication? _api;
    private HttpClient client = null!;

    public static IEnumerable<object[]> Bad => NegativeTokens.All("https://api.example.com").Rows;

    [Theory, MemberData(nameof(Bad))]
    public async Task Is_refused(NegativeToken token)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/things") { Headers = { Authorization = new("Bearer", token.Create(authority)) } };
        NegativeTokens.ShouldBeRefused(token, await client.SendAsync(request));
    }

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options => (options.Issuer, options.Resource) = ("https://id.example.com", "https://api.example.com"));
        builder.Services.UseAuthority(authority);
        _api = builder.Build();
        _api.MapGet("/things", () => "things").RequireScope("api:read");
        await _api.StartAsync();
        client = _api.GetTestClient();
    }

    public async ValueTask DisposeAsync()
    {
        if (_api is not null) await _api.DisposeAsync();
        await authority.DisposeAsync();
    }

    internal static async Task<HttpStatusCode> AnApiAsync()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = new WebApplicationFactory<Program>().UseAuthority(authority);
        var answer = await app.CreateClient().SendAsync(authority.Token().For("alice").Scope("api:read").Audience("https://api.example.com").Get("/things"));
        return answer.StatusCode;
    }

    internal static async Task AWebAppAsync(WebApplicationFactory<Program> app, TestAuthority authority)
    {
        var stop = await authority.Browser("alice").FollowAsync(app.CreateClient(), "/login");   // signs in, allows, comes back
        stop.ShouldHaveArrived();
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce();
    }

    internal static async Task MaliceAsync(TestAuthority authority)
    {
        authority.Advance(TimeSpan.FromMinutes(16));                                             // for the authority and the app alike
        authority.Faults.NextToken(AuthorityFault.TooManyRequests(TimeSpan.FromSeconds(3)));     // also Hang, Slow, Html, LargeBody, LostAnswer, UseDPoPNonce …
        await authority.RotateKeysAsync();                                                       // DropJwks, RevokeEverythingAsync
        authority.Rogue.IssuerInCallback("https://evil.example");                                // IdToken(token => token.AlgNone()), MixUp(honest), EndlessSlowDown …
        authority.Requests.ShouldHaveAskedForTokens(1);                                          // a single flight
    }

    [Fact]
    public async Task Clients_APIs_and_people_of_ones_own_are_known()
    {
        await using var authority = await TestAuthority.StartAsync(o => o
            .AddClient(new ClientMetadata { ClientId = "shop", RedirectUris = ["https://shop.test/callback"], Scope = "openid orders:read" }, "shop-secret-0123456789")
            .AddResource("https://orders.test", "orders:read")
            .AddUser(new ReadyUser("carol", "a long passphrase")));
        var account = await authority.Browser("carol").OpenAsync(authority.Issuer + "/account");
        Assert.Equal(HttpStatusCode.OK, account.ShouldHaveArrived().Status);
        Assert.Contains("carol", account.Body, StringComparison.Ordinal);
    }

    /// <summary>The app under test.</summary>
    internal sealed class Program;
}
