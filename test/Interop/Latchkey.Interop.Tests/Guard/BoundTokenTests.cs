using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Client;
using Latchkey.ResourceServer;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Interop.Tests.Guard;

/// <summary>DPoP from end to end: our client gets a bound token of our server and brings it to an API behind our guard.</summary>
[Spec("RFC 9449", "5"), Spec("RFC 9449", "7"), Spec("RFC 9449", "8")]
public sealed class BoundTokenTests
{
    [Theory, InlineData("off"), InlineData("required")]
    public async Task The_client_proves_its_key_at_server_and_api(string nonces)
    {
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--dpop-nonce", nonces]);
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var api = await SampleProgram.ListenAsync("api", "--issuer", server.Issuer, "--resource", DeclaredStates.Api, "--urls", address);

        var services = new ServiceCollection();
        services.AddLatchkeyClient("provider", options =>
        {
            options.Issuer = server.Issuer;
            options.ClientId = DeclaredStates.Machine.Id;
            options.Credential = ClientCredential.Secret(DeclaredStates.Machine.Secret!);
            options.Scope = "api:read";
            options.UseDPoP();
        });
        services.AddHttpClient("api").AddMachineToken("provider");
        await using var provider = services.BuildServiceProvider();
        using var http = provider.GetRequiredService<IHttpClientFactory>().CreateClient("api");
        for (var call = 0; call < 3; call++)
        {
            using var response = await http.GetAsync(new Uri(address + "/read"));
            var body = await response.Content.ReadAsStringAsync();
            Assert.True(response.StatusCode == HttpStatusCode.OK, body);
            Assert.Equal(DeclaredStates.Machine.Id, JsonElement.Parse(body).GetProperty("client_id").GetString());
        }
    }

    [Fact, Spec("RFC 8705", "3"), Spec("RFC 9440", "2.2"), Check("R34")]
    public async Task A_token_that_is_bound_to_a_certificate_is_held_to_it_at_the_api()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=ledger", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow().AddDays(1));
        var shown = $":{Convert.ToBase64String(certificate.RawData)}:";
        var ledger = new TestClient("ledger", null, "self_signed_tls_client_auth", null);
        var parameters = key.ExportParameters(false);
        var state = DeclaredStates.Standard().Add(ledger, client =>
        {
            client["grant_types"] = new JsonArray("client_credentials");
            client["tls_client_certificate_bound_access_tokens"] = true;
            client["jwks"] = new JsonObject
            {
                ["keys"] = new JsonArray(new JsonObject
                {
                    ["kty"] = "RSA",
                    ["n"] = Base64Url.EncodeToString(parameters.Modulus),
                    ["e"] = Base64Url.EncodeToString(parameters.Exponent),
                    ["x5c"] = new JsonArray(Convert.ToBase64String(certificate.RawData)),
                }),
            };
        });
        await using var server = await LatchkeyProcess.StartAsync(state, arguments: ["--trusted-proxies", "127.0.0.1", "--client-certificate-header", "Client-Cert"]);
        using var program = new OAuthClient(server.Issuer, ledger);
        var asked = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/token")
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", ledger.Id), new("scope", "api:read")]),
        };
        asked.Headers.TryAddWithoutValidation("Client-Cert", shown);
        var token = (await program.SendAsync(asked)).Expect(HttpStatusCode.OK)["access_token"]!;

        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(address);
        builder.Services.AddAuthorization();
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = server.Issuer;
            options.Resource = DeclaredStates.Api;
            options.MutualTls.ForwardedHeader = "Client-Cert";
            options.MutualTls.TrustedProxies.Add(System.Net.IPNetwork.Parse("127.0.0.0/8"));
        });
        await using var api = builder.Build();
        api.UseAuthentication();
        api.UseAuthorization();
        api.MapGet("/read", () => "read").RequireAuthorization();
        await api.StartAsync();
        foreach (var (header, status) in ((string?, HttpStatusCode)[])[
            (shown, HttpStatusCode.OK), (null, HttpStatusCode.Unauthorized), ($":{Convert.ToBase64String([.. certificate.RawData, 0])}:", HttpStatusCode.Unauthorized)])
        {
            var request = new HttpRequestMessage(HttpMethod.Get, address + "/read") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
            if (header is not null) request.Headers.TryAddWithoutValidation("Client-Cert", header);
            Assert.Equal(status, (await program.SendAsync(request)).Status);
        }
    }

    [Fact, Spec("RFC 9449", "7.2"), Check("R20")]
    public async Task Stolen_it_is_of_no_use_at_the_api()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        var address = $"http://127.0.0.1:{LoopbackPorts.Next()}";
        await using var api = await SampleProgram.ListenAsync("api", "--issuer", server.Issuer, "--resource", DeclaredStates.Api, "--urls", address);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var thief = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine) { Proof = url => new ForgedProof(key, "POST", url, TimeProvider.System.GetUtcNow()).Sign() };
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;

        Assert.Equal(HttpStatusCode.OK, (await machine.SendAsync(Ask("DPoP", key))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await machine.SendAsync(Ask("Bearer", null))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await machine.SendAsync(Ask("DPoP", thief))).Status);

        HttpRequestMessage Ask(string scheme, ECDsa? proving)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, address + "/read") { Headers = { Authorization = new AuthenticationHeaderValue(scheme, token) } };
            if (proving is not null) request.Headers.Add("DPoP", new ForgedProof(proving, "GET", address + "/read", TimeProvider.System.GetUtcNow(), token).Sign());
            return request;
        }
    }
}
