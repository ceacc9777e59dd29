using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Latchkey.Interop.Tests;

/// <summary>The guide's programs, as printed, by node and Express.</summary>
public sealed class GuideTests(InteropServer server)
{
    [Fact]
    public async Task The_Express_app_signs_in_greets_refreshes_and_takes_a_no()
    {
        await using var app = await StartAppAsync();
        using var alice = new AppBrowser(server.Issuer);

        // Without a session the dashboard leads to sign-in, and back to itself.
        var dashboard = await alice.GetJsonAsync(Url("/dashboard"));
        Assert.Equal("Welcome, Alice Example", dashboard.GetProperty("message").GetString());
        Assert.Equal("alice@example.com", dashboard.GetProperty("user").GetProperty("email").GetString());
        var subject = dashboard.GetProperty("user").GetProperty("sub").GetString();

        // On a 401 it refreshes by itself.
        var before = await alice.GetJsonAsync(Url("/test/tokens"));
        using var client = new OAuthClient(server.Issuer, server.Guide);
        (await client.RevokeAsync(before.GetProperty("access_token").GetString()!)).Expect(HttpStatusCode.OK);
        Assert.Equal(subject, (await alice.GetJsonAsync(Url("/dashboard"))).GetProperty("user").GetProperty("sub").GetString());
        var after = await alice.GetJsonAsync(Url("/test/tokens"));
        Assert.NotEqual(before.GetProperty("access_token").GetString(), after.GetProperty("access_token").GetString());
        Assert.NotEqual(before.GetProperty("refresh_token").GetString(), after.GetProperty("refresh_token").GetString());

        // When the grant is over too, it sends the person to sign in again.
        (await client.RevokeAsync(after.GetProperty("refresh_token").GetString()!)).Expect(HttpStatusCode.OK);
        Assert.Equal("Welcome, Alice Example", (await alice.GetJsonAsync(Url("/dashboard"))).GetProperty("message").GetString());

        using var bob = new AppBrowser(server.Issuer, DeclaredStates.Bob) { Decision = "deny" };
        var (status, text) = await bob.GetAsync(Url("/login"));
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.NotEmpty(JsonElement.Parse(text).GetProperty("error").GetString()!);
    }

    [Theory]
    [InlineData("client")]
    [InlineData("service")]
    public async Task A_service_gets_a_token_that_jose_verifies(string scenario)
    {
        await using var program = NodeProgram.Start("guide-snippets.mjs", Environment(DeclaredStates.Machine), scenario);
        var payload = await program.FinishAsync();
        Assert.Equal("api:read api:write", payload.GetProperty("scope").GetString());
        Assert.Equal(DeclaredStates.Machine.Id, payload.GetProperty("client_id").GetString());
    }

    [Fact]
    public async Task The_functions_of_the_code_flow_get_all_three_tokens()
    {
        var environment = Environment(server.Guide);
        environment["REDIRECT_URI"] = server.Guide.RedirectUri!;
        await using var program = NodeProgram.Start("guide-snippets.mjs", environment, "sign-in");
        using var alice = new PageWalker(server.Issuer);
        var stop = await alice.AuthorizeAsync((await program.ReadAsync()).GetProperty("url").GetString()!);
        await program.WriteAsync(JsonSerializer.Serialize(new Dictionary<string, string?> { ["code"] = stop.Answer.Code, ["state"] = stop.Answer.State }));
        var tokens = await program.FinishAsync();
        Assert.All(["access_token", "refresh_token", "id_token"], name => Assert.NotEmpty(tokens.GetProperty(name).GetString()!));
    }

    [Fact]
    public async Task The_token_cache_asks_once()
    {
        await using var program = NodeProgram.Start("guide-snippets.mjs", Environment(DeclaredStates.Machine), "cache");
        var done = await program.FinishAsync();
        Assert.True(done.GetProperty("same").GetBoolean());
        Assert.Equal(1, done.GetProperty("fetched").GetInt32());
    }

    [Fact]
    public async Task The_terminal_program_waits_for_the_person()
    {
        await using var program = NodeProgram.Start("guide-snippets.mjs", Environment(DeclaredStates.Device), "device");
        var started = await program.ReadAsync();
        using var alice = new PageWalker(server.Issuer);
        await DevicePages.ApproveAsync(alice, started.GetProperty("verification_uri").GetString()!, started.GetProperty("user_code").GetString()!);
        var tokens = await program.FinishAsync();
        Assert.NotEmpty(tokens.GetProperty("access_token").GetString()!);
        Assert.Equal("Alice Example", await NameAsync(tokens.GetProperty("access_token").GetString()!));
    }

    private async Task<string?> NameAsync(string accessToken)
    {
        using var client = new OAuthClient(server.Issuer, DeclaredStates.Device);
        return (await client.UserInfoAsync(accessToken)).Expect(HttpStatusCode.OK)["name"];
    }

    private Dictionary<string, string> Environment(TestClient client) => new()
    {
        ["AUTH_SERVER"] = server.Issuer,
        ["CLIENT_ID"] = client.Id,
        ["CLIENT_SECRET"] = client.Secret ?? "",
        ["AUDIENCE"] = DeclaredStates.Api,
    };

    private string Url(string path) => $"http://localhost:{server.GuidePort.ToString(CultureInfo.InvariantCulture)}{path}";

    private async Task<NodeProgram> StartAppAsync()
    {
        var environment = Environment(server.Guide);
        environment["REDIRECT_URI"] = server.Guide.RedirectUri!;
        environment["PORT"] = server.GuidePort.ToString(CultureInfo.InvariantCulture);
        var app = NodeProgram.Start("guide-app.mjs", environment);
        await app.ReadAsync();
        return app;
    }
}
