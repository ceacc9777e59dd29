using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Latchkey.Client;
using Latchkey.Client.Tokens;
using Latchkey.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>
/// Mutual TLS from end to end, over real handshakes: a client shows its certificate to the server, gets a bound token, and brings it to an API behind the
/// guard. Once with our client, once with npm openid-client.
/// </summary>
[Spec("RFC 8705", "2"), Spec("RFC 8705", "3"), Spec("RFC 8705", "5"), Check("R34")]
public sealed class MutualTlsTests(MutualTlsSite site) : IClassFixture<MutualTlsSite>
{
    public static TheoryData<string> Clients => [.. MutualTlsSite.Machines.Select(client => client.Id)];

    [Theory, MemberData(nameof(Clients))]
    public async Task Our_client_calls_an_api_with_a_token_that_is_bound_to_its_certificate(string id)
    {
        await using var services = Program(id, site.CertificateOf(id));
        using var http = services.GetRequiredService<IHttpClientFactory>().CreateClient("api");
        Assert.Equal(id, await http.GetStringAsync(new Uri(site.Api + "/read")));

        var token = await services.GetRequiredKeyedService<ITokenSource>("ledger").GetAsync();
        Assert.Equal(ThumbprintOf(site.CertificateOf(id)), Jwt.Claims(token.Value).GetProperty("cnf").GetProperty("x5t#S256").GetString());
        Assert.Contains("LK-RS-CERTIFICATE-MISSING", await CallAsync(token.Value, null), StringComparison.Ordinal);
        Assert.Contains("LK-RS-CERTIFICATE-OTHER", await CallAsync(token.Value, site.Stranger), StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients))]
    public async Task With_anothers_certificate_our_client_is_nobody_or_gets_a_token_of_no_use(string id)
    {
        await using var services = Program(id, site.Stranger);
        var tokens = services.GetRequiredKeyedService<ITokenSource>("ledger");
        if (id != MutualTlsSite.BySecret.Id)
        {
            Assert.Equal("invalid_client", (await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.GetAsync())).Error);
            return;
        }

        // It proved itself by its secret; what it gets is bound to what it showed.
        var token = (await tokens.GetAsync()).Value;
        Assert.Contains("LK-RS-CERTIFICATE-OTHER", await CallAsync(token, site.CertificateOf(id)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_public_clients_refresh_token_is_bound_to_its_certificate_too()
    {
        await using var services = Program(MutualTlsSite.Public.Id, site.SelfSigned);
        var client = services.GetRequiredKeyedService<LatchkeyClient>("ledger");
        var start = await client.StartAuthorizationAsync();
        using var alice = new PageWalker(site.Issuer);
        var stop = await alice.AuthorizeAsync(start.Url.AbsoluteUri);
        var tokens = await client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query));
        tokens = await client.RefreshAsync(tokens.RefreshToken!, tokens.IdToken);
        Assert.Equal("Alice Example", (await client.UserInfoAsync(tokens)).Text("name"));

        await using var thief = Program(MutualTlsSite.Public.Id, site.Stranger);
        var stolen = await Assert.ThrowsAsync<OAuthException>(() => thief.GetRequiredKeyedService<LatchkeyClient>("ledger").RefreshAsync(tokens.RefreshToken!));
        Assert.Equal("invalid_grant", stolen.Error);
    }

    [Theory, MemberData(nameof(Clients))]
    public async Task Openid_client_does_the_same(string id)
    {
        var client = MutualTlsSite.Machines.Single(candidate => candidate.Id == id);
        var settings = new JsonObject
        {
            ["issuer"] = site.Issuer, ["client_id"] = id, ["client_secret"] = client.Secret, ["method"] = client.Method, ["api"] = site.Api,
            ["ca"] = site.Authority.Certificate.ExportCertificatePem(), ["own"] = Pem(site.CertificateOf(id)), ["other"] = Pem(site.Stranger),
        };
        await using var program = NodeProgram.Start("openid-client.mjs", new Dictionary<string, string> { ["SETTINGS"] = settings.ToJsonString() }, "mtls");
        var result = await program.FinishAsync();
        Assert.Equal(ThumbprintOf(site.CertificateOf(id)), result.GetProperty("confirmation").GetProperty("x5t#S256").GetString());
        Assert.Equal(client.Secret is null ? "invalid_client" : "taken", result.GetProperty("impostor").GetString());
        foreach (var (name, code) in ((string, string?)[])[("own", null), ("other", "LK-RS-CERTIFICATE-OTHER"), ("none", "LK-RS-CERTIFICATE-MISSING")])
        {
            var call = result.GetProperty("calls").GetProperty(name);
            Assert.True((code is null ? 200 : 401) == call.GetProperty("status").GetInt32(), $"{name}: {call}");
            if (code is not null) Assert.Contains(code, call.GetProperty("challenge").GetString(), StringComparison.Ordinal);
        }
    }

    /// <summary>A program as the how-to shows it, but for the authority, which no machine trusts.</summary>
    private ServiceProvider Program(string id, X509Certificate2 certificate)
    {
        var services = new ServiceCollection();
        services.AddLatchkeyClient("ledger", options =>
        {
            options.Issuer = site.Issuer;
            options.ClientId = id;
            if (id == MutualTlsSite.BySecret.Id) options.Credential = ClientCredential.Secret(MutualTlsSite.BySecret.Secret!);
            else if (id != MutualTlsSite.Public.Id) options.Credential = ClientCredential.Certificate(certificate);
            if (id == MutualTlsSite.BySecret.Id || id == MutualTlsSite.Public.Id) options.UseCertificate(certificate);
            options.Scope = id == MutualTlsSite.Public.Id ? "openid profile offline_access" : "api:read";
            options.RedirectUri = id == MutualTlsSite.Public.Id ? MutualTlsSite.Public.RedirectUri : null;
        });
        services.AddHttpClient(LatchkeyClientServices.HttpClientName("ledger"))
            .ConfigurePrimaryHttpMessageHandler((handler, _) => ((SocketsHttpHandler)handler).SslOptions.CertificateChainPolicy = site.Authority.Trusted());
        services.AddHttpClient("api").AddMachineToken("ledger").ConfigurePrimaryHttpMessageHandler(() => site.Connection(certificate));
        return services.BuildServiceProvider();
    }

    private async Task<string> CallAsync(string token, X509Certificate2? certificate)
    {
        using var http = new HttpClient(site.Connection(certificate));
        using var request = new HttpRequestMessage(HttpMethod.Get, site.Api + "/read") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        using var response = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        return response.Headers.WwwAuthenticate.ToString();
    }

    private static string ThumbprintOf(X509Certificate2 certificate) => Base64Url.EncodeToString(SHA256.HashData(certificate.RawData));

    private static JsonObject Pem(X509Certificate2 certificate) =>
        new() { ["cert"] = certificate.ExportCertificatePem(), ["key"] = certificate.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem() };
}
