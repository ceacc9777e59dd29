using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What a caller says of host and address, and whose word counts.</summary>
[Spec("RFC 9700", "4.13"), Check("A50")]
public sealed class ProxyTests(PeopleServer trusting, SharedServer alone)
{
    [Theory, InlineData(true), InlineData(false)]
    public async Task No_header_changes_issuer_links_or_redirects(bool trusted)
    {
        var issuer = trusted ? trusting.Issuer : alone.Issuer;
        using var client = new OAuthClient(issuer, DeclaredStates.Web);
        (string, string)[] spoofs =
        [
            ("Host", "evil.example.com"), ("X-Forwarded-Host", "evil.example.com"), ("X-Forwarded-Proto", "https"), ("Forwarded", "host=evil.example.com;proto=https"),
            ("X-Original-Host", "evil.example.com"), ("X-Forwarded-Prefix", "/evil"), ("X-Rewrite-URL", "/evil"),
        ];
        foreach (var path in new[] { "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/login", "/device", "/account", "/logout", "/", "/nowhere", client.Request().Url[issuer.Length..] })
        {
            var request = new HttpRequestMessage(HttpMethod.Get, issuer + path);
            foreach (var (name, value) in spoofs) request.Headers.TryAddWithoutValidation(name, value);
            var answer = await client.SendAsync(request);
            Assert.DoesNotContain("evil", answer.Body, StringComparison.Ordinal);
            Assert.All(answer.Headers, header => Assert.DoesNotContain("evil", header.Value, StringComparison.Ordinal));
            if (path.StartsWith("/.well-known", StringComparison.Ordinal)) Assert.Equal(issuer, answer["issuer"]);
        }

        var code = new HttpRequestMessage(HttpMethod.Post, issuer + "/device/code") { Content = new FormUrlEncodedContent([new("client_id", "device"), new("scope", "openid")]) };
        foreach (var (name, value) in spoofs) code.Headers.TryAddWithoutValidation(name, value);
        Assert.Equal(issuer + "/device", (await client.SendAsync(code)).Expect(HttpStatusCode.OK)["verification_uri"]);
    }

    [Fact]
    public async Task The_address_of_a_caller_is_taken_from_trusted_proxies_only()
    {
        using var far = trusting.Browser();
        far.Headers["X-Forwarded-For"] = "203.0.113.9";
        await far.SignInAsync(await far.GetAsync(trusting.Issuer + "/account"));
        Assert.Contains(trusting.Audit("sign_in"), row => row.Address == "203.0.113.9");

        using var liar = alone.Browser();
        liar.Headers["X-Forwarded-For"] = "203.0.113.9";
        await liar.SignInAsync(await liar.GetAsync(alone.Issuer + "/account"));
        Assert.All(AuditRow.Read(alone.Process, "sign_in"), row => Assert.Equal("127.0.0.1", row.Address));

        // Of a chain only the part that trusted proxies wrote counts: the caller's own first entry does not.
        using var chained = trusting.Browser();
        chained.Headers["X-Forwarded-For"] = "198.51.100.1, 203.0.113.10";
        await chained.SignInAsync(await chained.GetAsync(trusting.Issuer + "/account"));
        Assert.Contains(trusting.Audit("sign_in"), row => row.Address == "203.0.113.10");
        Assert.DoesNotContain(trusting.Audit("sign_in"), row => row.Address == "198.51.100.1");
    }
}
