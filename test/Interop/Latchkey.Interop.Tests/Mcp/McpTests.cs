using System.Diagnostics;
using System.Net;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Latchkey.Interop.Tests.Mcp;

/// <summary>The official MCP clients sign in with no code beyond their own, in each of the three ways to be known.</summary>
[Spec("MCP", "authorization")]
public sealed class McpTests(McpSite site)
{
    private const string Redirect = "http://localhost:{0}/callback";

    [Theory, Check("M15"), Check("M16")]
    [InlineData("client", "document")]
    [InlineData("client", "registration")]
    [InlineData("client", "known")]
    [InlineData("sdk", "document")]
    [InlineData("sdk", "registration")]
    [InlineData("sdk", "known")]
    public async Task The_typescript_clients_sign_in(string library, string way)
    {
        await using var program = NodeProgram.Start(
            "mcp-client.mjs",
            new Dictionary<string, string> { ["MCP_URL"] = site.Url, ["REDIRECT_URI"] = NewRedirect(), ["CLIENT_ID"] = McpSite.Known.Id, ["METADATA_URL"] = site.MetadataUrl },
            library, way);
        using var alice = new PageWalker(site.Issuer);
        var url = (await program.ReadAsync()).GetProperty("open").GetString()!;
        var stop = await alice.AuthorizeAsync(url);
        Assert.True(stop.IsAtClient, stop.ToString());
        await program.WriteAsync(stop.Url.AbsoluteUri);
        var done = await program.FinishAsync();

        Assert.Equal(["add_note", "list_notes", "whoami"], done.GetProperty("tools").EnumerateArray().Select(tool => tool.GetString()).Order());
        Assert.Contains("buy milk", done.GetProperty("notes").GetString(), StringComparison.Ordinal);
        var clientId = done.GetProperty("clientId").GetString()!;
        Assert.EndsWith($"through {clientId}", done.GetProperty("whoami").GetString(), StringComparison.Ordinal);
        AssertKind(clientId, way);
        Assert.Contains("mcp:tools", done.GetProperty("scope").GetString(), StringComparison.Ordinal);
        Assert.True(done.GetProperty("refreshed").GetBoolean());
        Assert.True(done.GetProperty("rotated").GetBoolean());
        // The resource is sent as the MCP server writes it (RFC 8707).
        Assert.Contains("resource=" + Uri.EscapeDataString(site.Url), done.GetProperty("authorizationUrl").GetString(), StringComparison.Ordinal);
    }

    [Theory, Check("M16")]
    [InlineData("document")]
    [InlineData("registration")]
    [InlineData("known")]
    public async Task The_dotnet_client_signs_in(string way)
    {
        using var alice = new PageWalker(site.Issuer);
        string? clientId = null;
        var options = new ClientOAuthOptions
        {
            RedirectUri = new Uri(NewRedirect()),
            ClientId = way == "known" ? McpSite.Known.Id : null,
            ClientMetadataDocumentUri = way == "document" ? new Uri(site.MetadataUrl) : null,
            DynamicClientRegistration = way == "registration" ? new DynamicClientRegistrationOptions { ClientName = "C# app" } : null,
            AuthorizationCallbackHandler = async (context, _) =>
            {
                clientId = System.Web.HttpUtility.ParseQueryString(context.AuthorizationUri.Query)["client_id"];
                var stop = await alice.AuthorizeAsync(context.AuthorizationUri.AbsoluteUri);
                Assert.True(stop.IsAtClient, stop.ToString());
                return new AuthorizationResult { Code = stop.Answer.Code, State = stop.Answer.State, Iss = stop.Answer.Issuer };
            },
        };
        await using var transport = new HttpClientTransport(new HttpClientTransportOptions { Endpoint = new Uri(site.Url), OAuth = options });
        await using var client = await McpClient.CreateAsync(transport, cancellationToken: TestContext.Current.CancellationToken);
        var tools = await client.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains(tools, tool => tool.Name == "whoami");
        var answer = await client.CallToolAsync("whoami", cancellationToken: TestContext.Current.CancellationToken);
        Assert.EndsWith($"through {clientId}", answer.Content.OfType<TextContentBlock>().Single().Text, StringComparison.Ordinal);
        AssertKind(clientId!, way);
    }

    /// <summary>Who has no token is told where to get one, and for what, in one Bearer challenge that comes first (RFC 9728 section 5.1).</summary>
    [Fact, Check("M9"), Check("M12"), Spec("RFC 9728", "5.1")]
    public async Task The_mcp_server_says_where_tokens_are_had()
    {
        using var http = new HttpClient();
        using var answer = await http.PostAsync(site.Url, null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        var challenge = answer.Headers.GetValues("WWW-Authenticate").First();
        Assert.StartsWith("Bearer ", challenge, StringComparison.Ordinal);
        Assert.Contains("resource_metadata=\"", challenge, StringComparison.Ordinal);
        Assert.Contains("scope=\"mcp:tools\"", challenge, StringComparison.Ordinal);
        var origin = new Uri(site.Url).GetLeftPart(UriPartial.Authority);
        var metadata = System.Text.Json.JsonElement.Parse(await http.GetStringAsync(origin + "/.well-known/oauth-protected-resource/mcp", TestContext.Current.CancellationToken));
        Assert.Equal(site.Url, metadata.GetProperty("resource").GetString());
        Assert.Equal([site.Issuer], metadata.GetProperty("authorization_servers").EnumerateArray().Select(issuer => issuer.GetString()));
        Assert.DoesNotContain("offline_access", metadata.GetProperty("scopes_supported").GetRawText(), StringComparison.Ordinal);
    }

    /// <summary>Clients compare the issuer character by character, in each place that names it.</summary>
    [Fact, Spec("RFC 9207", "2.4"), Spec("RFC 8414", "3.3"), Check("M11")]
    public async Task The_issuer_is_one_string_everywhere()
    {
        using var http = new HttpClient();
        using var alice = new PageWalker(site.Issuer);
        using var app = new OAuthClient(site.Issuer, McpSite.Known with { RedirectUri = NewRedirect() });
        var origin = new Uri(site.Url).GetLeftPart(UriPartial.Authority);
        var resource = System.Text.Json.JsonElement.Parse(await http.GetStringAsync(origin + "/.well-known/oauth-protected-resource/mcp", TestContext.Current.CancellationToken));
        var issuer = resource.GetProperty("authorization_servers")[0].GetString()!;
        foreach (var path in (string[])["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
            Assert.Equal(issuer, (await app.GetAsync(path)).Expect(HttpStatusCode.OK)["issuer"]);
        var request = app.Request("openid mcp:tools", ("resource", site.Url));
        var stop = await alice.AuthorizeAsync(request.Url);
        Assert.Equal(issuer, stop.Answer.Issuer);
        var tokens = (await app.RedeemAsync(request, stop.Answer.Code!, ("resource", site.Url))).Expect(HttpStatusCode.OK);
        foreach (var name in (string[])["access_token", "id_token"]) Assert.Equal(issuer, Jwt.Claims(tokens[name]!).GetProperty("iss").GetString());
        Assert.Equal(issuer, (await alice.GetAsync(app.Request("openid", ("resource", "https://nowhere.example.com")).Url)).Answer.Issuer);
    }

    /// <summary>The conformance program's tests of authorization servers, with a person who signs in.</summary>
    [Fact, Check("M16")]
    public async Task The_conformance_program_is_content()
    {
        var folder = NodeProgram.Folder;
        var start = new ProcessStartInfo("node",
        [
            "--import", Path.Combine(folder, "conformance-hooks.mjs"), Path.Combine(folder, "node_modules/@modelcontextprotocol/conformance/dist/index.js"),
            "authorization", "--url", site.Issuer, "--client-id", "mcp-conformance", "-p", $"{site.ConformancePort}", "--resource", site.Url,
        ])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = new List<string>();
        using var alice = new PageWalker(site.Issuer);
        using var http = new HttpClient();
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            output.Add(line);
            if (!line.StartsWith(site.Issuer + "/authorize?", StringComparison.Ordinal)) continue;
            var stop = await alice.AuthorizeAsync(line.Trim());
            Assert.True(stop.IsAtClient, stop.ToString());
            await Eventually.HoldsAsync("the conformance program listens", async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(stop.Url);
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            });
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var text = string.Join('\n', output);
        Assert.True(process.ExitCode == 0, $"{text}\n{await errors}");
        Assert.DoesNotContain("FAILURE", text, StringComparison.Ordinal);
        Assert.DoesNotContain("WARNING", text, StringComparison.Ordinal);
    }

    private static string NewRedirect() => Redirect.Replace("{0}", LoopbackPorts.Next().ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private void AssertKind(string clientId, string way)
    {
        if (way == "document") Assert.Equal(site.MetadataUrl, clientId);
        else if (way == "known") Assert.Equal(McpSite.Known.Id, clientId);
        else Assert.StartsWith("reg_", clientId, StringComparison.Ordinal);
    }
}
