using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>
/// The modules of the OpenID conformance plan "Basic OP" by name, each with its recipe in short; the client sends no PKCE unless the module is about
/// it, and is registered for exactly that. <see cref="ConformanceFormPostTests"/> runs the same again with <c>response_mode=form_post</c>.
/// </summary>
[Spec("OIDC Core", "3.1.2")]
public partial class ConformanceBasicTests(AuthorizeServer server)
{
    private static readonly TestClient Rp = DeclaredStates.WithoutPkce;

    protected virtual string? ResponseMode => null;

    [Fact, Check("oidcc-server")]
    public async Task Oidcc_server()
    {
        var flow = await FlowAsync();
        var claims = await Jwt.VerifyAsync(flow.Tokens["id_token"]!, server.Issuer, Rp.Id, "JWT");
        Assert.Equal(flow.Request.Nonce, claims.GetProperty("nonce").GetString());
        string[] allowed = ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "nbf", "jti", "sid", "txn"];
        Assert.All(claims.EnumerateObject(), claim => Assert.Contains(claim.Name, allowed));
        Assert.True(flow.Tokens.Json.GetProperty("expires_in").GetInt32() > 0);
        Assert.True(flow.Code.Length > 40);
        Assert.Equal(flow.Subject, (await flow.Client.UserInfoAsync(flow.AccessToken)).Expect(HttpStatusCode.OK)["sub"]);
    }

    [Fact, Check("oidcc-response-type-missing"), Spec("RFC 6749", "3.1.1")]
    public async Task Oidcc_response_type_missing()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var request = Request(client, changes: ("response_type", null));
        (await browser.AuthorizeAsync(request.Url)).ExpectError(request, "invalid_request");
    }

    [Fact, Check("oidcc-idtoken-signature"), Spec("OIDC Core", "10.1")]
    public async Task Oidcc_idtoken_signature()
    {
        var header = Jwt.Header((await FlowAsync()).Tokens["id_token"]!);
        Assert.Equal("RS256", header.GetProperty("alg").GetString());
        using var client = server.Client(Rp);
        var keys = (await client.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray();
        Assert.Contains(header.GetProperty("kid").GetString(), keys.Select(key => key.GetProperty("kid").GetString()));
        Assert.All(["x5u", "x5c", "jku", "jwk"], name => Assert.False(header.TryGetProperty(name, out _)));
    }

    [Fact, Check("oidcc-idtoken-unsigned"), Spec("OIDC Core", "2")]
    public async Task Oidcc_idtoken_unsigned()
    {
        // The module runs where alg none is offered: it is not.
        using var client = server.Client(Rp);
        var algorithms = (await client.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("id_token_signing_alg_values_supported");
        Assert.DoesNotContain("none", algorithms.EnumerateArray().Select(algorithm => algorithm.GetString()));
    }

    [Theory]
    [InlineData("GET", false, TestDisplayName = "oidcc-userinfo-get")]
    [InlineData("POST", false, TestDisplayName = "oidcc-userinfo-post-header")]
    [InlineData("POST", true, TestDisplayName = "oidcc-userinfo-post-body")]
    [Check("oidcc-userinfo-get"), Check("oidcc-userinfo-post-header"), Check("oidcc-userinfo-post-body"), Spec("OIDC Core", "5.3.1")]
    public async Task Oidcc_userinfo(string method, bool inBody)
    {
        var flow = await FlowAsync();
        var request = new HttpRequestMessage(new HttpMethod(method), server.Issuer + "/userinfo");
        if (inBody) request.Content = new FormUrlEncodedContent([new("access_token", flow.AccessToken)]);
        else request.Headers.Authorization = new("Bearer", flow.AccessToken);
        var userInfo = (await flow.Client.SendAsync(request)).Expect(HttpStatusCode.OK);
        Assert.StartsWith("application/json", userInfo.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Equal(flow.Subject, userInfo["sub"]);
    }

    [Fact, Check("oidcc-ensure-request-without-nonce-succeeds-for-code-flow"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_ensure_request_without_nonce_succeeds_for_code_flow() =>
        Assert.False((await FlowAsync(changes: ("nonce", null))).IdToken.TryGetProperty("nonce", out _));

    [Theory]
    [InlineData("openid profile", "name given_name family_name preferred_username", TestDisplayName = "oidcc-scope-profile")]
    [InlineData("openid email", "email email_verified", TestDisplayName = "oidcc-scope-email")]
    [InlineData("openid address", "address", TestDisplayName = "oidcc-scope-address")]
    [InlineData("openid phone", "phone_number phone_number_verified", TestDisplayName = "oidcc-scope-phone")]
    [InlineData("openid email phone address profile", "name email email_verified address phone_number phone_number_verified", TestDisplayName = "oidcc-scope-all")]
    [Check("oidcc-scope-profile"), Check("oidcc-scope-email"), Check("oidcc-scope-address"), Check("oidcc-scope-phone"), Check("oidcc-scope-all")]
    [Spec("OIDC Core", "5.4"), Spec("OIDC Core", "5.1")]
    public async Task Oidcc_scope(string scope, string claims)
    {
        var flow = await FlowAsync(scope: scope);
        var userInfo = (await flow.Client.UserInfoAsync(flow.AccessToken)).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(flow.Subject, userInfo.GetProperty("sub").GetString());
        foreach (var claim in claims.Split(' '))
        {
            var expected = claim.EndsWith("_verified", StringComparison.Ordinal) ? "True False" : claim == "address" ? "Object" : "String";
            Assert.Contains(userInfo.GetProperty(claim).ValueKind.ToString(), expected, StringComparison.Ordinal);
            Assert.False(flow.IdToken.TryGetProperty(claim, out _), $"{claim} is in the ID token.");
        }
    }

    [Fact, Check("oidcc-alternate-happy-flow")]
    public async Task Oidcc_alternate_happy_flow()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var request = Request(client, "email openid");
        request = request with { Parameters = [.. request.Parameters.Reverse()] };
        var code = (await browser.AuthorizeAsync(request.Url)).ExpectCode(request);
        (await client.RedeemAsync(request, code, ("code_verifier", null))).Expect(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("display", "page", TestDisplayName = "oidcc-display-page")]
    [InlineData("display", "popup", TestDisplayName = "oidcc-display-popup")]
    [InlineData("login_hint", "buffy@localhost", TestDisplayName = "oidcc-login-hint")]
    [InlineData("ui_locales", "se", TestDisplayName = "oidcc-ui-locales")]
    [InlineData("claims_locales", "se", TestDisplayName = "oidcc-claims-locales")]
    [InlineData("acr_values", "1 2", TestDisplayName = "oidcc-ensure-request-with-acr-values-succeeds")]
    [InlineData("extra", "foobar", TestDisplayName = "oidcc-ensure-request-with-unknown-parameter-succeeds")]
    [Check("oidcc-display-page"), Check("oidcc-display-popup"), Check("oidcc-login-hint"), Check("oidcc-ui-locales"), Check("oidcc-claims-locales")]
    [Check("oidcc-ensure-request-with-acr-values-succeeds"), Check("oidcc-ensure-request-with-unknown-parameter-succeeds")]
    [Spec("OIDC Core", "3.1.2.1"), Spec("OIDC Core", "15.1"), Spec("RFC 6749", "3.1")]
    public async Task Oidcc_hints(string name, string value)
    {
        var flow = await FlowAsync(changes: (name, value));
        if (name == "acr_values") Assert.Contains(flow.IdToken.GetProperty("acr").GetString(), value.Split(' '));
    }

    [Fact, Check("oidcc-prompt-login"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_prompt_login()
    {
        using var browser = server.Browser();
        var first = await FlowAsync(browser);
        await PassAsync(first, 1);
        var request = Request(first.Client, changes: ("prompt", "login"));
        (await browser.GetAsync(request.Url)).ExpectLogin();
        var second = await FlowAsync(browser, request: request);
        Assert.True(second.AuthTime > first.AuthTime);
        Assert.Equal(first.Subject, second.Subject);
    }

    [Fact, Check("oidcc-prompt-none-not-logged-in"), Spec("OIDC Core", "3.1.2.6")]
    public async Task Oidcc_prompt_none_not_logged_in()
    {
        using var client = server.Client(Rp);
        using var browser = server.Browser();
        var request = Request(client, changes: [("prompt", "none"), ("state", new string('s', 128))]);
        (await browser.GetAsync(request.Url)).ExpectError(request, "login_required");
        Assert.Single(browser.Trail);
    }

    [Fact, Check("oidcc-prompt-none-logged-in"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_prompt_none_logged_in()
    {
        using var browser = server.Browser();
        var first = await FlowAsync(browser);
        browser.Trail.Clear();
        var second = await FlowAsync(browser, changes: ("prompt", "none"));
        Assert.Single(browser.Trail);
        Assert.Equal((first.Subject, first.AuthTime), (second.Subject, second.AuthTime));
    }

    [Fact, Check("oidcc-max-age-1"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_max_age_1()
    {
        using var browser = server.Browser();
        var first = await FlowAsync(browser);
        await PassAsync(first, 2);
        var request = Request(first.Client, changes: ("max_age", "1"));
        (await browser.GetAsync(request.Url)).ExpectLogin();
        var second = await FlowAsync(browser, request: request);
        Assert.True(second.AuthTime > first.AuthTime);
        Assert.InRange(second.IdToken.GetProperty("iat").GetInt64() - second.AuthTime, 0, 30);
    }

    [Fact, Check("oidcc-max-age-10000"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_max_age_10000()
    {
        using var browser = server.Browser();
        var first = await FlowAsync(browser, changes: ("max_age", "15000"));
        browser.Trail.Clear();
        var second = await FlowAsync(browser, changes: ("max_age", "10000"));
        Assert.Single(browser.Trail);
        Assert.Equal((first.Subject, first.AuthTime), (second.Subject, second.AuthTime));
    }

    [Fact, Check("oidcc-id-token-hint"), Spec("OIDC Core", "3.1.2.1")]
    public async Task Oidcc_id_token_hint()
    {
        using var browser = server.Browser();
        var first = await FlowAsync(browser);
        var second = await FlowAsync(browser, changes: [("prompt", "none"), ("id_token_hint", first.Tokens["id_token"])]);
        Assert.Equal(first.Subject, second.Subject);
    }

    [Fact, Check("oidcc-codereuse"), Spec("RFC 6749", "4.1.2")]
    public async Task Oidcc_codereuse()
    {
        var flow = await FlowAsync();
        (await flow.Client.RedeemAsync(flow.Request, flow.Code, ("code_verifier", null))).ExpectError("invalid_grant");
    }

    private async Task<Flow> FlowAsync(
        PageWalker? browser = null, string scope = "openid", AuthorizationRequest? request = null, params (string Name, string? Value)[] changes)
    {
        var client = server.Client(Rp);
        request ??= Request(client, scope, changes);
        using var own = browser is null ? server.Browser() : null;
        var code = (await (browser ?? own!).AuthorizeAsync(request.Url)).ExpectCode(request);
        var verifier = request["code_challenge"] is null ? null : request.CodeVerifier;
        var tokens = await client.RedeemAsync(request, code, ("code_verifier", verifier));
        return new(client, request, code, tokens.Expect(HttpStatusCode.OK));
    }

    private AuthorizationRequest Request(OAuthClient client, string scope = "openid", params IEnumerable<(string Name, string? Value)> changes)
    {
        var given = changes.ToList();
        foreach (var name in (ReadOnlySpan<string>)["code_challenge", "code_challenge_method", "response_mode"])
        {
            if (!given.Exists(change => change.Name == name)) given.Add((name, name == "response_mode" ? ResponseMode : null));
        }

        return client.Request(scope, given);
    }

    // Sign-in times are whole seconds.
    private static Task PassAsync(Flow flow, int seconds) => Eventually.HoldsAsync(
        $"{seconds} s after the sign-in", () => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() > flow.AuthTime + seconds);

    /// <summary>A request that came to its end.</summary>
    private sealed record Flow(OAuthClient Client, AuthorizationRequest Request, string Code, Answer Tokens)
    {
        public string AccessToken => Tokens["access_token"]!;

        public JsonElement IdToken => Jwt.Claims(Tokens["id_token"]!);

        public string Subject => IdToken.GetProperty("sub").GetString()!;

        public long AuthTime => IdToken.GetProperty("auth_time").GetInt64();
    }
}

/// <summary>The plan "Form Post OP": the modules of the plan "Basic OP" with <c>response_mode=form_post</c>.</summary>
[Spec("Form Post Response Mode", "2")]
public sealed class ConformanceFormPostTests(AuthorizeServer server) : ConformanceBasicTests(server)
{
    protected override string ResponseMode => "form_post";
}
