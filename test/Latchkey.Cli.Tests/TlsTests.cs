using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Latchkey.Cli.Tests;

/// <summary>https with PEM files, which may change while the server runs; http behind proxies that are trusted.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task A_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not()
    {
        using var first = Write("first");
        await using var server = await StartAsync();
        Assert.Equal("CN=first", await SubjectAsync(server.Port));
        using (var http = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } }))
        {
            var response = await http.GetAsync(server.Issuer + "/healthz/ready", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.True((await http.GetAsync(server.Issuer + "/.well-known/openid-configuration", TestContext.Current.CancellationToken)).IsSuccessStatusCode);
        }

        using var second = Write("second");
        await Eventually.HoldsAsync("the new certificate", async () => await SubjectAsync(server.Port) == "CN=second", seconds: 15);

        await File.WriteAllTextAsync(_folder.File("cert.pem"), "half a file", TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync("a warning", async () => await SubjectAsync(server.Port) == "CN=second" && server.Errors.Contains("The certificate in use stays", StringComparison.Ordinal), seconds: 15);
        using var third = Write("third");
        await Eventually.HoldsAsync("the certificate after that", async () => await SubjectAsync(server.Port) == "CN=third", seconds: 15);
    }

    [Fact]
    public async Task A_key_of_another_certificate_is_said()
    {
        using var first = Write("first");
        using var other = RSA.Create(2048);
        await File.WriteAllTextAsync(_folder.File("key.pem"), other.ExportPkcs8PrivateKeyPem(), TestContext.Current.CancellationToken);
        var result = await LatchkeyProcess.RunAsync(Arguments($"https://127.0.0.1:{LoopbackPorts.Next()}"));
        result.ExpectRefusal(2, "--tls-key", "key.pem");
    }

    [Fact]
    public async Task The_headers_of_a_trusted_proxy_count_and_the_issuer_stays()
    {
        const string issuer = "https://login.example.com/tenant";
        var port = LoopbackPorts.Next();
        await using var server = await LatchkeyProcess.StartBareAsync(
            issuer, new Dictionary<string, string>(), "--issuer", issuer, "--data", _folder.File("data"), "--urls", $"http://127.0.0.1:{port}", "--trusted-proxies", "127.0.0.1");
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://127.0.0.1:{port}/tenant/.well-known/openid-configuration");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "login.example.com");
        request.Headers.Add("X-Forwarded-For", "203.0.113.9");
        var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains("\"issuer\":\"https://login.example.com/tenant\"", answer, StringComparison.Ordinal);
        Assert.Contains("\"token_endpoint\":\"https://login.example.com/tenant/token\"", answer, StringComparison.Ordinal);

        // The address in the audit is the person's, not the proxy's.
        using var failed = new HttpRequestMessage(HttpMethod.Post, $"http://127.0.0.1:{port}/tenant/token") { Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", "nobody"), new("client_secret", "x")]) };
        failed.Headers.Add("X-Forwarded-Proto", "https");
        failed.Headers.Add("X-Forwarded-For", "198.51.100.1, 203.0.113.9");
        await http.SendAsync(failed, TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync("the audit", async () =>
            (await LatchkeyProcess.RunAsync("audit", "list", "--data", _folder.File("data"), "--event", "client_authentication.failed")).Output.Contains("203.0.113.9", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_headers_of_anybody_else_do_not_count()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var http = server.CreateHttpClient();
        using var failed = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/token") { Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", "nobody"), new("client_secret", "x")]) };
        failed.Headers.Add("X-Forwarded-For", "203.0.113.9");
        await http.SendAsync(failed, TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync("the audit", async () => (await server.CommandAsync("audit", "list", "--event", "client_authentication.failed")).Output.Contains("127.0.0.1", StringComparison.Ordinal));
        Assert.DoesNotContain("203.0.113.9", (await server.CommandAsync("audit", "list")).Output, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string[] Arguments(string issuer) =>
        ["serve", "--issuer", issuer, "--data", _folder.File("data"), "--tls-cert", _folder.File("cert.pem"), "--tls-key", _folder.File("key.pem")];

    private Task<LatchkeyProcess> StartAsync()
    {
        var issuer = $"https://127.0.0.1:{LoopbackPorts.Next()}";
        return LatchkeyProcess.StartBareAsync(issuer, new Dictionary<string, string>(), Arguments(issuer)[1..]);
    }

    private X509Certificate2 Write(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(_folder.File("cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(_folder.File("key.pem"), key.ExportPkcs8PrivateKeyPem());
        return certificate;
    }

    private static async Task<string> SubjectAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("127.0.0.1");
        return tls.RemoteCertificate!.Subject;
    }
}
