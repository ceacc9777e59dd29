using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>A server that asks for client certificates at an address of its own, and an API on Kestrel that asks for them too, each with TLS of a test authority.</summary>
public sealed class MutualTlsSite : IAsyncLifetime
{
    /// <summary>Known by the subject of a certificate of the authority.</summary>
    public static readonly TestClient BySubject = new("ledger-ca", null, "tls_client_auth", null);

    /// <summary>Known by the very certificate.</summary>
    public static readonly TestClient ByKey = new("ledger-self", null, "self_signed_tls_client_auth", null);

    /// <summary>Known by a secret; its tokens are bound to the certificate that it shows.</summary>
    public static readonly TestClient BySecret = new("ledger-secret", "ledger-secret-secret-0123456789", TestClient.Basic, null);

    /// <summary>A public client whose people's tokens are bound.</summary>
    public static readonly TestClient Public = new("ledger-public", null, TestClient.None, "https://ledger.example.com/callback");

    private readonly TemporaryFolder _folder = new();
    private LatchkeyProcess? _server;
    private WebApplication? _api;

    public static TestClient[] Machines { get; } = [BySubject, ByKey, BySecret];

    public Certificates Authority { get; } = Certificates.Authority("CN=Test authority");

    public X509Certificate2 SelfSigned { get; } = Certificates.SelfSigned("CN=ledger");

    /// <summary>A certificate that nobody registered.</summary>
    public X509Certificate2 Stranger { get; } = Certificates.SelfSigned("CN=ledger");

    public string Issuer => _server?.Issuer ?? throw new InvalidOperationException("The server has not been started.");

    public string Api { get; } = string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{LoopbackPorts.Next()}");

    private X509Certificate2? OfAuthority { get; set; }

    public async ValueTask InitializeAsync()
    {
        OfAuthority = Authority.Issue("CN=ledger,O=Example,C=DE");
        using var tls = Authority.Issue("CN=localhost", usage: "1.3.6.1.5.5.7.3.1");
        await File.WriteAllTextAsync(_folder.File("ca.pem"), Authority.Certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(_folder.File("cert.pem"), tls.ExportCertificatePem());
        await File.WriteAllTextAsync(_folder.File("key.pem"), tls.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem());
        _server = await LatchkeyProcess.StartAsync(State(), arguments:
        [
            "--mtls-urls", string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{LoopbackPorts.Next()}"), "--tls-cert", _folder.File("cert.pem"),
            "--tls-key", _folder.File("key.pem"), "--tls-client-ca", _folder.File("ca.pem"),
        ]);
        _api = await StartApiAsync(X509CertificateLoader.LoadPkcs12(tls.Export(X509ContentType.Pfx), null));
    }

    /// <summary>The certificate of one of the clients.</summary>
    public X509Certificate2 CertificateOf(string id) => id == BySubject.Id ? OfAuthority! : SelfSigned;

    /// <summary>A connection that trusts the authority, and shows a certificate or none.</summary>
    public SocketsHttpHandler Connection(X509Certificate2? certificate) =>
        new() { SslOptions = { ClientCertificates = certificate is null ? [] : [certificate], CertificateChainPolicy = Authority.Trusted() } };

    public async ValueTask DisposeAsync()
    {
        if (_api is not null) await _api.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        OfAuthority?.Dispose();
        SelfSigned.Dispose();
        Stranger.Dispose();
        Authority.Dispose();
        _folder.Dispose();
    }

    private async Task<WebApplication> StartApiAsync(X509Certificate2 tls)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Api).UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.ConfigureHttpsDefaults(https =>
        {
            https.ServerCertificate = tls;
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.AllowAnyClientCertificate();
        }));
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = Issuer;
            options.Resource = DeclaredStates.Api;
            options.MutualTls.Announced = true;
        });
        var app = builder.Build();
        app.MapGet("/read", (ClaimsPrincipal caller) => caller.FindFirst("client_id")!.Value).RequireScope("api:read");
        await app.StartAsync();
        return app;
    }

    private JsonObject State()
    {
        static void Machine(JsonObject client)
        {
            client["grant_types"] = new JsonArray("client_credentials");
            client["tls_client_certificate_bound_access_tokens"] = true;
        }

        return DeclaredStates.Standard()
            .Add(BySubject, client =>
            {
                Machine(client);
                client["tls_client_auth_subject_dn"] = "CN=ledger,O=Example,C=DE";
            })
            .Add(ByKey, client =>
            {
                Machine(client);
                client["jwks"] = new JsonObject { ["keys"] = new JsonArray(Certificates.Jwk(SelfSigned)) };
            })
            .Add(BySecret, Machine)
            .Add(Public, client => client["tls_client_certificate_bound_access_tokens"] = true);
    }
}
