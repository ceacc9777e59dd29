using System.Buffers.Text;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>The rest of the plan: how requests may come, and what must not be taken.</summary>
public partial class ConformanceBasicTests
{
    [Fact, Check("oidcc-ensure-registered-redirect-uri"), Spec("OIDC Core", "3.1.2.6")]
    public async Task Oidcc_ensure_registered_redirect_uri()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        (await browser.GetAsync(Request(client, changes: ("redirect_uri", Rp.RedirectUri + "x7Tq")).Url)).ExpectErrorPage();
    }

    [Fact, Check("oidcc-ensure-post-request-succeeds"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_ensure_post_request_succeeds()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var request = Request(client);
        var code = (await browser.FinishAsync(await browser.PostAsync(request.Endpoint, request.Parameters))).ExpectCode(request);
        (await client.RedeemAsync(request, code, ("code_verifier", null))).Expect(HttpStatusCode.OK);
    }

    [Fact, Check("oidcc-server-client-secret-post"), Spec("OIDC Core", "9")]
    public async Task Oidcc_server_client_secret_post()
    {
        using var client = server.Client(DeclaredStates.Post);
        using var browser = server.Browser();
        var request = client.Request("openid", ("response_mode", ResponseMode));
        var code = (await browser.AuthorizeAsync(request.Url)).ExpectCode(request);
        (await client.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
    }

    [Fact, Check("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported"), Spec("OIDC Core", "6.2")]
    public async Task Oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var request = Request(client, changes: ("request_uri", "https://rp.example.com/requests/1.jwt#hash"));
        (await browser.GetAsync(request.Url)).ExpectError(request, "request_uri_not_supported");
    }

    [Fact, Check("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported"), Spec("OIDC Core", "6.1")]
    public async Task Oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var plain = Request(client);
        // All parameters are inside, state too, so that an answer that passes the object over gives itself away.
        var request = Request(client, changes: [("state", null), ("nonce", null), ("request", Unsigned(plain))]);
        (await browser.GetAsync(request.Url)).ExpectError(request, "request_not_supported");
    }

    [Fact, Check("oidcc-ensure-request-object-with-redirect-uri"), Spec("OIDC Core", "6.1"), Spec("OIDC Core", "3.1.2.6")]
    public async Task Oidcc_ensure_request_object_with_redirect_uri()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var inside = Unsigned(Request(client));
        (await browser.GetAsync(Request(client, changes: [("redirect_uri", Rp.RedirectUri + "/bad"), ("request", inside)]).Url)).ExpectErrorPage();
    }

    [Fact, Check("oidcc-claims-essential"), Spec("OIDC Core", "5.5")]
    public async Task Oidcc_claims_essential()
    {
        var flow = await FlowAsync(changes: ("claims", """{"userinfo":{"name":{"essential":true}}}"""));
        Assert.Equal("Alice Example", (await flow.Client.UserInfoAsync(flow.AccessToken))["name"]);
        Assert.False(flow.IdToken.TryGetProperty("name", out _));
    }

    [Fact, Check("oidcc-refresh-token"), Spec("OIDC Core", "12.2")]
    public async Task Oidcc_refresh_token()
    {
        using var browser = server.Browser();
        var flow = await FlowAsync(browser, "openid offline_access", changes: ("prompt", "consent"));
        using var other = server.Client(DeclaredStates.Keep);
        var theirs = await other.SignInAsync(browser, "openid offline_access", ("prompt", "consent"));
        await PassAsync(flow, 1);

        var refreshed = (await flow.Client.RefreshAsync(flow.Tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
        Assert.NotEqual(flow.AccessToken, refreshed["access_token"]);
        var claims = Jwt.Claims(refreshed["id_token"]!);
        Assert.All(["iss", "sub", "aud", "auth_time"], name => Assert.Equal(flow.IdToken.GetProperty(name).GetRawText(), claims.GetProperty(name).GetRawText()));
        Assert.True(claims.GetProperty("iat").GetInt64() > flow.IdToken.GetProperty("iat").GetInt64());
        if (claims.TryGetProperty("nonce", out var nonce)) Assert.Equal(flow.Request.Nonce, nonce.GetString());
        (await flow.Client.RefreshAsync(theirs.RefreshToken!)).ExpectError("invalid_grant");
    }

    [Fact, Check("oidcc-ensure-request-with-valid-pkce-succeeds"), Spec("RFC 7636", "4.4")]
    public async Task Oidcc_ensure_request_with_valid_pkce_succeeds()
    {
        using var client = server.Client(Rp);
        var request = client.Request("openid", ("response_mode", ResponseMode));
        Assert.NotNull((await FlowAsync(request: request)).Tokens["id_token"]);
    }

    private string Unsigned(AuthorizationRequest request)
    {
        var claims = new JsonObject { ["iss"] = Rp.Id, ["aud"] = server.Issuer };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        return $"{Encode(new JsonObject { ["alg"] = "none" })}.{Encode(claims)}.";
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
