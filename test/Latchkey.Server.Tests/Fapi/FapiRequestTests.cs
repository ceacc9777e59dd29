using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Server.Tests.SenderConstraint;

namespace Latchkey.Server.Tests.Fapi;

/// <summary>What the plans of FAPI 2.0 try with authorization requests, with requests that are pushed and with those that are signed as well.</summary>
[Spec("FAPI 2.0 Security Profile", "5.3.2.2")]
public sealed class FapiRequestTests(FapiServer server) : IClassFixture<FapiServer>
{
    public static TheoryData<string> Apps => [FapiServer.App.Id, FapiServer.Second.Id, FapiServer.Signing.Id];

    [Theory, MemberData(nameof(Apps)), Check("fapi2-security-profile-final-happy-flow"), Check("fapi2-security-profile-final-access-token-type-header-case-sensitivity")]
    public async Task A_client_of_a_bank_gets_its_tokens_and_uses_them(string client)
    {
        using var app = new FapiApp(server, client);
        var (request, code) = await app.CodeAsync();
        var tokens = (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover);
        Assert.Equal("ES256", Jwt.Header(tokens["access_token"]!).GetProperty("alg").GetString());
        var idToken = await Jwt.VerifyAsync(tokens["id_token"]!, server.Issuer, client, "JWT", "ES256", server.Clock);
        Assert.Equal(request.Nonce, idToken.GetProperty("nonce").GetString());
        foreach (var scheme in (string[])["DPoP", "dpop", "DPOP"])
            (await app.Program.UserInfoAsync(tokens["access_token"]!, scheme, app.Prover.ForUserInfo(tokens["access_token"]!).Sign())).Expect(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Apps)), Check("fapi2-security-profile-final-user-rejects-authentication")]
    public async Task A_person_who_says_no_is_believed(string client)
    {
        using var app = new FapiApp(server, client);
        var request = app.Request(("prompt", "consent"));
        (await app.AuthorizeAsync(request, "deny")).ExpectError(request, "access_denied");
    }

    [Theory, MemberData(nameof(Apps)), Check("fapi2-security-profile-final-ensure-authorization-request-without-state-success"),
     Check("fapi2-security-profile-final-ensure-authorization-request-without-nonce-success")]
    public async Task State_and_nonce_come_back_only_where_they_were_sent(string client)
    {
        using var app = new FapiApp(server, client);
        var request = app.Request(("state", null), ("nonce", null));
        var code = (await app.AuthorizeAsync(request)).ExpectCode(request);
        var tokens = (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover);
        Assert.False(Jwt.Claims(tokens["id_token"]!).TryGetProperty("nonce", out _));
    }

    [Theory, MemberData(nameof(Apps)), Check("fapi2-security-profile-final-ensure-authorization-request-with-64-char-nonce-success"),
     Check("fapi2-security-profile-final-ensure-authorization-request-with-long-nonce"), Check("fapi2-security-profile-final-ensure-authorization-request-with-long-state")]
    public async Task Long_ones_come_back_whole(string client)
    {
        using var app = new FapiApp(server, client);
        foreach (var length in (int[])[64, 384, 1000])
        {
            var text = string.Concat(Enumerable.Range(0, length).Select(at => "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~ %&+=/?#'()*!"[at % 79]));
            var request = app.Request(("state", text), ("nonce", text));
            var stop = await app.AuthorizeAsync(request);
            var tokens = (await app.Program.RedeemAsync(request, stop.ExpectCode(request))).ExpectBound(app.Prover);
            Assert.Equal(text, Jwt.Claims(tokens["id_token"]!).GetProperty("nonce").GetString());
        }
    }

    [Theory, MemberData(nameof(Apps)), Check("fapi2-security-profile-final-ensure-other-scope-order-succeeds")]
    public async Task Scopes_come_in_any_order(string client)
    {
        using var app = new FapiApp(server, client);
        foreach (var scope in (string[])["openid email files:read", "files:read email openid"])
        {
            var request = app.Program.Request(scope);
            var code = (await app.AuthorizeAsync(request)).ExpectCode(request);
            Assert.Equal(["email", "files:read", "openid"], (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover)["scope"]!.Split(' ').Order(StringComparer.Ordinal));
        }
    }

    [Theory, MemberData(nameof(Apps)), Spec("OIDC Core", "5.5"), Check("fapi2-security-profile-final-test-claims-parameter-identity-claims")]
    public async Task Every_claim_of_the_metadata_can_be_asked_for_by_name(string client)
    {
        using var app = new FapiApp(server, client);
        var supported = (await app.Program.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("claims_supported").EnumerateArray().Select(claim => claim.GetString()!).ToList();
        foreach (var form in (string[])["null", """{"essential":true}""", """{"essential":false}"""])
        {
            var asked = new JsonObject(supported.Select(name => KeyValuePair.Create(name, JsonNode.Parse(form))));
            var request = app.Request(("claims", new JsonObject { ["id_token"] = asked.DeepClone(), ["userinfo"] = asked }.ToJsonString()));
            var code = (await app.AuthorizeAsync(request)).ExpectCode(request);
            var tokens = (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover);
            var info = (await app.Program.UserInfoAsync(tokens["access_token"]!, "DPoP", app.Prover.ForUserInfo(tokens["access_token"]!).Sign())).Expect(HttpStatusCode.OK).Json;
            foreach (var claims in (JsonElement[])[Jwt.Claims(tokens["id_token"]!), info])
            {
                Assert.Equal(("Alice Example", "Alice", "alice@example.com", "+44 20 7946 0000"), (claims.GetProperty("name").GetString(),
                    claims.GetProperty("given_name").GetString(), claims.GetProperty("email").GetString(), claims.GetProperty("phone_number").GetString()));
                Assert.Equal((true, false, "London"), (claims.GetProperty("email_verified").GetBoolean(),
                    claims.GetProperty("phone_number_verified").GetBoolean(), claims.GetProperty("address").GetProperty("locality").GetString()));
            }
        }
    }

    public static TheoryData<string, string, string?, string> Wrong
    {
        get
        {
            var data = new TheoryData<string, string, string?, string>();
            foreach (var client in (string[])[FapiServer.App.Id, FapiServer.Signing.Id])
            {
                data.Add(client, "redirect_uri", null, "invalid_request");
                data.Add(client, "redirect_uri", "https://app.example.com/callback/other", "invalid_request");
                data.Add(client, "redirect_uri", "https://second.example.com/callback", "invalid_request");
                data.Add(client, "response_type", "code id_token", "unsupported_response_type");
                data.Add(client, "response_type", "token", "unsupported_response_type");
                data.Add(client, "code_challenge", null, "invalid_request");
                data.Add(client, "code_challenge_method", "plain", "invalid_request");
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Wrong)), Check("fapi2-security-profile-final-ensure-request-object-without-redirect-uri-fails"),
     Check("fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request"), Check("fapi2-security-profile-final-ensure-registered-redirect-uri"),
     Check("fapi2-security-profile-final-plain-fapi-tolerate-unregistered-redirect-uri"), Check("fapi2-security-profile-final-ensure-response-type-code-idtoken-fails"),
     Check("fapi2-security-profile-final-ensure-response-type-token-fails"), Check("fapi2-security-profile-final-par-ensure-pkce-required"), Check("fapi2-security-profile-final-par-plain-pkce-rejected")]
    public async Task A_wrong_request_ends_where_it_is_pushed(string client, string name, string? value, string error)
    {
        using var app = new FapiApp(server, client);
        var before = await server.RowsAsync();
        (await app.PushAsync(app.Request(name == "code_challenge" ? [(name, value), ("code_challenge_method", null)] : [(name, value)]))).ExpectError(error);
        Assert.Equal(before, await server.RowsAsync());
    }

    [Theory, MemberData(nameof(Apps)), Spec("RFC 9126", "5"), Check("fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails")]
    public async Task What_was_not_pushed_is_refused_signed_or_not(string client)
    {
        using var app = new FapiApp(server, client);
        var request = app.Request();
        (await server.Alice.GetAsync(request.Url)).ExpectError(request, "invalid_request");
        (await server.Alice.GetAsync($"{request.Url}&request={app.Object(request)}")).ExpectError(request, "invalid_request");
    }

    [Fact, Spec("FAPI 2.0 Security Profile", "5.4.1"), Spec("FAPI 2.0 Message Signing", "5.3.1"), Check("fapi2-security-profile-final-ensure-signed-request-object-with-RS256-fails"),
     Check("fapi2-security-profile-final-ensure-request-object-signature-algorithm-is-not-none"), Check("fapi2-security-profile-final-ensure-unsigned-request-at-par-endpoint-fails")]
    public async Task A_request_is_signed_by_the_registered_algorithm_and_no_other_of_the_key()
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        var request = app.Request();
        foreach (var algorithm in (string[])["RS256", "none"])
        {
            (await app.Program.PostAsync("/par", ("client_assertion", server.Assertion("PS256")), ("request", app.Object(request, algorithm: algorithm)))).ExpectError("invalid_request_object");
        }

        (await app.Program.PostAsync("/par", [("client_assertion", server.Assertion("PS256")), .. request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))]))
            .ExpectError("invalid_request");
        (await app.Program.PostAsync("/par", ("client_assertion", server.Assertion("PS256")), ("request", app.Object(request)))).Expect(HttpStatusCode.Created);
    }

    [Fact, Spec("RFC 9101", "6.2"), Check("fapi2-security-profile-final-ensure-matching-key-in-authorization-request")]
    public async Task Nobody_signs_for_another()
    {
        using var app = new FapiApp(server, FapiServer.Signing);
        using var second = new FapiApp(server, FapiServer.Second);
        (await app.Program.PostAsync("/par", ("request", second.Object(app.Request(), claims => claims["iss"] = FapiServer.Signing.Id)))).ExpectError("invalid_request_object");
    }
}
