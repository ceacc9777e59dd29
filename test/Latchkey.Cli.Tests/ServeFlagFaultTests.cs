using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Latchkey.Cli.Tests;

/// <summary>What is wrong with a flag or variable of <c>serve</c> is said in one sentence that names it and the mend; the exit code is 2.</summary>
public sealed class ServeFlagFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string[]> Flags => new()
    {
        // flags after `serve --data …`, and what the sentence must say
        { "", ["The issuer is not set", "--issuer URL", "LATCHKEY_ISSUER"] },
        { "--issuer example.com", ["--issuer", "\"example.com\"", "absolute https URL"] },
        { "--issuer ftp://example.com", ["--issuer", "absolute https URL"] },
        { "--issuer http://example.com", ["--issuer", "127.0.0.1", "use https"] },
        { "--issuer https://example.com?a=b", ["--issuer", "no query"] },
        { "--issuer https://example.com#a", ["--issuer", "no fragment"] },
        { "--issuer https://me@example.com", ["--issuer", "no user information"] },
        { "--issuer https://example.com/tenant/", ["--issuer", "slash"] },
        { "--issuer https://Example.com", ["--issuer", "write https://example.com"] },
        { "--issuer https://example.com:443", ["--issuer", "write https://example.com"] },
        { "--issuer http://127.0.0.1:0", ["--issuer", "port"] },
        { "--issuer https://example.com", ["certificate", "--tls-cert", "--trusted-proxies"] },
        { "--issuer http://127.0.0.1:5100 --urls http://0.0.0.0:5100", ["--urls", "http is only for this computer", "--trusted-proxies"] },
        { "--issuer http://127.0.0.1:5100 --urls http://example.com", ["--urls", "http is only for this computer"] },
        { "--issuer http://127.0.0.1:5100 --urls https://127.0.0.1:5100", ["--urls", "--tls-cert"] },
        { "--issuer http://127.0.0.1:5100 --urls 5100", ["--urls", "\"5100\"", "http://127.0.0.1:5100"] },
        { "--issuer http://127.0.0.1:5100 --urls http://127.0.0.1:5100/path", ["--urls", "no address to listen on"] },
        { "--issuer http://127.0.0.1:5100 --urls ,", ["--urls", "empty"] },
        { "--issuer http://127.0.0.1:5100 --trusted-proxies 10.0.0.0/99", ["--trusted-proxies", "\"10.0.0.0/99\"", "CIDR"] },
        { "--issuer http://127.0.0.1:5100 --trusted-proxies 10.0.0.0/8,proxy", ["--trusted-proxies", "\"proxy\""] },
        { "--issuer http://127.0.0.1:5100 --client-certificate-header Client-Cert", ["--client-certificate-header", "--trusted-proxies"] },
        { "--issuer http://127.0.0.1:5100 --trusted-proxies 10.0.0.0/8 --client-certificate-header Client:Cert", ["--client-certificate-header", "\"Client:Cert\""] },
        { "--issuer http://127.0.0.1:5100 --mtls-urls https://127.0.0.1:8443", ["--mtls-urls", "--tls-cert"] },
        { "--issuer http://127.0.0.1:5100 --mtls-urls http://127.0.0.1:8443", ["--mtls-urls", "https"] },
        { "--issuer http://127.0.0.1:5100 --mtls-url https://mtls.example.com", ["--mtls-url", "--mtls-urls"] },
        { "--issuer http://127.0.0.1:5100 --mtls-url mtls.example.com", ["--mtls-url", "https URL"] },
        { "--issuer http://127.0.0.1:5100 --tls-client-ca no.pem", ["--tls-client-ca", "no.pem", "can't be read"] },
        { "--issuer http://127.0.0.1:5100 --dpop-nonce sometimes", ["--dpop-nonce", "off, required"] },
        { "--issuer http://127.0.0.1:5100 --dpop-clock-skew 5", ["--dpop-clock-skew", "from 10 to 300"] },
        { "--issuer http://127.0.0.1:5100 --database postgres://u:p@h", ["--database", "PostgreSQL", "no database after the host"] },
        { "--issuer http://127.0.0.1:5100 --database postgresql:h/d", ["--database", "must begin with postgres://"] },
        { "--issuer http://127.0.0.1:5100 --database postgres://h/d?Cancellation+Timeout=1", ["--database", "Cancellation Timeout can't be set"] },
        { "--issuer http://127.0.0.1:5100 --key-encryption-key /nowhere/kek", ["--key-encryption-key", "can't be read"] },
        { "--issuer http://127.0.0.1:5100 --database mysql://h/d", ["--database", "sqlite:PATH"] },
        { "--issuer http://127.0.0.1:5100 --database sqlite:", ["--database", "sqlite:PATH"] },
        { "--issuer http://127.0.0.1:5100 --database sqlite:/proc/no/db", ["/proc/no/db", "--database"] },
        { "--issuer http://127.0.0.1:5100 --data /proc/no", ["/proc/no", "--data", "right"] },
        { "--issuer http://127.0.0.1:5100 --log-level loud", ["--log-level", "\"loud\"", "debug"] },
        { "--issuer http://127.0.0.1:5100 --log-format xml", ["--log-format", "json"] },
        { "--issuer http://127.0.0.1:5100 --metrics-urls https://127.0.0.1:9464", ["--metrics-urls", "http://127.0.0.1:9464"] },
        { "--issuer http://127.0.0.1:5100 --metrics-urls 9464", ["--metrics-urls", "\"9464\""] },
        { "--issuer http://127.0.0.1:5100 --otlp-endpoint 127.0.0.1:4318", ["--otlp-endpoint", "http://127.0.0.1:4318"] },
        { "--issuer http://127.0.0.1:5100 --otlp-endpoint http://user:pass@127.0.0.1:4318", ["--otlp-endpoint", "user information"] },
        { "--issuer http://127.0.0.1:5100 --registration sometimes", ["--registration", "off", "token", "open"] },
        { "--issuer http://127.0.0.1:5100 --registration token", ["--registration", "initial_access_token"] },
        { "--issuer http://127.0.0.1:5100 --registration token --initial-access-token short", ["--initial-access-token", "16"] },
        { "--issuer http://127.0.0.1:5100 --software-statement-issuers nonsense", ["--software-statement-issuers", "issuer"] },
        { "--issuer http://127.0.0.1:5100 --client-id-metadata-documents yes", ["--client-id-metadata-documents", "loopback"] },
        { "--issuer http://127.0.0.1:5100 --access-token-lifetime 5", ["--access-token-lifetime", "\"5\"", "from 10 to 3600"] },
        { "--issuer http://127.0.0.1:5100 --access-token-lifetime 3601", ["--access-token-lifetime", "from 10 to 3600"] },
        { "--issuer http://127.0.0.1:5100 --session-lifetime 1h", ["--session-lifetime", "\"1h\"", "seconds"] },
        { "--issuer http://127.0.0.1:5100 --config no-such.json", ["no-such.json", "no such file"] },
        { "--issuer http://127.0.0.1:5100 --config /proc", ["/proc", "can't be read"] },
        { "--issuer", ["--issuer", "serve --help"] },
        { "--isuer http://127.0.0.1:5100", ["--isuer", "serve --help"] },
        { "--tls-cert no.pem --issuer https://127.0.0.1:5100", ["--tls-cert is set", "--tls-key"] },
        { "--tls-key no.pem --issuer https://127.0.0.1:5100", ["--tls-key is set", "--tls-cert"] },
        { "--tls-cert no.pem --tls-key no.pem --issuer https://127.0.0.1:5100", ["--tls-cert", "no.pem", "can't be read"] },
    };

    [Theory, MemberData(nameof(Flags))]
    public async Task A_wrong_flag_is_named_with_its_mend(string flags, string[] said)
    {
        var arguments = flags.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string[] data = arguments.Contains("--data") ? [] : ["--data", _folder.File("data")];
        (await LatchkeyProcess.RunAsync(["serve", .. data, .. arguments])).ExpectRefusal(2, said);
    }

    [Fact]
    public async Task A_wrong_variable_is_named()
    {
        var environment = new Dictionary<string, string> { ["LATCHKEY_ISSUER"] = "http://127.0.0.1:5100", ["LATCHKEY_LOG_LEVEL"] = "loud" };
        (await LatchkeyProcess.RunAsync(["serve", "--data", _folder.File("data")], null, environment)).ExpectRefusal(2, "LATCHKEY_LOG_LEVEL is \"loud\"");
    }

    [Fact]
    public async Task A_port_in_use_is_said()
    {
        using var listener = new TcpListener(IPAddress.Loopback, LoopbackPorts.Next());
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        (await LatchkeyProcess.RunAsync("serve", "--data", _folder.File("data"), "--issuer", $"http://127.0.0.1:{port}")).ExpectRefusal(2, port, "in use", "--urls");
    }

    [Fact]
    public async Task A_certificate_file_without_a_certificate_is_named()
    {
        await File.WriteAllTextAsync(_folder.File("empty.pem"), "nothing", TestContext.Current.CancellationToken);
        var result = await LatchkeyProcess.RunAsync(
            "serve", "--data", _folder.File("data"), "--issuer", "https://127.0.0.1:5100", "--tls-cert", _folder.File("empty.pem"), "--tls-key", _folder.File("empty.pem"));
        result.ExpectRefusal(2, "--tls-cert names", "empty.pem", "no PEM certificate");
    }

    public void Dispose() => _folder.Dispose();
}
