using System.Net;
using System.Text.Json;
using Latchkey.Client;
using Latchkey.Guide.Tests.Twins;
using Latchkey.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Logging;
using Machine = Latchkey.Guide.Tests.Twins.Machine;

namespace Latchkey.Guide.Tests;

/// <summary>The C# beside the guide's examples, run against the real server.</summary>
public sealed class TwinTests
{
    [Fact]
    public async Task The_code_flow_in_two_steps()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, Ready.Web, "openid profile email");
        var session = new Dictionary<string, string>();
        var flow = new CodeFlow(client, session);

        var stop = await authority.Browser("alice").OpenAsync((await flow.GetAuthorizationUrlAsync()).ToString());
        var tokens = await flow.HandleCallbackAsync(stop.Url.Query);

        Assert.Equal("user-alice", tokens.IdToken!.Subject);
        Assert.NotNull(tokens.RefreshToken);
        Assert.Empty(session);
        await Assert.ThrowsAsync<InvalidOperationException>(() => flow.HandleCallbackAsync(stop.Url.Query));
    }

    [Fact]
    public async Task A_service_gets_a_token_and_keeps_it()
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = Listening.Loopback);
        using var client = Client(authority, Ready.Machine, null);
        Assert.NotEmpty(await Machine.GetClientTokenAsync(client));

        await using var api = Api.Create(Builder(), authority.Issuer);
        api.Urls.Add("http://127.0.0.1:0");
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(authority.Clock);
        Machine.AddServiceClient(services, authority.Issuer, Ready.Machine.Secret!);
        services.AddTransient<Machine.Caller>();
        await api.StartAsync();
        await using var provider = services.BuildServiceProvider();
        var before = authority.Requests.Token.Count;
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => provider.GetRequiredService<Machine.ServiceClient>().CallServiceAsync(api.Urls.Single() + "/api/protected")));
        Assert.All(answers, answer => Assert.Equal("Hello, machine", answer));
        Assert.NotEmpty(await provider.GetRequiredService<Machine.Caller>().GetTokenAsync());
        Assert.Equal(before + 1, authority.Requests.Token.Count);
    }

    [Fact]
    public async Task A_terminal_program_waits_for_the_person()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, Ready.Device, null);
        using var console = new StringWriter();
        var waiting = Terminal.StartDeviceFlowAsync(client, console);
        await Eventually.HoldsAsync("the code is printed", () => console.ToString().Contains("enter code: ", StringComparison.Ordinal));
        await authority.ApproveDeviceAsync(console.ToString().Split("enter code: ")[1].Trim());
        // The one pause that it makes.
        authority.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("user-alice", (await waiting.WaitAsync(TimeSpan.FromSeconds(30))).IdToken!.Subject);
    }

    [Fact]
    public async Task A_web_app_greets_by_name_and_renews()
    {
        await using var authority = await TestAuthority.StartAsync();
        var builder = Builder();
        builder.WebHost.UseTestServer(server => server.BaseAddress = new Uri("https://app.test"));
        builder.Services.UseAuthority(authority);
        await using var app = WebApp.Create(builder, authority.Issuer, Ready.Web.Secret!);
        await app.StartAsync();

        var alice = authority.Browser("alice");
        var dashboard = (await alice.FollowAsync(app.GetTestServer(), "/dashboard")).ShouldHaveArrived();
        var json = JsonElement.Parse(dashboard.Body);
        Assert.Equal("Welcome, Alice Example", json.GetProperty("message").GetString());
        Assert.Equal("alice@example.com", json.GetProperty("user").GetProperty("email").GetString());

        authority.Advance(TimeSpan.FromHours(1));
        (await alice.FollowAsync(app.GetTestServer(), "/dashboard")).ShouldHaveArrived();
        Assert.Contains(authority.Requests.Grants("refresh_token"), request => request.Status == 200);
    }

    [Fact]
    public async Task A_mobile_app_signs_in_by_the_systems_browser()
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = Listening.Loopback);
        var alice = authority.Browser("alice");
        var tokens = await Mobile.SignInAsync(authority.Issuer, (address, _) =>
        {
            Task.Run(() => alice.OpenAsync(address.ToString()));
            return Task.CompletedTask;
        });
        Assert.Equal("user-alice", tokens.IdToken!.Subject);
    }

    [Fact]
    public async Task The_API_answers_200_to_a_good_token_and_401_to_the_others()
    {
        await using var authority = await TestAuthority.StartAsync();
        var builder = Builder();
        builder.WebHost.UseTestServer();
        builder.Services.UseAuthority(authority);
        await using var app = Api.Create(builder, authority.Issuer);
        await app.StartAsync();
        using var api = app.GetTestClient();

        Assert.Equal(HttpStatusCode.Unauthorized, (await api.GetAsync("/api/protected")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await api.SendAsync(authority.Token().For("alice").Scope("api:read").Get("/api/protected"))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await api.SendAsync(authority.Token().Scope("api:read").UnknownKey().Get("/api/protected"))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await api.SendAsync(authority.Token().Scope("api:write").Get("/api/protected"))).StatusCode);
    }

    private static LatchkeyClient Client(TestAuthority authority, ReadyClient client, string? scope) => new(
        new LatchkeyClientOptions
        {
            Issuer = authority.Issuer,
            ClientId = client.ClientId,
            Credential = client.Secret is null ? ClientCredential.None : ClientCredential.Secret(client.Secret),
            RedirectUri = client.RedirectUri,
            Scope = scope,
        }, authority.CreateClient(), authority.Clock);

    private static WebApplicationBuilder Builder()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders();
        return builder;
    }
}
