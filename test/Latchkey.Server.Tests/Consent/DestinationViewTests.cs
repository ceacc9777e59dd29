using Latchkey.Server.Consent;

namespace Latchkey.Server.Tests.Consent;

/// <summary>The consent page says where the answer goes, by what can't be borrowed.</summary>
public sealed class DestinationViewTests
{
    [Theory, Spec("RFC 8252", "8.6"), Spec("RFC 9700", "4.11")]
    [InlineData("https://app.example.com/callback", DestinationKind.Site, "app.example.com")]
    [InlineData("https://app.example.com:8443/callback", DestinationKind.Site, "app.example.com:8443")]
    [InlineData("https://app.example.com:443/callback", DestinationKind.Site, "app.example.com")]
    [InlineData("https://bank.example@evil.example/callback", DestinationKind.Site, "evil.example")]
    // A name that only looks like another one is shown as the network knows it.
    [InlineData("https://аррӏе.example/callback", DestinationKind.Site, "xn--80ak6aa92e.example")]
    [InlineData("http://127.0.0.1:3000/callback", DestinationKind.ThisComputer, "127.0.0.1:3000")]
    [InlineData("http://localhost:51004/", DestinationKind.ThisComputer, "localhost:51004")]
    [InlineData("http://[::1]:51004/", DestinationKind.ThisComputer, "[::1]:51004")]
    [InlineData("http://127.0.0.1.evil.example/", DestinationKind.Site, "127.0.0.1.evil.example")]
    [InlineData("com.example.app:/callback", DestinationKind.App, "com.example.app:")]
    [InlineData("com.example.app://host/callback", DestinationKind.App, "com.example.app:")]
    public void It_is_named(string redirectUri, DestinationKind kind, string name) => Assert.Equal(new DestinationView(kind, name), DestinationView.Of(redirectUri));
}
