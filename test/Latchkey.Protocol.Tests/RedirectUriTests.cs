namespace Latchkey.Protocol.Tests;

public sealed class RedirectUriTests
{
    private const string Registered = "https://app.example.com/callback";

    [Theory, Spec("OAuth 2.1", "2.3.1"), Check("A17")]
    [InlineData("https://app.example.com/callback", true)]
    [InlineData("https://app.example.com/callback/", false)]
    [InlineData("https://app.example.com/callback/../callback", false)]
    [InlineData("https://app.example.com/callback/evil", false)]
    [InlineData("https://app.example.com/Callback", false)]
    [InlineData("https://APP.example.com/callback", false)]
    [InlineData("https://app.example.com:443/callback", false)]
    [InlineData("https://app.example.com/callback?x=1", false)]
    [InlineData("https://app.example.com/callback?", false)]
    [InlineData("https://app.example.com/callback#", false)]
    [InlineData("https://app.example.com/callback#x", false)]
    [InlineData("https://app.example.com/%63allback", false)]
    [InlineData("https://app.example.com/callback%2F..", false)]
    [InlineData("https://app.example.com//callback", false)]
    [InlineData("https://app.example.com\\callback", false)]
    [InlineData("https://app.example.com/callback ", false)]
    [InlineData(" https://app.example.com/callback", false)]
    [InlineData("https://app.example.com/callback\n", false)]
    [InlineData("http://app.example.com/callback", false)]
    [InlineData("https://app.example.com.evil.example/callback", false)]
    [InlineData("https://evil.example/callback", false)]
    [InlineData("https://app.example.com@evil.example/callback", false)]
    [InlineData("https://user@app.example.com/callback", false)]
    [InlineData("//app.example.com/callback", false)]
    [InlineData("/callback", false)]
    [InlineData("javascript:alert(1)//https://app.example.com/callback", false)]
    [InlineData("", false)]
    public void Uris_are_compared_exactly(string presented, bool matches)
    {
        Assert.Equal(matches, RedirectUri.Matches(Registered, presented, anyLoopbackPort: false));
        Assert.Equal(matches, RedirectUri.Matches(Registered, presented, anyLoopbackPort: true));
    }

    [Theory, Spec("RFC 8252", "7.3")]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true)]
    [InlineData("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", true)]
    [InlineData("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true)]
    [InlineData("http://[::1]/cb", "http://[::1]:51004/cb", true)]
    [InlineData("http://localhost/cb", "http://localhost:51004/cb", true)]
    [InlineData("http://127.0.0.1", "http://127.0.0.1:51004", true)]
    [InlineData("http://127.0.0.1?x=1", "http://127.0.0.1:9?x=1", true)]
    // The path, the query and the host stay exact.
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x=1", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb#f", false)]
    [InlineData("http://127.0.0.1", "http://127.0.0.1:51004/", false)]
    [InlineData("http://127.0.0.1/cb", "http://localhost:51004/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://[::1]:51004/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.2:51004/cb", false)]
    [InlineData("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false)]
    [InlineData("http://localhost/cb", "http://LOCALHOST:51004/cb", false)]
    // What only looks like a loopback address with a port.
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb", false)]
    [InlineData("http://localhost/cb", "http://localhost.evil.example:80/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:123456/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:8o80/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false)]
    [InlineData("http://127.0.0.1/cb", "http://127.0.0.1\\@evil.example:80/cb", false)]
    public void The_port_of_a_loopback_uri_is_free(string registered, string presented, bool matches) =>
        Assert.Equal(matches, RedirectUri.Matches(registered, presented, anyLoopbackPort: true));

    [Fact, Spec("RFC 8252", "7.3")]
    public void The_port_is_not_free_for_other_clients() =>
        Assert.False(RedirectUri.Matches("http://127.0.0.1:3000/cb", "http://127.0.0.1:3001/cb", anyLoopbackPort: false));

    [Theory, Spec("OAuth 2.1", "2.3.1")]
    [InlineData("https://app.example.com/callback", false, null)]
    [InlineData("https://app.example.com:8443/callback?tenant=1", false, null)]
    [InlineData("http://127.0.0.1:3000/callback", false, null)]
    [InlineData("http://[::1]/callback", false, null)]
    [InlineData("http://localhost/callback", true, null)]
    [InlineData("com.example.app:/callback", true, null)]
    [InlineData("com.example.app:callback", true, null)]
    [InlineData("com.example.app:/callback", false, "native")]
    [InlineData("myapp:/callback", true, "reversed domain")]
    [InlineData("javascript:alert(1)", true, "reversed domain")]
    [InlineData("data:text/html,x", true, "reversed domain")]
    [InlineData("http://app.example.com/callback", false, "https")]
    [InlineData("https://app.example.com/#here", false, "fragment")]
    [InlineData("https://app.example.com/callback#", false, "fragment")]
    [InlineData("https://*.example.com/callback", false, "wildcard")]
    [InlineData("https://app.example.com/*", false, "wildcard")]
    [InlineData("https://user:secret@app.example.com/", false, "user information")]
    [InlineData("/callback", false, "absolute")]
    [InlineData("callback", false, "absolute")]
    [InlineData("", false, "absolute")]
    [InlineData("https://app.example.com/call back", false, "character")]
    [InlineData("https://app.example.com/\u00e9", false, "character")]
    [InlineData("https://app.example.com/\r\nLocation: x", false, "character")]
    [InlineData("https://app.example.com\\@evil.example", false, "character")]
    public void What_can_be_registered(string uri, bool native, string? fault)
    {
        var said = RedirectUri.Fault(uri, native);
        if (fault is null) Assert.Null(said);
        else Assert.Contains(fault, said, StringComparison.Ordinal);
    }

    [Theory, Spec("RFC 6749", "4.1.2")]
    [InlineData("https://a.example/cb", "https://a.example/cb?code=1")]
    [InlineData("https://a.example/cb?", "https://a.example/cb?code=1")]
    [InlineData("https://a.example/cb?x=1", "https://a.example/cb?x=1&code=1")]
    [InlineData("https://a.example/cb?x=1&", "https://a.example/cb?x=1&code=1")]
    [InlineData("com.example.app:/cb", "com.example.app:/cb?code=1")]
    public void The_query_of_the_uri_is_kept(string uri, string expected) => Assert.Equal(expected, RedirectUri.WithQuery(uri, "code=1"));

    [Fact]
    public void Only_itself_matches_when_nothing_is_loopback() => Generators.Check(Generators.Text, text =>
        !RedirectUri.Matches(Registered, text, anyLoopbackPort: true) || text == Registered);

    [Fact]
    public void No_text_makes_it_throw() => Generators.Check(Generators.Text, text =>
    {
        foreach (var uri in (string[])[text, "http://127.0.0.1:" + text, "https://" + text, "com.example.app:" + text])
        {
            _ = RedirectUri.Fault(uri, native: true);
            // Whatever passes for loopback with another port really is on this computer.
            if (RedirectUri.Matches("http://127.0.0.1" + text, uri, anyLoopbackPort: true) && Uri.TryCreate(uri, UriKind.Absolute, out var parsed) && parsed.Host != "127.0.0.1")
                return false;
        }

        return true;
    });
}
