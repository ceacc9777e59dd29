using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.SenderConstraint;

namespace Latchkey.Server.Tests.Fapi;

/// <summary>What the plan of FAPI-CIBA tries with clients that prove themselves by a key, and sign what they ask.</summary>
[Spec("FAPI-CIBA", "5.2.2")]
public sealed class FapiBackchannelTests(FapiServer server) : IClassFixture<FapiServer>
{
    [Fact, Spec("CIBA", "7.1.1"), Check("fapi-ciba-id1"), Check("fapi-ciba-id1-ensure-requested-expiry-as-string-succeeds"), Check("fapi-ciba-id1-ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds"),
     Check("fapi-ciba-id1-ensure-authorization-request-with-binding-message-succeeds"), Check("fapi-ciba-id1-refresh-token"), Check("fapi-ciba-id1-ensure-mtls-holder-of-key-required")]
    public async Task A_bank_asks_and_gets_tokens_of_its_key()
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        foreach (var expiry in (JsonNode[])["40", 40])
        {
            var asked = (await AskAsync(app, Signed(claims => (claims["requested_expiry"], claims["binding_message"]) = (expiry.DeepClone(), "1234")))).Expect(HttpStatusCode.OK);
            Assert.Equal("40", asked["expires_in"]);
        }

        var id = (await AskAsync(app, Signed())).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await AllowAsync();
        using var bare = server.Client(FapiServer.Rsa);
        (await PollAsync(bare, id)).ExpectError("invalid_dpop_proof");
        var tokens = (await PollAsync(app.Program, id)).ExpectBound(app.Prover);
        using var second = new FapiApp(server, FapiServer.Second);
        (await second.Program.RefreshAsync(tokens["refresh_token"]!)).ExpectError("invalid_grant");
        (await app.Program.RefreshAsync(tokens["refresh_token"]!, ("client_assertion", server.Assertion("PS256")))).ExpectBound(app.Prover);

        // The same where tokens are bound to a certificate, and the connection has none.
        using var certified = server.Client(FapiServer.Certified);
        var theirs = (await certified.PostAsync("/backchannel-authentication", ("client_assertion", Proof(client: FapiServer.Certified.Id)),
            ("request", Signed(claims => claims["iss"] = FapiServer.Certified.Id)))).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await AllowAsync();
        Assert.Contains("certificate", (await PollAsync(certified, theirs, Proof(client: FapiServer.Certified.Id))).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
    }

    [Theory, Check("fapi-ciba-id1-ensure-without-client-assertion-in-backchannel-authorization-request"), Check("fapi-ciba-id1-ensure-without-client-assertion-in-token-endpoint-request"),
     Check("fapi-ciba-id1-ensure-client-assertion-signature-algorithm-in-backchannel-authorization-request-is-RS256-fails"),
     Check("fapi-ciba-id1-ensure-client-assertion-signature-algorithm-in-token-endpoint-request-is-RS256-fails"),
     Check("fapi-ciba-id1-ensure-wrong-client-id-in-backchannel-authorization-request"), Check("fapi-ciba-id1-ensure-wrong-client-id-in-token-endpoint-request")]
    [InlineData("nothing"), InlineData("RS256"), InlineData("the second's name")]
    public async Task Who_does_not_prove_who_it_is_asks_nobody_and_gets_nothing(string fault)
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        using var bare = app.Prover.Client(FapiServer.Rsa with { Method = TestClient.None });
        var id = (await AskAsync(app, Signed())).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await AllowAsync();
        var before = await server.FingerprintAsync();
        foreach (var path in (string[])["/backchannel-authentication", "/token"])
        {
            (string, string?)[] form = path == "/token" ? [("grant_type", FapiServer.BackchannelGrant), ("auth_req_id", id)] : [("request", Signed())];
            (fault switch
            {
                "nothing" => await bare.PostAsync(path, form),
                "RS256" => await app.Program.PostAsync(path, [.. form, ("client_assertion", Proof("RS256"))]),
                _ => await app.Program.PostAsync(path, [.. form, ("client_id", FapiServer.Second.Id), ("client_assertion", Proof(client: FapiServer.Second.Id))]),
            }).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        }

        Assert.Equal(before, await server.FingerprintAsync());
        (await PollAsync(app.Program, id)).ExpectBound(app.Prover);
    }

    [Theory, Check("fapi-ciba-id1-ensure-request-object-signature-algorithm-is-RS256-fails"), Check("fapi-ciba-id1-ensure-request-object-signed-by-other-client-fails"),
     Check("fapi-ciba-id1-ensure-request-object-signature-algorithm-is-none-fails"), Check("fapi-ciba-id1-ensure-unsigned-backchannel-authorization-request-fails"),
     Check("fapi-ciba-id1-ensure-different-client-id-and-issuer-in-backchannel-authorization-request"), Check("fapi-ciba-id1-ensure-authorization-request-with-multiple-hints-fails")]
    [InlineData("RS256"), InlineData("none"), InlineData("the second's key"), InlineData("unsigned"), InlineData("another client_id and iss"), InlineData("two hints")]
    public async Task What_is_not_signed_as_registered_asks_nobody(string fault)
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        var before = await server.RowsAsync();
        (string, string?)[] form = fault switch
        {
            "RS256" or "none" => [("request", Signed(algorithm: fault))],
            "the second's key" => [("request", FapiServer.Second.Key!.Sign(new JsonObject(), Claims()))],
            "unsigned" => [("scope", "openid"), ("login_hint", "bob")],
            "another client_id and iss" => [("request", Signed(claims => (claims["client_id"], claims["iss"]) = (FapiServer.Second.Id, FapiServer.Second.Id)))],
            _ => [("request", Signed(claims => claims["id_token_hint"] = "e30.e30.e30"))],
        };
        (await app.Program.PostAsync("/backchannel-authentication", [.. form, ("client_assertion", Proof())])).ExpectError("invalid_request");
        Assert.Equal(before, await server.RowsAsync());
    }

    private string Proof(string algorithm = "PS256", string? client = null) => server.Assertion(algorithm, client: client);

    private JsonObject Claims()
    {
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        return new JsonObject
        {
            ["iss"] = FapiServer.Rsa.Id, ["aud"] = server.Issuer, ["iat"] = now, ["nbf"] = now, ["exp"] = now + 300, ["jti"] = Guid.NewGuid().ToString(),
            ["scope"] = "openid files:read", ["login_hint"] = DeclaredStates.Alice.Username,
        };
    }

    private string Signed(Action<JsonObject>? change = null, string algorithm = "PS256")
    {
        var claims = Claims();
        change?.Invoke(claims);
        return server.RsaKey.Sign(new JsonObject { ["alg"] = algorithm }, claims);
    }

    private Task<Answer> AskAsync(FapiApp app, string signed) => app.Program.PostAsync("/backchannel-authentication", ("request", signed), ("client_assertion", Proof()));

    private Task<Answer> PollAsync(OAuthClient client, string id, string? proof = null) =>
        client.TokenAsync(("grant_type", FapiServer.BackchannelGrant), ("auth_req_id", id), ("client_assertion", proof ?? Proof()));

    /// <summary>Alice allows all that waits for her.</summary>
    private async Task AllowAsync()
    {
        var page = await server.Alice.GetAsync(server.Issuer + "/account");
        if (page.Has("password")) page = await server.Alice.SignInAsync(page);
        while (page.Document!.QuerySelector("input[name=backchannel_request]") is AngleSharp.Html.Dom.IHtmlInputElement { Form: { } form })
        {
            await server.Alice.SubmitAsync(page, form, ("decision", "allow"));
            page = await server.Alice.GetAsync(server.Issuer + "/account");
        }
    }
}
