using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What scripts of other origins may call, and what not.</summary>
[Spec("OAuth 2.1", "3.1"), Check("A15")]
public sealed class CorsTests(PeopleServer server)
{
    private const string Origin = "https://spa.example.com";

    [Theory, Check("M8")]
    [InlineData("GET", "/.well-known/openid-configuration")]
    [InlineData("GET", "/.well-known/oauth-authorization-server")]
    [InlineData("GET", "/.well-known/jwks.json")]
    [InlineData("POST", "/token")]
    [InlineData("GET", "/userinfo")]
    [InlineData("POST", "/userinfo")]
    [InlineData("POST", "/revoke")]
    [InlineData("POST", "/par")]
    [InlineData("POST", "/register")]
    public async Task Endpoints_of_programs_are_open_to_every_origin_without_cookies(string method, string path)
    {
        var preflight = await SendAsync("OPTIONS", path, ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", "authorization,content-type,dpop,mcp-protocol-version"));
        Assert.True(preflight.Status is HttpStatusCode.NoContent or HttpStatusCode.OK, preflight.ToString());
        Assert.Equal("*", preflight.Header("Access-Control-Allow-Origin"));
        Assert.Contains(method, preflight.Header("Access-Control-Allow-Methods"), StringComparison.Ordinal);
        var allowed = preflight.Header("Access-Control-Allow-Headers")!.Split(',', StringSplitOptions.TrimEntries);
        Assert.All(["Authorization", "Content-Type", "DPoP", "MCP-Protocol-Version"], header => Assert.Contains(header, allowed));
        Assert.Null(preflight.Header("Access-Control-Allow-Credentials"));

        var answer = await SendAsync(method, path, ("MCP-Protocol-Version", "2025-11-25"));
        Assert.Equal("*", answer.Header("Access-Control-Allow-Origin"));
        var exposed = answer.Header("Access-Control-Expose-Headers")!.Split(',', StringSplitOptions.TrimEntries);
        Assert.All(["WWW-Authenticate", "DPoP-Nonce", "X-Request-Id"], header => Assert.Contains(header, exposed));
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
    }

    [Theory]
    [InlineData("GET", "/authorize?client_id=spa&response_type=code")]
    [InlineData("GET", "/login")]
    [InlineData("GET", "/consent")]
    [InlineData("GET", "/select-account")]
    [InlineData("GET", "/device")]
    [InlineData("GET", "/logout")]
    [InlineData("GET", "/account")]
    [InlineData("GET", "/")]
    [InlineData("POST", "/login")]
    [InlineData("POST", "/device")]
    [InlineData("POST", "/introspect")]
    [InlineData("POST", "/device/code")]
    public async Task Authorization_and_the_pages_are_open_to_none(string method, string path)
    {
        foreach (var answer in new[] { await SendAsync(method, path), await SendAsync("OPTIONS", path, ("Access-Control-Request-Method", method)) })
            Assert.DoesNotContain(answer.Headers.Keys, header => header.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_script_can_read_errors_too()
    {
        var refused = await SendAsync("GET", "/userinfo", ("Authorization", "Bearer nonsense"));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.Status);
        Assert.Equal("*", refused.Header("Access-Control-Allow-Origin"));
        Assert.Equal("*", (await SendAsync("DELETE", "/token")).Header("Access-Control-Allow-Origin"));
    }

    private async Task<Answer> SendAsync(string method, string path, params (string Name, string Value)[] headers)
    {
        using var client = server.Client(DeclaredStates.Spa);
        var request = new HttpRequestMessage(new HttpMethod(method), server.Issuer + path);
        if (method == "POST") request.Content = new FormUrlEncodedContent([]);
        request.Headers.Add("Origin", Origin);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await client.SendAsync(request);
    }
}
