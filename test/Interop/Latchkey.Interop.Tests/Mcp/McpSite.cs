using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Latchkey.Interop.Tests.Guard;
using Latchkey.Interop.Tests.Mcp;

[assembly: AssemblyFixture(typeof(McpSite))]

namespace Latchkey.Interop.Tests.Mcp;

/// <summary>
/// Everything an MCP app meets: the server with registration open and documents read on this computer, the sample MCP server, and a site with the app's
/// metadata document over https, whose certificate the server trusts as it would any authority's.
/// </summary>
public sealed class McpSite : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly X509Certificate2 _certificate = CreateCertificate();
    private LatchkeyProcess? _server;
    private SampleProgram? _mcp;
    private DocumentHost? _site;

    public string Issuer => _server!.Issuer;

    /// <summary>What a person gives their app.</summary>
    public string Url { get; } = $"http://127.0.0.1:{LoopbackPorts.Next()}/mcp";

    /// <summary>Where the conformance program waits.</summary>
    public int ConformancePort { get; } = LoopbackPorts.Next();

    /// <summary>The app's metadata document.</summary>
    public string MetadataUrl { get; private set; } = "";

    /// <summary>A client that an operator declared for the app.</summary>
    public static TestClient Known { get; } = new("mcp-app", null, TestClient.None, "http://localhost/callback");

    public async ValueTask InitializeAsync()
    {
        var trusted = _folder.File("trusted.pem");
        await File.WriteAllTextAsync(trusted, _certificate.ExportCertificatePem());
        _site = await DocumentHost.StartAsync(_certificate);
        MetadataUrl = _site.Url("/client.json");
        _site.Put("/client.json", new JsonObject
        {
            ["client_id"] = MetadataUrl,
            ["client_name"] = "Test app",
            ["redirect_uris"] = new JsonArray("http://localhost/callback", "http://127.0.0.1/callback"),
            ["token_endpoint_auth_method"] = "none",
        }.ToJsonString());

        var state = DeclaredStates.Standard();
        state["resources"]!.AsArray().Add(new JsonObject
        {
            ["resource"] = Url, ["name"] = "Demo MCP server", ["scopes"] = new JsonArray(new JsonObject { ["scope"] = "mcp:tools", ["description"] = "Use its tools" }),
        });
        state.Add(Known, client =>
        {
            client["application_type"] = "native";
            client["redirect_uris"] = new JsonArray("http://localhost/callback", "http://127.0.0.1/callback");
            client["scope"] = "openid offline_access mcp:tools";
            client["grant_types"] = new JsonArray("authorization_code", "refresh_token");
        });
        state.Add(new TestClient("mcp-conformance", null, TestClient.None, $"http://127.0.0.1:{ConformancePort}/callback"), client =>
        {
            client["application_type"] = "native";
            client["scope"] = "openid mcp:tools";
            client["default_scope"] = "mcp:tools";
        });
        _server = await LatchkeyProcess.StartAsync(
            state, "", new Dictionary<string, string> { ["SSL_CERT_FILE"] = trusted }, "--registration", "open", "--client-id-metadata-documents", "loopback");
        _mcp = await SampleProgram.ListenAsync("mcp", "--issuer", Issuer, "--resource", Url, "--urls", new Uri(Url).GetLeftPart(UriPartial.Authority));
    }

    public async ValueTask DisposeAsync()
    {
        if (_mcp is not null) await _mcp.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        if (_site is not null) await _site.DisposeAsync();
        _certificate.Dispose();
        _folder.Dispose();
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}
