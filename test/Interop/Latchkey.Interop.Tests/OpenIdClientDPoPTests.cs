using System.Text.Json.Nodes;

namespace Latchkey.Interop.Tests;

/// <summary>npm openid-client binds its tokens to a key: against a server that asks for nonces and one that does not.</summary>
[Spec("RFC 9449", "5"), Spec("RFC 9449", "7"), Spec("RFC 9449", "8"), Spec("RFC 9449", "10"), Check("A39"), Check("A40")]
public sealed class OpenIdClientDPoPTests(OpenIdClientDPoPTests.Servers servers) : IClassFixture<OpenIdClientDPoPTests.Servers>
{
    [Theory]
    [InlineData("spa", "ES256", false), InlineData("spa", "ES256", true), InlineData("web", "PS256", true), InlineData("assertion", "RS256", true), InlineData("spa", "Ed25519", true)]
    public async Task Code_refresh_and_userinfo(string id, string algorithm, bool nonces)
    {
        var client = new[] { DeclaredStates.Spa, DeclaredStates.Web, DeclaredStates.Assertion }.Single(candidate => candidate.Id == id);
        var server = servers.Get(nonces);
        await using var program = Start(server, "dpop", client, algorithm);
        using var alice = new PageWalker(server.Issuer);
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        var stop = await alice.AuthorizeAsync(url);
        Assert.True(stop.IsAtClient, stop.ToString());
        await program.WriteAsync(stop.Url.AbsoluteUri);
        var result = await program.FinishAsync();

        Assert.Equal("dpop", result.GetProperty("type").GetString(), ignoreCase: true);
        Assert.Equal(result.GetProperty("thumbprint").GetString(), result.GetProperty("access").GetProperty("cnf").GetProperty("jkt").GetString());
        Assert.Equal("Alice Example", result.GetProperty("user").GetProperty("name").GetString());
        Assert.Equal("Alice Example", result.GetProperty("again").GetProperty("name").GetString());
        Assert.Equal("401", result.GetProperty("asBearer").ToString());
        // A public client's refresh token is bound to the key, a confidential one's is not.
        Assert.Equal(client.Method == TestClient.None ? "invalid_grant" : "taken", result.GetProperty("otherKey").GetString());
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Client_credentials(bool nonces)
    {
        await using var program = Start(servers.Get(nonces), "credentials", DeclaredStates.Assertion, "ES256");
        var result = await program.FinishAsync();
        Assert.Equal("dpop", result.GetProperty("tokens").GetProperty("token_type").GetString(), ignoreCase: true);
        Assert.True(result.GetProperty("payload").GetProperty("cnf").TryGetProperty("jkt", out _));
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Device_flow(bool nonces)
    {
        var server = servers.Get(nonces);
        await using var program = Start(server, "device", DeclaredStates.Device, "ES256");
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        using var alice = new PageWalker(server.Issuer);
        await DevicePages.ApproveAsync(alice, url);
        await program.WriteAsync("http://done.example/");
        var result = await program.FinishAsync();
        Assert.Equal("dpop", result.GetProperty("type").GetString(), ignoreCase: true);
        Assert.Equal("Alice Example", result.GetProperty("user").GetProperty("name").GetString());
    }

    private static NodeProgram Start(LatchkeyProcess server, string scenario, TestClient client, string algorithm)
    {
        var settings = new JsonObject
        {
            ["issuer"] = server.Issuer,
            ["client_id"] = client.Id,
            ["client_secret"] = client.Secret,
            ["method"] = client.Method,
            ["redirect_uri"] = client.RedirectUri,
            ["metadata"] = new JsonObject(),
            ["dpop"] = algorithm,
        };
        if (client.Key is { } key)
        {
            settings["key"] = key.PrivatePem();
            settings["kid"] = key.Id;
        }

        return NodeProgram.Start("openid-client.mjs", new Dictionary<string, string> { ["SETTINGS"] = settings.ToJsonString() }, scenario);
    }

    /// <summary>One server that asks for nonces, and one that does not.</summary>
    public sealed class Servers : IAsyncLifetime
    {
        private LatchkeyProcess? _without;
        private LatchkeyProcess? _with;

        public LatchkeyProcess Get(bool nonces) => (nonces ? _with : _without) ?? throw new InvalidOperationException("The server has not been started.");

        public async ValueTask InitializeAsync()
        {
            _without = await LatchkeyProcess.StartAsync();
            _with = await LatchkeyProcess.StartAsync(arguments: ["--dpop-nonce", "required"]);
        }

        public async ValueTask DisposeAsync()
        {
            if (_without is not null) await _without.DisposeAsync();
            if (_with is not null) await _with.DisposeAsync();
        }
    }
}
