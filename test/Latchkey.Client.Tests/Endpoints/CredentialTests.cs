using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Client.Tests.Rogue;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Jwt = Latchkey.Tests.Harness.Jwt;

namespace Latchkey.Client.Tests.Endpoints;

/// <summary>What a client proves itself with, and where that goes.</summary>
public sealed class CredentialTests
{
    [Theory, Spec("RFC 6749", "2.3.1"), Check("C13")]
    [InlineData("client", "secret", "client:secret")]
    [InlineData("my:client", "s%cr+t &=é", "my%3Aclient:s%25cr%2Bt+%26%3D%C3%A9")]
    public async Task Id_and_secret_are_form_encoded_in_the_header(string id, string secret, string encoded)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => (options.ClientId, options.Credential) = (id, ClientCredential.Secret(secret)));
        await client.ClientCredentialsAsync("api:read");
        var sent = Assert.Single(rogue.To("/token"));
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(encoded)), sent.Headers["Authorization"]);
        Assert.Null(sent.Form["client_secret"]);
        Assert.Null(sent.Form["client_id"]);
    }

    [Fact, Spec("RFC 6749", "2.3.1"), Check("C13")]
    public async Task A_secret_in_the_body_is_nowhere_else()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Credential = ClientCredential.SecretInBody(RogueProvider.Secret));
        await client.ClientCredentialsAsync("api:read");
        var sent = Assert.Single(rogue.To("/token"));
        Assert.False(sent.Headers.ContainsKey("Authorization"));
        Assert.Equal((RogueProvider.ClientId, RogueProvider.Secret), (sent.Form["client_id"], sent.Form["client_secret"]));
        Assert.Equal("", sent.Query);
    }

    [Theory, Spec("OAuth 2.1", "2.4.1"), Spec("RFC 8414", "2")]
    [InlineData(true, "client_secret_post", "none")]
    [InlineData(false, "client_secret_post", "client_secret_basic")]
    [InlineData(false, "private_key_jwt")]
    public async Task A_secret_goes_into_the_body_where_the_provider_takes_it_nowhere_else(bool inBody, params string[] methods)
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["token_endpoint_auth_methods_supported"] = new JsonArray([.. methods.Select(method => JsonValue.Create(method))]);
        using var client = rogue.Client();
        await client.ClientCredentialsAsync("api:read");
        var sent = Assert.Single(rogue.To("/token"));
        Assert.Equal(!inBody, sent.Headers.ContainsKey("Authorization"));
        Assert.Equal(inBody ? RogueProvider.Secret : null, sent.Form["client_secret"]);
    }

    [Fact, Spec("RFC 6749", "3.2.1"), Check("C13")]
    public async Task A_public_client_names_itself()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Credential = ClientCredential.None);
        await client.RefreshAsync("refresh-1");
        var sent = Assert.Single(rogue.To("/token"));
        Assert.False(sent.Headers.ContainsKey("Authorization"));
        Assert.Equal(RogueProvider.ClientId, sent.Form["client_id"]);
        Assert.Null(sent.Form["client_secret"]);
    }

    [Fact, Spec("OAuth 2.1", "2.4.1"), Check("C13"), Check("C18")]
    public async Task A_secret_goes_to_the_issuers_own_endpoints_and_nowhere_else()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var tokens = await rogue.SignInAsync(client);
        await client.UserInfoAsync(tokens);
        await client.LogoutUrlAsync(tokens.IdToken);
        await client.RevokeAsync("refresh-1");
        var basic = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{RogueProvider.ClientId}:{RogueProvider.Secret}"));
        var with = rogue.Requests.Where(sent => sent.Headers.TryGetValue("Authorization", out var header) && header.Contains(basic, StringComparison.Ordinal));
        Assert.Equal(["/token", "/revoke"], with.Select(sent => sent.Path));
        Assert.All(rogue.Requests, sent => Assert.DoesNotContain(RogueProvider.Secret, sent.Query + sent.Body, StringComparison.Ordinal));
    }

    [Theory, Spec("OAuth 2.1", "1.5"), Check("C13"), Check("C26")]
    [InlineData("http://id.example.com/token")]
    [InlineData("ftp://127.0.0.1/token")]
    [InlineData("http://127.0.0.1.evil.example/token")]
    [InlineData("https://user:pass@id.example.com/token")]
    public async Task A_secret_never_goes_out_in_the_clear(string endpoint)
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["token_endpoint"] = endpoint;
        using var client = rogue.Client();
        await Refused.ByAsync("LK-CLIENT-ENDPOINT-INSECURE", () => client.ClientCredentialsAsync());
    }

    [Theory, Spec("OAuth 2.1", "1.5"), Check("C26")]
    [InlineData("http://id.example.com")]
    [InlineData("http://10.0.0.1")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("id.example.com")]
    [InlineData("https://id.example.com?x")]
    [InlineData("https://id.example.com#x")]
    [InlineData("")]
    public void An_issuer_that_is_none_is_refused_at_once(string issuer)
    {
        var options = new LatchkeyClientOptions { Issuer = issuer, ClientId = "client" };
        var exception = Assert.Throws<ArgumentException>(() => new LatchkeyClient(options));
        Assert.StartsWith("Issuer ", exception.Message, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8414", "3.3"), Check("C6")]
    public async Task Metadata_of_another_issuer_is_refused_before_anything_is_sent()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["issuer"] = "https://evil.example";
        using var client = rogue.Client();
        await Refused.ProviderAsync("LK-PROVIDER-ISSUER-MISMATCH", () => client.ClientCredentialsAsync());
        await Refused.ProviderAsync("LK-PROVIDER-ISSUER-MISMATCH", () => client.StartAuthorizationAsync());
        Assert.Empty(rogue.To("/token"));
    }

    [Fact, Spec("RFC 10070"), Check("C14")]
    public async Task An_assertion_is_for_the_issuer_alone_short_and_fresh()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Credential = ClientCredential.PrivateKey(TestKeys.Elliptic));
        for (var i = 0; i < 3; i++) await client.ClientCredentialsAsync("api:read");
        var ids = new HashSet<string>();
        foreach (var sent in rogue.To("/token"))
        {
            Assert.Equal("urn:ietf:params:oauth:client-assertion-type:jwt-bearer", sent.Form["client_assertion_type"]);
            Assert.False(sent.Headers.ContainsKey("Authorization"));
            var assertion = sent.Form["client_assertion"]!;
            var header = Jwt.Header(assertion);
            Assert.Equal("client-authentication+jwt", header.GetProperty("typ").GetString());
            Assert.Equal(TestKeys.Elliptic.KeyId, header.GetProperty("kid").GetString());
            var claims = Jwt.Claims(assertion);
            Assert.Equal(System.Text.Json.JsonValueKind.String, claims.GetProperty("aud").ValueKind);
            Assert.Equal(rogue.Issuer, claims.GetProperty("aud").GetString());
            Assert.Equal(RogueProvider.ClientId, claims.GetProperty("iss").GetString());
            Assert.Equal(RogueProvider.ClientId, claims.GetProperty("sub").GetString());
            var now = rogue.Clock.GetUtcNow().ToUnixTimeSeconds();
            Assert.Equal(now, claims.GetProperty("iat").GetInt64());
            Assert.InRange(claims.GetProperty("exp").GetInt64(), now + 1, now + 60);
            Assert.True(claims.GetProperty("jti").GetString()!.Length >= 22);
            Assert.True(ids.Add(claims.GetProperty("jti").GetString()!));
        }

        Assert.Equal(3, ids.Count);
    }

    [Fact, Check("C26"), Spec("OAuth 2.1", "1.5")]
    public async Task TLS_is_verified()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        await using var app = builder.Build();
        await app.StartAsync();
        var issuer = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        using var client = new LatchkeyClient(new LatchkeyClientOptions { Issuer = issuer, ClientId = "client", Credential = ClientCredential.Secret("secret") });
        var exception = await Refused.ProviderAsync("LK-PROVIDER-UNREACHABLE", () => client.ClientCredentialsAsync());
        Assert.Contains("SecureConnectionError", exception.Message, StringComparison.Ordinal);
        await app.StopAsync();
    }

    [Theory, Spec("RFC 8705", "2"), Spec("RFC 8705", "5"), Check("C13")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_certificate_is_presented_at_the_endpoints_for_it(bool isCredential)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=client", own, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["mtls_endpoint_aliases"] = new JsonObject { ["token_endpoint"] = rogue.Issuer + "/mtls-token" };
        rogue.Answers["/mtls-token"] = _ => RogueAnswer.Json(rogue.Token);
        using var client = rogue.Client(options =>
        {
            // What tokens are bound to need not be what the client proves itself with.
            if (isCredential) options.Credential = ClientCredential.Certificate(certificate);
            else options.UseCertificate(certificate);
        });
        await client.ClientCredentialsAsync("api:read");
        var sent = Assert.Single(rogue.To("/mtls-token"));
        Assert.Equal(isCredential ? RogueProvider.ClientId : null, sent.Form["client_id"]);
        Assert.Equal(!isCredential, sent.Headers.ContainsKey("Authorization"));
        Assert.Empty(rogue.To("/token"));
    }

    [Fact]
    public void A_key_in_PEM_is_read_and_other_text_is_not()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Equal("private_key_jwt", ClientCredential.PrivateKey(key.ExportPkcs8PrivateKeyPem(), "kid").Method);
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey(key.ExportSubjectPublicKeyInfoPem(), "kid"));
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey("no key", "kid"));
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey(key.ExportPkcs8PrivateKeyPem(), "k\"id"));
        // A key for another algorithm would sign what the provider refuses, long after the mistake was made.
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey(key.ExportPkcs8PrivateKeyPem(), "kid", "ES384"));
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey(key.ExportPkcs8PrivateKeyPem(), "kid", "PS256"));
        Assert.Throws<ArgumentException>(() => ClientCredential.PrivateKey(key.ExportPkcs8PrivateKeyPem(), "kid", "Ed25519"));
        Assert.Throws<ArgumentException>(() => ClientCredential.Secret(""));
        foreach (var credential in (ClientCredential[])[ClientCredential.Secret("top-secret"), ClientCredential.SecretInBody("top-secret")])
            Assert.DoesNotContain("top-secret", credential.ToString(), StringComparison.Ordinal);
    }

    [Theory, Spec("RFC 8410", "7"), Spec("RFC 8037", "3.1")]
    [InlineData("Ed25519", "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")] // RFC 8410 section 10.3
    [InlineData("EdDSA", "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=")] // there too, with the public key
    public async Task An_Ed25519_key_in_PEM_signs_assertions(string algorithm, string key)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Credential = ClientCredential.PrivateKey($"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----", "ed", algorithm));
        await client.ClientCredentialsAsync("api:read");
        var assertion = Assert.Single(rogue.To("/token")).Form["client_assertion"]!;
        Assert.Equal(algorithm, Jwt.Header(assertion).GetProperty("alg").GetString());
        var publicKey = System.Text.Json.JsonElement.Parse($$"""{"keys":[{"kty":"OKP","crv":"Ed25519","x":"{{Base64Url.EncodeToString(Convert.FromBase64String("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="))}}"}]}""");
        var keys = KeySet.Read(publicKey, null)!;
        Assert.True(Jws.Read(assertion, 4096).Succeeded(out var jws, out _));
        Assert.True(jws.IsSignedBy(keys.Find(null, algorithm)!));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("HS256")]
    [InlineData("hs512")]
    public void Algorithms_that_anyone_can_forge_are_refused_at_once(string algorithm)
    {
        var options = new LatchkeyClientOptions { Issuer = "https://id.example.com", ClientId = "client" };
        options.SigningAlgorithms.Add(algorithm);
        Assert.Contains("SigningAlgorithms", Assert.Single(options.Faults()), StringComparison.Ordinal);
    }
}
