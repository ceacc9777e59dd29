using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>Client certificates: RFC 8705, directly and through a proxy.</summary>
public sealed class MutualTlsTests(MutualTlsServer server) : IClassFixture<MutualTlsServer>
{
    public static TheoryData<string> Members => [.. MutualTlsServer.BySubject.Keys];

    [Theory, MemberData(nameof(Members)), Spec("RFC 8705", "2.1"), Spec("RFC 8705", "2.1.2")]
    public async Task A_client_is_known_by_the_subject_of_its_certificate(string member)
    {
        using var client = server.Connect(MutualTlsServer.Subject(member), server.App);
        Assert.Equal("Bearer", (await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["token_type"]);

        using var other = server.Authority.Issue("CN=other,O=Example\\, Ltd.,C=DE", named: false);
        using var another = server.Connect(MutualTlsServer.Subject(member), other);
        (await another.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Theory, Spec("RFC 8705", "2.1"), Spec("RFC 8705", "6.3")]
    [InlineData("another authority"), InlineData("self-signed"), InlineData("expired"), InlineData("for servers"), InlineData("none")]
    public async Task Only_a_good_certificate_of_a_trusted_authority_counts(string which)
    {
        using var stranger = Certificates.Authority("CN=Test authority");
        using var certificate = which switch
        {
            "another authority" => stranger.Issue("CN=app,O=Example\\, Ltd.,C=DE"),
            "self-signed" => Certificates.SelfSigned("CN=app, O=\"Example, Ltd.\", C=DE"),
            "expired" => server.Authority.Issue("CN=app,O=Example\\, Ltd.,C=DE", expired: true),
            "for servers" => server.Authority.Issue("CN=app,O=Example\\, Ltd.,C=DE", usage: "1.3.6.1.5.5.7.3.1"),
            _ => null,
        };
        using var client = server.Connect(MutualTlsServer.Subject("tls_client_auth_subject_dn"), certificate);
        (await client.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 8705", "2.2"), Spec("RFC 8705", "3"), Spec("RFC 8705", "3.1"), Spec("RFC 8705", "3.2")]
    public async Task A_self_signed_certificate_is_the_one_that_was_registered_and_its_tokens_are_bound_to_it()
    {
        using var client = server.Connect(MutualTlsServer.Self, server.SelfSigned);
        var answer = (await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal("Bearer", answer["token_type"]);
        Assert.Equal(Thumbprint(server.SelfSigned), BoundTo(answer["access_token"]!));

        using var api = new OAuthClient(server.Direct.Issuer, DeclaredStates.ApiServer);
        var seen = (await api.IntrospectAsync(answer["access_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Equal(Thumbprint(server.SelfSigned), seen.Json.GetProperty("cnf").GetProperty("x5t#S256").GetString());
        Assert.Equal("Bearer", seen["token_type"]);

        using var twin = Certificates.SelfSigned("CN=self");
        foreach (var certificate in (X509Certificate2?[])[twin, server.App, null])
        {
            using var other = server.Connect(MutualTlsServer.Self, certificate);
            (await other.ClientCredentialsAsync("api:read")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        }
    }

    [Fact, Spec("RFC 8705", "3"), Check("fapi2-security-profile-final-ensure-holder-of-key-required")]
    public async Task A_client_whose_tokens_are_bound_gets_none_without_a_certificate()
    {
        using var bare = server.Connect(MutualTlsServer.Bound, null);
        Assert.Contains("mtls_endpoint_aliases", (await bare.ClientCredentialsAsync("api:read")).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
        using var usual = new OAuthClient(server.Direct.Issuer, MutualTlsServer.Bound);
        (await usual.ClientCredentialsAsync("api:read")).ExpectError("invalid_request");
        // Whose certificate it is does not matter: the client has proved itself otherwise.
        using var client = server.Connect(MutualTlsServer.Bound, server.SelfSigned);
        Assert.Equal(Thumbprint(server.SelfSigned), BoundTo((await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!));
    }

    [Fact, Spec("RFC 8705", "3"), Spec("RFC 8705", "4")]
    public async Task A_public_clients_tokens_are_bound_and_userinfo_holds_them_to_it()
    {
        using var here = new OAuthClient(server.Direct.Issuer, MutualTlsServer.Public);
        using var alice = new PageWalker(server.Direct.Issuer);
        var request = here.Request("openid offline_access");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;
        (await here.RedeemAsync(request, code)).ExpectError("invalid_request");
        using var client = server.Connect(MutualTlsServer.Public, server.App);
        var tokens = (await client.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        var token = tokens["access_token"]!;
        Assert.Equal(Thumbprint(server.App), BoundTo(token));

        using var thief = server.Connect(MutualTlsServer.Public, server.SelfSigned);
        (await client.UserInfoAsync(token)).Expect(HttpStatusCode.OK);
        foreach (var other in (OAuthClient[])[here, thief]) (await other.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);

        (await thief.RefreshAsync(tokens["refresh_token"]!)).ExpectError("invalid_grant");
        (await here.RefreshAsync(tokens["refresh_token"]!)).ExpectError("invalid_request");
        Assert.Equal(Thumbprint(server.App), BoundTo((await client.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK)["access_token"]!));
    }

    [Fact, Spec("RFC 8705", "5"), Spec("RFC 8705", "3.3"), Check("A10")]
    public async Task Metadata_say_where_and_how()
    {
        using var client = new OAuthClient(server.Direct.Issuer, DeclaredStates.Web);
        var metadata = (await client.GetAsync("/.well-known/oauth-authorization-server")).Json;
        Assert.True(metadata.GetProperty("tls_client_certificate_bound_access_tokens").GetBoolean());
        var aliases = metadata.GetProperty("mtls_endpoint_aliases");
        Assert.Equal(server.MtlsUrl + "/token", aliases.GetProperty("token_endpoint").GetString());
        Assert.Equal(server.MtlsUrl + "/userinfo", aliases.GetProperty("userinfo_endpoint").GetString());
        var methods = metadata.GetProperty("token_endpoint_auth_methods_supported").EnumerateArray().Select(method => method.GetString()).ToList();
        Assert.Contains("tls_client_auth", methods);
        Assert.Contains("self_signed_tls_client_auth", methods);

        // The issuer is the same there, and a proof may name either address.
        using var alias = server.Connect(DeclaredStates.Machine, null);
        Assert.Equal(server.Direct.Issuer, (await alias.GetAsync("/.well-known/openid-configuration"))["issuer"]);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        alias.Proof = url => new ForgedProof(key, "POST", url, TimeProvider.System.GetUtcNow()).Sign();
        Assert.Equal("DPoP", (await alias.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["token_type"]);
    }

    [Theory, InlineData("Client-Cert of RFC 9440"), InlineData("escaped PEM"), InlineData("base64")]
    [Spec("RFC 9440", "2.2"), Spec("RFC 8705", "6.5")]
    public async Task A_trusted_proxy_hands_the_certificate_on(string form)
    {
        using var client = new OAuthClient(server.Behind.Issuer, MutualTlsServer.Self);
        var answer = (await client.SendAsync(Ask(server.Behind.Issuer, Encoded(server.SelfSigned, form)))).Expect(HttpStatusCode.OK);
        Assert.Equal(Thumbprint(server.SelfSigned), BoundTo(answer["access_token"]!));
        (await client.SendAsync(Ask(server.Behind.Issuer, Encoded(server.App, form)))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        var metadata = (await client.GetAsync("/.well-known/oauth-authorization-server")).Json;
        Assert.False(metadata.TryGetProperty("mtls_endpoint_aliases", out _));
        Assert.True(metadata.GetProperty("tls_client_certificate_bound_access_tokens").GetBoolean());
    }

    [Theory, InlineData("rubbish"), InlineData(":AAAA:"), InlineData("-----BEGIN CERTIFICATE-----"), InlineData("%zz"), InlineData("::")]
    [Spec("RFC 9440", "2.2")]
    public async Task A_header_that_is_no_certificate_is_none(string value)
    {
        using var client = new OAuthClient(server.Behind.Issuer, MutualTlsServer.Self);
        (await client.SendAsync(Ask(server.Behind.Issuer, value))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 8705", "6.5"), Spec("RFC 9440", "4"), Check("R34")]
    public async Task Nobody_elses_header_counts()
    {
        // This one trusts other proxies, and this machine is none of them, whatever it says.
        using var client = new OAuthClient(server.Direct.Issuer, MutualTlsServer.Self);
        var request = Ask(server.Direct.Issuer, Encoded(server.SelfSigned, "Client-Cert of RFC 9440"));
        request.Headers.Add("X-Forwarded-For", "10.0.0.1");
        (await client.SendAsync(request)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);

        // Nor does it stand in for the certificate of the connection.
        using var connected = server.Connect(MutualTlsServer.Self, server.App);
        (await connected.SendAsync(Ask(server.MtlsUrl, Encoded(server.SelfSigned, "Client-Cert of RFC 9440")))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var right = server.Connect(MutualTlsServer.Self, server.SelfSigned);
        (await right.SendAsync(Ask(server.MtlsUrl, Encoded(server.App, "Client-Cert of RFC 9440")))).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_header_that_comes_twice_is_none()
    {
        using var client = new OAuthClient(server.Behind.Issuer, MutualTlsServer.Self);
        var request = Ask(server.Behind.Issuer, Encoded(server.SelfSigned, "Client-Cert of RFC 9440"));
        request.Headers.TryAddWithoutValidation(MutualTlsServer.Header, Encoded(server.SelfSigned, "Client-Cert of RFC 9440"));
        (await client.SendAsync(request)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    private static HttpRequestMessage Ask(string address, string certificate)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, address + "/token")
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", MutualTlsServer.Self.Id), new("scope", "api:read")]),
        };
        request.Headers.TryAddWithoutValidation(MutualTlsServer.Header, certificate);
        return request;
    }

    private static string Encoded(X509Certificate2 certificate, string form) => form switch
    {
        "escaped PEM" => Uri.EscapeDataString(certificate.ExportCertificatePem()),
        "base64" => Convert.ToBase64String(certificate.RawData),
        _ => $":{Convert.ToBase64String(certificate.RawData)}:",
    };

    private static string Thumbprint(X509Certificate2 certificate) => Base64Url.EncodeToString(SHA256.HashData(certificate.RawData));

    private static string? BoundTo(string token) => Jwt.Claims(token).TryGetProperty("cnf", out var cnf) ? cnf.GetProperty("x5t#S256").GetString() : null;
}
