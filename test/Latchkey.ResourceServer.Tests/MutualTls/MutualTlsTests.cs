using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Tests.MutualTls;

[Spec("RFC 8705", "3"), Check("R34")]
public sealed class MutualTlsTests(StandingApi standing) : IClassFixture<StandingApi>, IDisposable
{
    private readonly X509Certificate2 _certificate = Make("the client's");
    private readonly X509Certificate2 _other = Make("another's");

    [Fact]
    public async Task The_connections_certificate_must_be_the_tokens()
    {
        Assert.Equal(200, (await ConnectAsync(standing.Api, context => context.Connection.ClientCertificate = _certificate)).Status);
        IsRefused("LK-RS-CERTIFICATE-OTHER", await ConnectAsync(standing.Api, context => context.Connection.ClientCertificate = _other));
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(standing.Api, _ => { }));
    }

    [Fact]
    public async Task Sent_as_dpop_it_is_refused() => Assert.Contains("LK-RS-NOT-BOUND",
        (await standing.Api.ConnectAsync("DPoP " + Token(), context => context.Connection.ClientCertificate = _certificate)).Challenges, StringComparison.Ordinal);

    [Fact]
    public async Task Bound_to_both_it_needs_both()
    {
        var token = standing.Authority.Token().Claim("cnf", new System.Text.Json.Nodes.JsonObject
        {
            ["x5t#S256"] = System.Buffers.Text.Base64Url.EncodeToString(SHA256.HashData(_certificate.RawData)), ["jkt"] = new string('A', 43),
        }).Sign();
        IsRefused("LK-RS-BOUND", await standing.Api.ConnectAsync("Bearer " + token, context => context.Connection.ClientCertificate = _certificate));
        IsRefused("LK-RS-CERTIFICATE-MISSING", await standing.Api.ConnectAsync("DPoP " + token, _ => { }));
        IsRefused("LK-DPOP-MISSING", await standing.Api.ConnectAsync("DPoP " + token, context => context.Connection.ClientCertificate = _certificate));
    }

    [Fact]
    public async Task Where_every_token_must_be_bound_to_a_key_a_certificate_alone_will_not_do()
    {
        await using var api = await GuardedApi.StartAsync(standing.Authority, options => options.DPoP.Required = true);
        IsRefused("LK-RS-BINDING-REQUIRED", await ConnectAsync(api, context => context.Connection.ClientCertificate = _certificate));
    }

    public static TheoryData<string> Forms => ["Client-Cert of RFC 9440", "PEM, percent-encoded", "PEM", "base64"];

    [Theory, MemberData(nameof(Forms))]
    public async Task A_trusted_proxy_hands_the_certificate_on(string form)
    {
        await using var api = await BehindProxyAsync();
        Assert.Equal(200, (await ConnectAsync(api, context => Forward(context, Write(_certificate, form)))).Status);
        IsRefused("LK-RS-CERTIFICATE-OTHER", await ConnectAsync(api, context => Forward(context, Write(_other, form))));
    }

    [Fact]
    public async Task Nobody_else_does()
    {
        // A header that is not configured.
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(standing.Api, context => Forward(context, Write(_certificate, "base64"))));
        await using var api = await BehindProxyAsync();
        // From elsewhere, whatever X-Forwarded-For says.
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(api, context =>
        {
            Forward(context, Write(_certificate, "base64"), "10.9.0.1");
            context.Request.Headers["X-Forwarded-For"] = "10.1.2.3";
        }));
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(api, context => context.Request.Headers["X-Client-Cert"] = Write(_certificate, "base64")));
        // A second header, such as one that the proxy did not remove.
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(api, context =>
        {
            Forward(context, Write(_certificate, "base64"));
            context.Request.Headers.Append("X-Client-Cert", Write(_certificate, "base64"));
        }));
        // The proxy's own certificate is not the client's.
        IsRefused("LK-RS-CERTIFICATE-MISSING", await ConnectAsync(api, context =>
        {
            Forward(context, "");
            context.Connection.ClientCertificate = _certificate;
        }));
    }

    [Theory, InlineData("!!"), InlineData("::"), InlineData(":!!:"), InlineData("-----BEGIN CERTIFICATE-----"), InlineData("%ZZ"), InlineData("AAAA")]
    public async Task What_is_no_certificate_is_none_or_another(string header)
    {
        await using var api = await BehindProxyAsync();
        var answer = await ConnectAsync(api, context => Forward(context, header));
        Assert.Equal(401, answer.Status);
        Assert.Contains("LK-RS-CERTIFICATE-", answer.Challenges, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Header_and_proxies_are_set_together_or_the_program_does_not_start()
    {
        Assert.Contains("MutualTls.TrustedProxies", (await Assert.ThrowsAnyAsync<Exception>(() =>
            GuardedApi.StartAsync(standing.Authority, options => options.MutualTls.ForwardedHeader = "X-Client-Cert"))).Message, StringComparison.Ordinal);
        Assert.Contains("MutualTls.ForwardedHeader", (await Assert.ThrowsAnyAsync<Exception>(() =>
            GuardedApi.StartAsync(standing.Authority, options => options.MutualTls.TrustedProxies.Add(IPNetwork.Parse("10.1.0.0/16"))))).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _other.Dispose();
    }

    private string Token() => standing.Authority.Token().BoundToCertificate(_certificate).Sign();

    private Task<(int Status, string Challenges)> ConnectAsync(GuardedApi api, Action<HttpContext> connect) => api.ConnectAsync("Bearer " + Token(), connect);

    private Task<GuardedApi> BehindProxyAsync() => GuardedApi.StartAsync(standing.Authority, options =>
    {
        options.MutualTls.ForwardedHeader = "X-Client-Cert";
        options.MutualTls.TrustedProxies.Add(IPNetwork.Parse("10.1.0.0/16"));
    });

    private static void Forward(HttpContext context, string header, string from = "::ffff:10.1.2.3")
    {
        context.Connection.RemoteIpAddress = IPAddress.Parse(from);
        context.Request.Headers["X-Client-Cert"] = header;
    }

    private static string Write(X509Certificate2 certificate, string form) => form switch
    {
        "base64" => Convert.ToBase64String(certificate.RawData),
        "PEM" => certificate.ExportCertificatePem().Replace('\n', ' '),
        "PEM, percent-encoded" => Uri.EscapeDataString(certificate.ExportCertificatePem()),
        _ => $":{Convert.ToBase64String(certificate.RawData)}:",
    };

    private static void IsRefused(string code, (int Status, string Challenges) answer)
    {
        Assert.Equal(401, answer.Status);
        Assert.Contains(code, answer.Challenges, StringComparison.Ordinal);
    }

    private static X509Certificate2 Make(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
    }
}
