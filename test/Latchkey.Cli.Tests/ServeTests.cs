using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Latchkey.Cli.Tests;

/// <summary><c>latchkey serve</c> from its start to its end.</summary>
public sealed class ServeTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stdout_is_one_line_that_says_where_it_listens()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var http = server.CreateHttpClient();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(server.Issuer + "/healthz/ready", Cancellation)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(server.Issuer + "/healthz/live", Cancellation)).StatusCode);
        Assert.Equal(0, await server.StopAsync());
        var line = Assert.Single(server.Output.TrimEnd('\n').Split('\n'));
        Assert.Equal($"Latchkey {CommandLine.Version} listening on {server.Issuer} (issuer {server.Issuer})", line);
    }

    [Fact]
    public async Task Nobody_is_answered_before_it_is_ready()
    {
        // From the start of the process on, whatever answers at all answers that it is ready.
        var issuer = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        using var folder = new TemporaryFolder();
        using var http = new HttpClient();
        var starting = LatchkeyProcess.StartBareAsync(issuer, new Dictionary<string, string>(), "--issuer", issuer, "--data", folder.File("data"));
        HttpStatusCode? first = null;
        await Eventually.HoldsAsync("an answer", async () =>
        {
            try
            {
                first = (await http.GetAsync(issuer + "/healthz/ready", Cancellation)).StatusCode;
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, seconds: 60);
        Assert.Equal(HttpStatusCode.OK, first);
        await using var server = await starting;
    }

    [Fact]
    public async Task It_is_set_up_by_variables_alone()
    {
        var port = LoopbackPorts.Next();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("latchkey.json"), """{ "settings": { "access_token_lifetime": 120 } }""", Cancellation);
        var issuer = $"http://localhost:{port}/tenant";
        var environment = new Dictionary<string, string>
        {
            ["LATCHKEY_ISSUER"] = issuer,
            ["LATCHKEY_DATA"] = folder.File("data"),
            ["LATCHKEY_DATABASE"] = "sqlite:" + folder.File("elsewhere.db"),
            ["LATCHKEY_URLS"] = $"http://127.0.0.1:{port}",
            ["LATCHKEY_CONFIG"] = folder.File("latchkey.json"),
            ["LATCHKEY_LOG_FORMAT"] = "json",
            ["LATCHKEY_LOG_LEVEL"] = "debug",
        };
        await using var server = await LatchkeyProcess.StartBareAsync(issuer, environment);
        using var http = server.CreateHttpClient();
        Assert.Contains($"\"issuer\":\"{issuer}\"", await http.GetStringAsync(issuer + "/.well-known/openid-configuration", Cancellation), StringComparison.Ordinal);
        Assert.True(File.Exists(folder.File("elsewhere.db")));
        Assert.True(Directory.Exists(folder.File("data/keys")));
        Assert.False(File.Exists(folder.File("data/latchkey.db")));
        Assert.Equal(0, await server.StopAsync());
        Assert.All(server.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => System.Text.Json.JsonElement.Parse(line));
    }

    [Fact]
    public async Task It_is_set_up_by_the_file_alone_and_later_files_win()
    {
        var port = LoopbackPorts.Next();
        using var folder = new TemporaryFolder();
        var issuer = $"http://127.0.0.1:{port}";
        await File.WriteAllTextAsync(folder.File("a.json"), $$"""{ "settings": { "issuer": "{{issuer}}/earlier", "data": "{{folder.File("data")}}" } }""", Cancellation);
        await File.WriteAllTextAsync(folder.File("b.json"), $$"""{ "settings": { "issuer": "{{issuer}}" } }""", Cancellation);
        await using var server = await LatchkeyProcess.StartBareAsync(issuer, new Dictionary<string, string>(), "--config", folder.File("a.json"), "--config", folder.File("b.json"));
        Assert.EndsWith($"(issuer {issuer})\n", server.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(folder.File("data/latchkey.db")));
    }

    [Fact]
    public async Task Port_0_takes_a_free_port_and_says_which()
    {
        using var folder = new TemporaryFolder();
        const string issuer = "http://127.0.0.1:5100";
        await using var server = await LatchkeyProcess.StartBareAsync(
            issuer, new Dictionary<string, string>(), "--issuer", issuer, "--data", folder.File("data"), "--urls", "http://127.0.0.1:0");
        var address = Regex.Match(server.Output, @"listening on (http://127\.0\.0\.1:\d+) ").Groups[1].Value;
        using var http = new HttpClient();
        Assert.Contains("\"issuer\":\"http://127.0.0.1:5100\"", await http.GetStringAsync(address + "/.well-known/openid-configuration", Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SIGTERM_lets_a_request_in_flight_finish_and_takes_no_new_connection()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        var form = $"grant_type=client_credentials&scope=api%3Aread&client_id={DeclaredStates.Machine.Id}&client_secret={DeclaredStates.Machine.Secret}";
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, server.Port, Cancellation);
        var stream = client.GetStream();
        var head = $"POST /token HTTP/1.1\r\nHost: 127.0.0.1:{server.Port}\r\nContent-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n"
            + $"Content-Length: {form.Length.ToString(CultureInfo.InvariantCulture)}\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), Cancellation);
        // The server asks for the body: now the request is in flight.
        Assert.StartsWith("HTTP/1.1 100", await ReadAsync(stream), StringComparison.Ordinal);

        server.Terminate();
        await Eventually.HoldsAsync("no new connection", async () =>
        {
            using var late = new TcpClient();
            try
            {
                await late.ConnectAsync(IPAddress.Loopback, server.Port, Cancellation);
                return false;
            }
            catch (SocketException)
            {
                return true;
            }
        });
        await stream.WriteAsync(Encoding.ASCII.GetBytes(form), Cancellation);
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync(Cancellation);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("access_token", answer, StringComparison.Ordinal);
        Assert.Equal(0, await server.WaitForExitAsync());
    }

    private static async Task<string> ReadAsync(NetworkStream stream)
    {
        var buffer = new byte[1024];
        return Encoding.ASCII.GetString(buffer, 0, await stream.ReadAsync(buffer, Cancellation));
    }
}
