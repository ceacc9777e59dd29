using System.Text.Json.Nodes;
using Latchkey.Client.Authorization;
using Latchkey.Client.Tests.Rogue;
using Latchkey.Protocol;

namespace Latchkey.Client.Tests.Authorization;

/// <summary>What a sign-in asks for.</summary>
public sealed class RequestTests
{
    [Fact, Spec("RFC 9700", "2.1.1"), Check("C1")]
    public async Task Every_request_has_a_challenge_of_its_own()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var challenges = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            var start = await client.StartAuthorizationAsync();
            var query = Parameters.Parse(start.Url.Query);
            Assert.Equal("S256", query["code_challenge_method"]);
            Assert.Equal(43, query["code_challenge"]!.Length);
            Assert.True(Pkce.IsVerifier(start.Transaction.CodeVerifier));
            Assert.True(Pkce.Verify(start.Transaction.CodeVerifier, query["code_challenge"]!));
            Assert.Null(query["code_verifier"]);
            Assert.True(challenges.Add(query["code_challenge"]!));
        }
    }

    [Fact, Spec("RFC 9700", "4.7.1"), Check("C2"), Check("C3")]
    public async Task State_and_nonce_are_256_fresh_bits()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var seen = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            var start = await client.StartAuthorizationAsync();
            var query = Parameters.Parse(start.Url.Query);
            Assert.Equal(start.Transaction.State, query["state"]);
            Assert.Equal(start.Transaction.Nonce, query["nonce"]);
            Assert.All([query["state"]!, query["nonce"]!], text => Assert.Equal(43, text.Length));
            Assert.True(seen.Add(query["state"]!) && seen.Add(query["nonce"]!) && seen.Add(start.Transaction.CodeVerifier));
        }
    }

    [Fact, Spec("OIDC Core", "3.1.2.1")]
    public async Task Without_openid_there_is_no_nonce()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Scope = "api:read");
        var start = await client.StartAuthorizationAsync();
        Assert.Null(start.Transaction.Nonce);
        Assert.Null(Parameters.Parse(start.Url.Query)["nonce"]);
    }

    [Fact, Spec("OAuth 2.1", "2.4.1"), Check("C13"), Check("C7")]
    public async Task The_address_holds_one_redirect_URI_and_nothing_secret()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Resource = "https://api.test");
        var start = await client.StartAuthorizationAsync(new() { ReturnUrl = "/orders?page=2", SessionBinding = "session-cookie" });
        var query = Parameters.Parse(start.Url.Query);
        Assert.Null(query.Error);
        Assert.Equal("code", query["response_type"]);
        Assert.Equal(RogueProvider.RedirectUri, query["redirect_uri"]);
        Assert.Equal("https://api.test", query["resource"]);
        Assert.Equal(
            ["client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "resource", "response_type", "scope", "state"],
            query.Pairs.Select(pair => pair.Key).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(RogueProvider.Secret, start.Url.AbsoluteUri, StringComparison.Ordinal);
        Assert.DoesNotContain("orders", start.Url.AbsoluteUri, StringComparison.Ordinal);
        Assert.DoesNotContain("session-cookie", start.Url.AbsoluteUri + start.Transaction.ToJson(), StringComparison.Ordinal);
    }

    [Theory, Spec("OAuth 2.1", "1.5"), Check("C26")]
    [InlineData("http://id.example.com/authorize")]
    [InlineData("javascript:alert(1)")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ms-settings://network")]
    [InlineData("//id.example.com/authorize")]
    [InlineData("https://id.example.com/authorize#x")]
    [InlineData("https://user@id.example.com/authorize")]
    [InlineData("https://id.example.com/authorize\" --proxy-server=evil \"")]
    public async Task An_authorization_endpoint_that_no_browser_should_open_is_refused(string endpoint)
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["authorization_endpoint"] = endpoint;
        using var client = rogue.Client();
        await Refused.ByAsync("LK-CLIENT-ENDPOINT-INSECURE", () => client.StartAuthorizationAsync());
    }

    [Fact, Spec("RFC 9700", "2.1.1"), Check("C1")]
    public async Task A_provider_that_can_only_do_plain_PKCE_is_refused()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["code_challenge_methods_supported"] = new JsonArray("plain");
        using var client = rogue.Client();
        await Refused.ByAsync("LK-CLIENT-PKCE-UNSUPPORTED", () => client.StartAuthorizationAsync());
    }

    [Theory, Spec("RFC 9700", "4.11.1"), Check("C7")]
    [InlineData("https://evil.example/")]
    [InlineData("//evil.example/")]
    [InlineData("/\\evil.example/")]
    [InlineData("/\t/evil.example/")]
    [InlineData("\\\\evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("orders")]
    [InlineData("")]
    public async Task Nobody_is_sent_out_of_the_application_afterwards(string returnUrl)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        await Assert.ThrowsAsync<ArgumentException>(() => client.StartAuthorizationAsync(new() { ReturnUrl = returnUrl }));
        Assert.False(ReturnUrl.IsLocal(returnUrl));
        Assert.True(ReturnUrl.IsLocal("/"));
        Assert.True(ReturnUrl.IsLocal("/orders?page=2&next=https://elsewhere"));
    }

    [Theory, Spec("RFC 9700", "4.1"), Check("C7")]
    [InlineData("http://app.test/callback")]
    [InlineData("https://app.test/callback#x")]
    [InlineData("https://app.test/callback?code=1")]
    [InlineData("/callback")]
    [InlineData("javascript:alert(1)")]
    public async Task A_redirect_URI_that_is_none_is_refused(string redirectUri)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        await Assert.ThrowsAsync<ArgumentException>(() => client.StartAuthorizationAsync(new() { RedirectUri = redirectUri }));
        Assert.Throws<ArgumentException>(() => rogue.Client(options => options.RedirectUri = redirectUri));
    }

    [Theory]
    [InlineData("state")]
    [InlineData("code_challenge")]
    [InlineData("redirect_uri")]
    [InlineData("client_secret")]
    [InlineData("request")]
    public async Task What_the_library_sets_can_not_be_set_beside_it(string name)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        await Assert.ThrowsAsync<ArgumentException>(() => client.StartAuthorizationAsync(new() { Additional = new Dictionary<string, string> { [name] = "x" } }));
    }

    [Fact]
    public void What_is_asked_for_shows_neither_session_nor_person()
    {
        var shown = new AuthorizationParameters { Scope = "openid", SessionBinding = "the-cookie", LoginHint = "alice@example.com" }.ToString();
        Assert.DoesNotContain("the-cookie", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("alice", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_transaction_survives_its_JSON_and_shows_nothing()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.Resource = "https://api.test");
        var start = await client.StartAuthorizationAsync(new() { ReturnUrl = "/orders", SessionBinding = "session", MaxAge = 60 });
        var read = AuthorizationTransaction.FromJson(start.Transaction.ToJson())!;
        Assert.Equal(start.Transaction.ToJson(), read.ToJson());
        Assert.Equal("/orders", read.ReturnUrl);
        foreach (var secret in (string[])[start.Transaction.State, start.Transaction.CodeVerifier, start.Transaction.Nonce!])
            Assert.DoesNotContain(secret, start.ToString() + start.Transaction, StringComparison.Ordinal);
        Assert.Null(AuthorizationTransaction.FromJson("{}"));
        Assert.Null(AuthorizationTransaction.FromJson("no JSON"));
    }
}
