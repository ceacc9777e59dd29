using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Token;

/// <summary>What holds for every grant: the form, the errors, the headers.</summary>
public sealed class TokenEndpointTests(SharedServer server)
{
    [Theory, InlineData("/token"), InlineData("/introspect"), InlineData("/revoke"), InlineData("/device/code")]
    [Spec("RFC 6749", "3.2"), Spec("RFC 7009", "2"), Spec("RFC 7662", "2.1"), Check("A28")]
    public async Task Only_POST_is_taken(string path)
    {
        foreach (var method in (HttpMethod[])[HttpMethod.Get, HttpMethod.Put, HttpMethod.Delete])
        {
            var answer = await SendAsync(new HttpRequestMessage(method, server.Issuer + path + "?grant_type=client_credentials&client_id=machine&token=x"));
            answer.ExpectError("invalid_request", HttpStatusCode.MethodNotAllowed);
            Assert.Contains("POST", answer.Header("Allow"), StringComparison.Ordinal);
            Assert.Equal("no-store", answer.Header("Cache-Control"));
        }
    }

    [Theory, InlineData("/token"), InlineData("/introspect"), InlineData("/revoke"), InlineData("/device/code")]
    [Spec("RFC 6749", "2.3.1"), Spec("OAuth 2.1", "2.4.1"), Check("A28")]
    public async Task Credentials_in_the_URL_are_none(string path)
    {
        var query = $"?client_id=machine&client_secret={DeclaredStates.Machine.Secret}&grant_type=client_credentials&token=x";
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path + query) { Content = new FormUrlEncodedContent([]) };
        (await SendAsync(request)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path + query)
        {
            Content = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", "machine"), new("token", "x")]),
        };
        (await SendAsync(request)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    public static TheoryData<string?, string, string> GrantTypes => new()
    {
        { null, "invalid_request", "grant_type is missing" },
        { "", "invalid_request", "grant_type is missing" },
        { "password", "unsupported_grant_type", "client_credentials" },
        { "implicit", "unsupported_grant_type", "client_credentials" },
        { "urn:ietf:params:oauth:grant-type:saml2-bearer", "unsupported_grant_type", "client_credentials" },
        { "Client_Credentials", "unsupported_grant_type", "client_credentials" },
        { "\u00e9\u4e2d", "unsupported_grant_type", "client_credentials" },
        { "authorization_code", "unauthorized_client", "grant_types" },
        { "refresh_token", "unauthorized_client", "grant_types" },
        { "urn:ietf:params:oauth:grant-type:device_code", "unauthorized_client", "grant_types" },
    };

    [Theory, MemberData(nameof(GrantTypes)), Spec("RFC 6749", "5.2"), Spec("RFC 9700", "2.4"), Check("A34")]
    public async Task A_grant_type_that_is_not_for_this_client_is_refused(string? grantType, string error, string says)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.TokenAsync(("grant_type", grantType), ("username", "alice"), ("password", DeclaredStates.Alice.Password))).ExpectError(error);
        Assert.Contains(says, answer.ErrorDescription, StringComparison.Ordinal);
        AssertErrorForm(answer);
    }

    [Fact, Spec("RFC 6749", "3.2"), Spec("OAuth 2.1", "3.2"), Check("A29")]
    public async Task What_is_unknown_is_ignored_and_what_is_empty_is_absent()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var plain = (await machine.ClientCredentialsAsync(null)).Expect(HttpStatusCode.OK);
        var answer = (await machine.ClientCredentialsAsync("", ("resource", ""), ("foo", "bar"), ("client_secret", ""), ("client_assertion", ""))).Expect(HttpStatusCode.OK);
        Assert.Equal(plain["scope"], answer["scope"]);
        // Sent empty and once more with a value, it was sent once.
        Assert.Equal("api:read", (await machine.ClientCredentialsAsync("api:read", ("scope", ""), ("scope", "api:read"))).Expect(HttpStatusCode.OK)["scope"]);
    }

    [Theory, InlineData("grant_type", "client_credentials"), InlineData("scope", "api:read"), InlineData("foo", "bar"), InlineData("code_challenge", "x")]
    [Spec("RFC 6749", "3.2"), Spec("OAuth 2.1", "3.2"), Check("A29")]
    public async Task What_is_sent_twice_is_refused(string name, string value)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.TokenAsync(("grant_type", "client_credentials"), (name, value), (name, value))).ExpectError("invalid_request");
        Assert.Contains($"{name} was sent more than once", answer.ErrorDescription, StringComparison.Ordinal);
        AssertErrorForm(answer);
    }

    [Fact, Spec("RFC 8707", "2"), Check("A35")]
    public async Task Only_resource_may_repeat()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.ClientCredentialsAsync(null, ("resource", DeclaredStates.Api), ("resource", DeclaredStates.Files), ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK);
        Assert.Equal([DeclaredStates.Api, DeclaredStates.Files], Jwt.Claims(answer["access_token"]!).GetProperty("aud").EnumerateArray().Select(one => one.GetString()));
    }

    [Fact, Spec("RFC 6749", "5.1"), Spec("OAuth 2.1", "3.2.3"), Spec("OAuth 2.1", "14.3"), Check("A28")]
    public async Task An_answer_is_JSON_that_nobody_keeps()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal(("application/json", "no-store", "no-cache"), (answer.Header("Content-Type"), answer.Header("Cache-Control"), answer.Header("Pragma")));
        Assert.Equal(JsonValueKind.Number, answer.Json.GetProperty("expires_in").ValueKind);
        Assert.DoesNotContain(answer.Json.EnumerateObject(), member => member.Value.ValueKind == JsonValueKind.Null);
        Assert.Equal("Bearer", answer["token_type"]);
    }

    [Theory, InlineData("/token", true), InlineData("/userinfo", true), InlineData("/revoke", true), InlineData("/.well-known/jwks.json", true),
             InlineData("/.well-known/openid-configuration", true), InlineData("/.well-known/oauth-authorization-server", true),
             InlineData("/introspect", false), InlineData("/authorize", false), InlineData("/login", false), InlineData("/logout", false)]
    [Spec("OAuth 2.1", "3.1"), Spec("OIDC Core", "5.3"), Check("A15")]
    public async Task Scripts_of_other_origins_reach_what_programs_use_and_no_page(string path, bool open)
    {
        var preflight = new HttpRequestMessage(HttpMethod.Options, server.Issuer + path);
        preflight.Headers.Add("Origin", "https://app.example.com");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        preflight.Headers.Add("Access-Control-Request-Headers", "authorization,content-type,dpop,mcp-protocol-version");
        var answer = await SendAsync(preflight);
        var plain = new HttpRequestMessage(HttpMethod.Get, server.Issuer + path);
        plain.Headers.Add("Origin", "https://app.example.com");
        var response = await SendAsync(plain);
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
        Assert.Null(response.Header("Access-Control-Allow-Credentials"));
        if (!open)
        {
            Assert.Null(answer.Header("Access-Control-Allow-Origin"));
            Assert.Null(response.Header("Access-Control-Allow-Origin"));
            return;
        }

        Assert.True((int)answer.Status is 200 or 204, answer.ToString());
        Assert.Equal("*", answer.Header("Access-Control-Allow-Origin"));
        Assert.Equal("*", response.Header("Access-Control-Allow-Origin"));
        foreach (var header in (string[])["Authorization", "Content-Type", "DPoP", "MCP-Protocol-Version"])
            Assert.Contains(header, answer.Header("Access-Control-Allow-Headers"), StringComparison.OrdinalIgnoreCase);
        foreach (var header in (string[])["WWW-Authenticate", "DPoP-Nonce"])
            Assert.Contains(header, response.Header("Access-Control-Expose-Headers"), StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>RFC 6749 section 5.2: which characters a description may have, and that nothing else is said.</summary>
    internal static void AssertErrorForm(Answer answer)
    {
        Assert.Equal(("application/json", "no-store"), (answer.Header("Content-Type"), answer.Header("Cache-Control")));
        Assert.Equal(["error", "error_description"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.All(answer.ErrorDescription!, character => Assert.True(character is >= ' ' and <= '~' and not ('"' or '\\')));
    }

    private async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using var client = server.Client(DeclaredStates.Spa);
        return await client.SendAsync(request);
    }
}
