using Latchkey.Server.Hosting;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>Where the forms of a page may lead: this server, and the origin of the proven redirect URI.</summary>
public sealed class PagePolicyTests
{
    [Theory, Spec("RFC 9700", "4.16")]
    [InlineData(null, "'self'")]
    [InlineData("https://app.example.com/callback?a=b", "'self' https://app.example.com")]
    [InlineData("https://app.example.com:8443/callback", "'self' https://app.example.com:8443")]
    [InlineData("HTTPS://APP.example.com:443/", "'self' https://app.example.com")]
    [InlineData("https://bank.example@evil.example/", "'self' https://evil.example")]
    [InlineData("https://müller.example/", "'self' https://xn--mller-kva.example")]
    [InlineData("http://127.0.0.1:3000/callback", "'self' http://127.0.0.1:3000")]
    [InlineData("http://localhost:3000/callback", "'self' http://localhost:3000")]
    // Sources can't name IPv6 addresses, nor anything of a private-use scheme but itself.
    [InlineData("http://[::1]:3000/callback", "'self' http:")]
    [InlineData("com.example.app:/callback", "'self' com.example.app:")]
    [InlineData("com.example.app://host/callback", "'self' com.example.app:")]
    public void It_is_named_as_CSP_can(string? redirectUri, string expected)
    {
        var policy = PagePolicy.Write(redirectUri);
        Assert.Equal(expected, policy.Split("form-action ")[1]);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }
}
