using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;

namespace Latchkey.Testing.Tests;

public sealed class TestAuthorityTests
{
    [Theory]
    [InlineData(Listening.InMemory)]
    [InlineData(Listening.Loopback)]
    public async Task It_is_the_real_server_under_one_issuer(Listening listening)
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = listening);
        using var http = authority.CreateClient();
        var metadata = await http.GetFromJsonAsync<JsonElement>(".well-known/openid-configuration");
        Assert.Equal(authority.Issuer, metadata.GetProperty("issuer").GetString());
        Assert.StartsWith(listening == Listening.InMemory ? "https://authority.test" : "http://127.0.0.1:", authority.Issuer, StringComparison.Ordinal);
        Assert.StartsWith(authority.Issuer, metadata.GetProperty("token_endpoint").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ready_service_gets_a_token_that_the_servers_own_introspection_knows()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var machine = new OAuthProbe(authority, Ready.Machine);
        var token = await machine.TokenAsync(("grant_type", "client_credentials"), ("scope", "api:read"));
        using var api = new OAuthProbe(authority, Ready.ApiServer);
        var answer = await api.PostAsync("introspect", ("token", token.GetProperty("access_token").GetString()!));
        Assert.True(answer.GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task A_minted_token_is_one_of_the_server()
    {
        await using var authority = await TestAuthority.StartAsync();
        string token = authority.Token().For("alice").Scope("api:read").Audience(Ready.Api);
        using var api = new OAuthProbe(authority, Ready.ApiServer);
        var answer = await api.PostAsync("introspect", ("token", token));
        Assert.True(answer.GetProperty("active").GetBoolean());
        Assert.Equal(Ready.Alice.Subject, answer.GetProperty("sub").GetString());
        Assert.Equal("api:read", answer.GetProperty("scope").GetString());
    }

    [Fact]
    public async Task The_clock_expires_tokens()
    {
        await using var authority = await TestAuthority.StartAsync();
        string token = authority.Token().Scope("api:read");
        authority.Advance(TimeSpan.FromMinutes(15));
        using var api = new OAuthProbe(authority, Ready.ApiServer);
        Assert.False((await api.PostAsync("introspect", ("token", token))).GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task Later_starts_take_milliseconds()
    {
        await (await TestAuthority.StartAsync()).DisposeAsync();
        var fastest = TimeSpan.MaxValue;
        for (var i = 0; i < 5; i++)
        {
            var watch = Stopwatch.StartNew();
            await using var authority = await TestAuthority.StartAsync();
            if (watch.Elapsed < fastest) fastest = watch.Elapsed;
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"start: {fastest.TotalMilliseconds:f1} ms");
        Assert.True(fastest < TimeSpan.FromMilliseconds(100), $"The fastest of five starts took {fastest.TotalMilliseconds:f0} ms.");
    }

    [Fact]
    public async Task Authorities_that_live_together_have_their_own_keys()
    {
        var authorities = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => TestAuthority.StartAsync()));
        var keys = new List<string>();
        foreach (var authority in authorities)
        {
            using var http = authority.CreateClient();
            var jwks = await http.GetFromJsonAsync<JsonElement>(".well-known/jwks.json");
            keys.AddRange(jwks.GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!));
        }

        Assert.Equal(6 * 6, keys.Count);
        Assert.Equal(keys.Count, keys.Distinct().Count());
        foreach (var authority in authorities) await authority.DisposeAsync();
    }

    [Fact]
    public async Task It_can_be_started_without_waiting_asynchronously()
    {
        using var authority = TestAuthority.Start(o => o.Issuer = "https://id.example.com/tenant");
        using var http = authority.CreateClient();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(".well-known/jwks.json")).StatusCode);
        Assert.Equal("https://id.example.com/tenant", authority.Issuer);
    }

    [Fact]
    public async Task A_test_adds_what_it_needs()
    {
        await using var authority = await TestAuthority.StartAsync(o => o
            .AddResource("https://orders.test", "orders:read")
            .AddClient(new ClientMetadata { ClientId = "mine", GrantTypes = ["client_credentials"], ResponseTypes = [], Scope = "orders:read" }, "a-secret-of-my-own"));
        using var mine = new OAuthProbe(authority, new ReadyClient("mine", "a-secret-of-my-own", null));
        Assert.Equal("orders:read", (await mine.TokenAsync(("grant_type", "client_credentials"))).GetProperty("scope").GetString());

        await authority.AddClientAsync(new ClientMetadata { ClientId = "later", GrantTypes = ["client_credentials"], ResponseTypes = [], Scope = "orders:read" }, "another-secret-of-mine");
        using var later = new OAuthProbe(authority, new ReadyClient("later", "another-secret-of-mine", null));
        Assert.Equal("orders:read", (await later.TokenAsync(("grant_type", "client_credentials"))).GetProperty("scope").GetString());
    }

    [Fact]
    public async Task What_breaks_a_rule_is_said_at_the_start()
    {
        var refusal = await Assert.ThrowsAsync<AdministrationException>(() => TestAuthority.StartAsync(o => o.AddClient(new ClientMetadata { ClientId = "x" }, "short")));
        Assert.Contains("client x", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_leaves_nothing_behind()
    {
        var authority = await TestAuthority.StartAsync();
        Assert.True(Directory.Exists(authority.Folder));
        await authority.DisposeAsync();
        Assert.False(Directory.Exists(authority.Folder));
    }

    [Fact]
    public async Task It_starts_at_any_time()
    {
        await using var authority = await TestAuthority.StartAsync(o => o.StartTime = DateTimeOffset.UnixEpoch.AddYears(40));
        using var machine = new OAuthProbe(authority, Ready.Machine);
        var token = await machine.TokenAsync(("grant_type", "client_credentials"), ("scope", "api:read"));
        Assert.Equal(authority.Clock.GetUtcNow().ToUnixTimeSeconds(), Jwt.Claims(token.GetProperty("access_token").GetString()!).GetProperty("iat").GetInt64());
    }
}
