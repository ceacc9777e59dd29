using System.Net;
using System.Net.Sockets;
using System.Text;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What comes of requests that no endpoint answers, and of those that break.</summary>
public sealed class BoundaryTests(PeopleServer server)
{
    [Theory, Spec("RFC 9110", "15.5.6")]
    [InlineData("GET", "/token", "POST")]
    [InlineData("PUT", "/token", "POST")]
    [InlineData("GET", "/introspect", "POST")]
    [InlineData("GET", "/revoke", "POST")]
    [InlineData("GET", "/device/code", "POST")]
    [InlineData("DELETE", "/userinfo", "GET, HEAD, POST")]
    [InlineData("POST", "/.well-known/jwks.json", "GET, HEAD")]
    [InlineData("POST", "/.well-known/openid-configuration", "GET, HEAD")]
    [InlineData("PUT", "/authorize", "GET, HEAD, POST")]
    [InlineData("DELETE", "/account", "GET, HEAD, POST")]
    [InlineData("DELETE", "/logout", "GET, POST")]
    [InlineData("POST", "/healthz/ready", "GET, HEAD")]
    public async Task A_wrong_method_hears_the_right_ones(string method, string path, string allowed)
    {
        using var client = server.Client(DeclaredStates.Web);
        var answer = (await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), server.Issuer + path))).Expect(HttpStatusCode.MethodNotAllowed);
        Assert.Equal(allowed.Split(", ").Order(), answer.Header("Allow")!.Split(',', StringSplitOptions.TrimEntries).Order());
        Assert.NotEmpty(answer.Body);
    }

    [Theory, Check("M10")]
    [InlineData("/nowhere", "text/html")]
    [InlineData("/login/nowhere", "text/html")]
    [InlineData("/.well-known/nowhere", "application/json")]
    [InlineData("/.well-known/oauth-authorization-server/mcp", "application/json")]
    [InlineData("/.well-known/openid-configuration/mcp", "application/json")]
    [InlineData("/.well-known/oauth-protected-resource", "application/json")]
    [InlineData("/mcp/.well-known/openid-configuration", "text/html")]
    [InlineData("/register", "application/json")]
    [InlineData("/tenant/token", "text/html")]
    [InlineData("/..%2ftoken", "text/html")]
    public async Task What_is_not_there_is_said_in_the_callers_language(string path, string type)
    {
        using var client = server.Client(DeclaredStates.Web);
        var answer = (await client.GetAsync(path)).Expect(HttpStatusCode.NotFound);
        Assert.StartsWith(type, answer.Header("Content-Type"), StringComparison.Ordinal);
        Assert.NotEmpty(answer.Body);
    }

    [Fact]
    public async Task An_error_names_the_request_as_the_audit_does()
    {
        using var client = server.Client(DeclaredStates.Web with { Secret = "wrong" });
        var first = (await client.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized).Header("X-Request-Id");
        var second = (await client.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized).Header("X-Request-Id");
        Assert.NotEqual(first, second);
        await Eventually.HoldsAsync("the audit has both", async () =>
        {
            var audit = (await server.Process.CommandAsync("audit", "list", "--json", "--limit", "1000")).Output;
            return audit.Contains(first!, StringComparison.Ordinal) && audit.Contains(second!, StringComparison.Ordinal);
        });
        var page = await server.Browser().GetAsync(server.Issuer + "/nowhere");
        Assert.Contains(page.Response!.Headers.GetValues("X-Request-Id").Single(), page.Text, StringComparison.Ordinal);
        Assert.Null((await client.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK).Header("X-Request-Id"));
    }

    [Fact, Spec("RFC 6749", "5.2")]
    public async Task A_body_over_64_KiB_is_refused_in_a_sentence()
    {
        using var client = server.Client(DeclaredStates.Web);
        (await client.TokenAsync(("grant_type", "client_credentials"), ("padding", new string('x', 70_000)))).ExpectError("invalid_request", HttpStatusCode.RequestEntityTooLarge);
        var stop = await server.Browser().PostAsync(server.Issuer + "/login", ("username", new string('x', 70_000)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, stop.Status);
        Assert.NotNull(stop.Document);
    }

    [Theory]
    [InlineData("GET /token HTTP/1.1\r\n\r\n")]
    [InlineData("POST /token HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nzz\r\n")]
    [InlineData("NONSENSE\r\n\r\n")]
    public async Task Malformed_http_is_a_400_and_nothing_breaks(string text)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Process.Port, TestContext.Current.CancellationToken);
        await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(text), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(socket.GetStream());
        Assert.StartsWith("HTTP/1.1 400", await reader.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using var client = server.Client(DeclaredStates.Web);
        (await client.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Health_tells_both_probes()
    {
        using var client = server.Client(DeclaredStates.Web);
        foreach (var path in new[] { "/healthz/live", "/healthz/ready" })
        {
            var answer = (await client.GetAsync(path)).Expect(HttpStatusCode.OK);
            Assert.Equal("ok", answer["status"]);
            Assert.Equal("no-store", answer.Header("Cache-Control"));
        }
    }

    [Fact]
    public async Task A_fault_is_a_500_with_the_requests_id_and_nothing_else()
    {
        await using var broken = await InProcessServer.StartAsync();
        using var alice = broken.Browser();
        var database = broken.Services.GetRequiredService<Database>();
        await database.WriteAsync(sql => sql.ExecuteAsync("UPDATE users SET claims = 'no JSON'"));
        var page = await alice.SignInAsync(await alice.GetAsync(broken.Issuer + "/account"));
        Assert.Equal(HttpStatusCode.InternalServerError, page.Status);
        Assert.Contains("Something broke on our side", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", page.Text, StringComparison.Ordinal);
    }
}
