using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>
/// Two processes that take client certificates: <see cref="Direct"/> asks for them itself at an address of its own, <see cref="Behind"/> has them from a
/// proxy on this machine. Both know the same clients.
/// </summary>
public sealed class MutualTlsServer : IAsyncLifetime
{
    public const string Header = "Client-Cert";

    private readonly TemporaryFolder _folder = new();
    private LatchkeyProcess? _direct;
    private LatchkeyProcess? _behind;

    public MutualTlsServer()
    {
        Authority = Certificates.Authority("CN=Test authority");
        App = Authority.Issue("CN=app,O=Example\\, Ltd.,C=DE");
        SelfSigned = Certificates.SelfSigned("CN=self");
    }

    public static IReadOnlyDictionary<string, string> BySubject { get; } = new Dictionary<string, string>
    {
        ["tls_client_auth_subject_dn"] = "cn=app, O=Example\\, Ltd., C=DE",
        ["tls_client_auth_san_dns"] = "App.example.com",
        ["tls_client_auth_san_uri"] = "https://app.example.com/",
        ["tls_client_auth_san_ip"] = "192.0.2.1",
        ["tls_client_auth_san_email"] = "app@example.com",
    };

    public static readonly TestClient Self = new("tls-self", null, "self_signed_tls_client_auth", null);

    /// <summary>Confidential by secret; its access tokens are bound to its certificate.</summary>
    public static readonly TestClient Bound = new("tls-bound", "tls-bound-secret-0123456789abc", TestClient.Basic, null);

    /// <summary>Public; its tokens are bound to its certificate.</summary>
    public static readonly TestClient Public = new("tls-public", null, TestClient.None, "https://tls.example.com/callback");

    public LatchkeyProcess Direct => _direct ?? throw new InvalidOperationException("The server has not been started.");

    public LatchkeyProcess Behind => _behind ?? throw new InvalidOperationException("The server has not been started.");

    /// <summary>Where <see cref="Direct"/> asks for certificates.</summary>
    public string MtlsUrl { get; private set; } = "";

    public Certificates Authority { get; }

    public X509Certificate2 App { get; }

    public X509Certificate2 SelfSigned { get; }

    public static TestClient Subject(string member) => new(member, null, "tls_client_auth", null);

    public async ValueTask InitializeAsync()
    {
        var ca = _folder.File("ca.pem");
        await File.WriteAllTextAsync(ca, Authority.Certificate.ExportCertificatePem());
        using var server = Authority.Issue("CN=localhost", usage: "1.3.6.1.5.5.7.3.1");
        await File.WriteAllTextAsync(_folder.File("cert.pem"), server.ExportCertificatePem());
        await File.WriteAllTextAsync(_folder.File("key.pem"), server.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        var port = LoopbackPorts.Next();
        MtlsUrl = string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{port}");
        // The proxies that this one trusts are not here, so that nobody's header counts.
        _direct = await LatchkeyProcess.StartAsync(State(), arguments:
            ["--mtls-urls", MtlsUrl, "--tls-cert", _folder.File("cert.pem"), "--tls-key", _folder.File("key.pem"), "--tls-client-ca", ca,
                "--trusted-proxies", "10.0.0.0/8", "--client-certificate-header", Header]);
        _behind = await LatchkeyProcess.StartAsync(State(), arguments: ["--trusted-proxies", "127.0.0.1", "--client-certificate-header", Header, "--tls-client-ca", ca]);
    }

    /// <summary>A client's program that connects to <see cref="Direct"/> with a certificate, or with none.</summary>
    public OAuthClient Connect(TestClient client, X509Certificate2? certificate) => new(MtlsUrl, client, certificate);

    public async ValueTask DisposeAsync()
    {
        if (_direct is not null) await _direct.DisposeAsync();
        if (_behind is not null) await _behind.DisposeAsync();
        App.Dispose();
        SelfSigned.Dispose();
        Authority.Dispose();
        _folder.Dispose();
    }

    private JsonObject State()
    {
        var state = DeclaredStates.Standard();
        foreach (var (member, value) in BySubject)
        {
            state.Add(Subject(member), client =>
            {
                client["grant_types"] = new JsonArray("client_credentials");
                client[member] = value;
            });
        }

        return state.Add(Self, client =>
            {
                client["grant_types"] = new JsonArray("client_credentials");
                client["tls_client_certificate_bound_access_tokens"] = true;
                client["jwks"] = new JsonObject { ["keys"] = new JsonArray(Certificates.Jwk(SelfSigned)) };
            })
            .Add(Bound, client =>
            {
                client["grant_types"] = new JsonArray("client_credentials");
                client["tls_client_certificate_bound_access_tokens"] = true;
            })
            .Add(Public, client => client["tls_client_certificate_bound_access_tokens"] = true);
    }
}
