using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Server.Tests.SenderConstraint;
using Latchkey.Storage;

namespace Latchkey.Server.Tests.Profiles;

/// <summary>What a client gets that says no more than <c>"profile": "fapi2-security"</c> or <c>"fapi2-message-signing"</c>.</summary>
public sealed class FapiTests(ProfileServer server) : IClassFixture<ProfileServer>
{
    private const string Security = "FAPI 2.0 Security Profile";
    private const string Signing = "FAPI 2.0 Message Signing";

    [Fact, Spec(Security, "5.3.2.1"), Spec(Security, "5.3.2.2"), Spec(Security, "5.4.1"), Check("fapi2-security-profile-final-happy-flow")]
    public async Task One_word_is_enough_for_the_whole_way()
    {
        using var prover = new Prover(server);
        using var bank = prover.Client(ProfileServer.Bank);
        var request = bank.Request("openid api:read");
        var stop = await server.PushAndAllowAsync(bank, request);
        Assert.Equal(server.Issuer, stop.Answer.Issuer);
        var tokens = (await bank.RedeemAsync(request, stop.Answer.Code!)).ExpectBound(prover);
        // The resource does not say how its tokens are signed; elsewhere that is RS256.
        Assert.Equal("PS256", Jwt.Header(tokens["access_token"]!).GetProperty("alg").GetString());
        Assert.Equal("PS256", Jwt.Header(tokens["id_token"]!).GetProperty("alg").GetString());
        var again = (await bank.RefreshAsync(tokens["refresh_token"]!)).ExpectBound(prover);
        Assert.Equal(tokens["refresh_token"], again["refresh_token"]);
    }

    [Fact, Spec(Security, "5.3.2.2"), Check("fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails")]
    public async Task A_request_that_the_browser_brings_is_refused()
    {
        using var bank = server.Client(ProfileServer.Bank);
        var request = bank.Request("openid");
        (await server.Alice.GetAsync(request.Url)).ExpectError(request, "invalid_request");
    }

    [Fact, Spec(Security, "5.3.2.2"), Check("fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request")]
    public async Task A_pushed_request_names_its_redirect_uri()
    {
        using var bank = server.Client(ProfileServer.Bank);
        var request = bank.Request("api:read", ("redirect_uri", null));
        var refused = (await ProfileServer.PushAsync(bank, [.. request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))])).ExpectError("invalid_request");
        Assert.Contains("redirect_uri", refused.ErrorDescription, StringComparison.Ordinal);
        // Elsewhere one that is the only one registered may be left out.
        using var assertion = server.Client(DeclaredStates.Assertion);
        var usual = assertion.Request("api:read", ("redirect_uri", null));
        (await ProfileServer.PushAsync(assertion, [.. usual.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))])).Expect(HttpStatusCode.Created);
    }

    [Fact, Spec(Security, "5.3.2.1"), Check("fapi2-security-profile-final-ensure-holder-of-key-required")]
    public async Task A_token_without_a_proof_is_not_given()
    {
        using var bank = server.Client(ProfileServer.Bank);
        (await bank.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof");
    }

    [Fact, Spec(Security, "5.3.2.1"), Check("fapi2-security-profile-final-par-test-array-as-audience-fails")]
    public async Task The_audience_of_an_assertion_is_a_string()
    {
        using var prover = new Prover(server);
        using var bank = prover.Client(ProfileServer.Bank);
        var assertion = bank.Assertion(claims => claims["aud"] = new JsonArray(server.Issuer));
        (await bank.ClientCredentialsAsync("api:read", ("client_assertion", assertion))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await bank.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Fact, Spec(Security, "5.4.1"), Check("fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails")]
    public async Task An_assertion_by_RS256_is_refused_and_by_PS256_taken()
    {
        using var prover = new Prover(server);
        using var rsa = prover.Client(ProfileServer.Rsa);
        foreach (var (algorithm, taken) in new[] { ("RS256", false), ("PS256", true) })
        {
            var answer = await rsa.ClientCredentialsAsync(
                "api:read", ("client_assertion", server.RsaAssertion(algorithm)), ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            if (taken) answer.ExpectBound(prover);
            else answer.ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        }
    }

    [Fact, Spec(Security, "5.4.1")]
    public async Task A_request_object_by_RS256_is_refused_and_by_PS256_taken()
    {
        using var rsa = server.Client(ProfileServer.Rsa);
        foreach (var (algorithm, taken) in new[] { ("RS256", false), ("PS256", true) })
        {
            var answer = await ProfileServer.PushAsync(
                rsa, ("request", server.RsaObject(rsa, rsa.Request("openid"), algorithm)), ("client_assertion", server.RsaAssertion("PS256")),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
            if (taken) answer.Expect(HttpStatusCode.Created);
            else answer.ExpectError("invalid_request_object");
        }
    }

    [Fact, Spec(Security, "5.4.1"), Check("fapi2-security-profile-final-dpop-negative-tests")]
    public async Task A_proof_by_RS256_is_refused()
    {
        using var bank = server.Client(ProfileServer.Bank);
        var key = ProfileServer.RsaKey.ExportParameters(includePrivateParameters: false);
        string Proof(string algorithm) => ProfileServer.SignRsa(
            new JsonObject
            {
                ["typ"] = "dpop+jwt",
                ["alg"] = algorithm,
                ["jwk"] = new JsonObject { ["kty"] = "RSA", ["n"] = System.Buffers.Text.Base64Url.EncodeToString(key.Modulus), ["e"] = System.Buffers.Text.Base64Url.EncodeToString(key.Exponent) },
            },
            new JsonObject { ["jti"] = Guid.NewGuid().ToString(), ["htm"] = "POST", ["htu"] = server.Issuer + "/token", ["iat"] = server.Clock.GetUtcNow().ToUnixTimeSeconds() },
            algorithm);
        bank.Proof = _ => Proof("RS256");
        (await bank.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof");
        bank.Proof = _ => Proof("PS256");
        (await bank.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec(Signing, "5.3.1"), Spec(Signing, "5.4.1"), Check("fapi2-message-signing-final-happy-flow")]
    public async Task Requests_and_answers_are_signed_under_message_signing()
    {
        using var prover = new Prover(server);
        using var notary = prover.Client(ProfileServer.Notary);
        var request = notary.Request("openid api:read", ("response_mode", "jwt"));
        var pushed = (await ProfileServer.PushAsync(notary, ("request", server.Object(notary, request)))).Expect(HttpStatusCode.Created);
        var stop = await server.Alice.AuthorizeAsync($"{server.Issuer}/authorize?client_id=notary&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
        var claims = await Jwt.VerifyAsync(stop.Answer["response"]!, server.Issuer, "notary", "JWT", "PS256", server.Clock);
        (await notary.RedeemAsync(request, claims.GetProperty("code").GetString()!)).ExpectBound(prover);
    }

    [Fact, Spec(Signing, "5.3.1"), Check("fapi2-message-signing-final-ensure-unsigned-request-at-par-endpoint-fails")]
    public async Task A_request_that_is_not_signed_is_refused_under_message_signing()
    {
        using var notary = server.Client(ProfileServer.Notary);
        var request = notary.Request("openid", ("response_mode", "jwt"));
        (await ProfileServer.PushAsync(notary, [.. request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))])).ExpectError("invalid_request");
    }

    [Theory, Spec(Signing, "5.4.1"), InlineData(null), InlineData("query"), InlineData("form_post")]
    public async Task An_answer_that_would_not_be_signed_is_refused_under_message_signing(string? mode)
    {
        using var notary = server.Client(ProfileServer.Notary);
        var refused = (await ProfileServer.PushAsync(notary, ("request", server.Object(notary, notary.Request("openid", ("response_mode", mode)))))).ExpectError("invalid_request");
        Assert.Contains("response_mode=jwt", refused.ErrorDescription, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8707", "2"), Spec("MCP Authorization", "resource parameter")]
    public async Task A_client_of_mcp_names_the_API_that_it_wants_a_token_for()
    {
        using var agent = server.Client(ProfileServer.Agent);
        var vague = agent.Request("openid api:read files:read");
        (await server.Alice.GetAsync(vague.Url)).ExpectError(vague, "invalid_target");
        var tokens = await agent.SignInAsync(server.Alice, "openid api:read files:read", ("resource", DeclaredStates.Api));
        Assert.Equal(DeclaredStates.Api, Jwt.Claims(tokens.AccessToken).GetProperty("aud").GetString());
        // Signing in is no use of an API.
        Assert.Equal(server.Issuer, Jwt.Claims((await agent.SignInAsync(server.Alice, "openid")).AccessToken).GetProperty("aud").GetString());

        using var robot = server.Client(ProfileServer.Robot);
        (await robot.ClientCredentialsAsync(null)).ExpectError("invalid_target");
        (await robot.ClientCredentialsAsync("api:read")).ExpectError("invalid_target");
        var token = (await robot.ClientCredentialsAsync("api:read", ("resource", DeclaredStates.Api))).Expect(HttpStatusCode.OK)["access_token"];

        // An exchange that has but one target needs it said all the same.
        (string, string?)[] exchange =
        [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("subject_token", token), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ];
        (await robot.TokenAsync(exchange)).ExpectError("invalid_target");
        (await robot.TokenAsync([.. exchange, ("scope", "api:read")])).ExpectError("invalid_target");
        foreach (var name in (string[])["resource", "audience"]) (await robot.TokenAsync([.. exchange, (name, DeclaredStates.Api)])).Expect(HttpStatusCode.OK);
    }

    /// <summary>One list serves the APIs of all clients: where a client is held to FAPI, it is signed as FAPI lets an API take it.</summary>
    [Fact, Spec("FAPI 2.0 Security Profile", "5.4.1"), Spec("draft-ietf-oauth-status-list", "5.1")]
    public async Task The_status_list_is_signed_so_that_every_API_may_take_it()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        Assert.Equal("PS256", await ListAlgorithmAsync(machine));

        // Where nobody is, it stays what most take, until somebody comes who is.
        await using var own = await InProcessServer.StartAsync();
        using var other = own.Client(DeclaredStates.Machine);
        Assert.Equal("RS256", await ListAlgorithmAsync(other));
        var state = DeclaredStates.Standard().Add(ProfileServer.Bank, client => ProfileServer.Declare(client, "fapi2-security"));
        await own.Services.ApplyDeclaredStateAsync(DeclaredStateReader.Read(state.ToJsonString(), "test", new HashSet<string>(), Environment.GetEnvironmentVariable), "cli");
        Assert.Equal("PS256", await ListAlgorithmAsync(other));

        static async Task<string> ListAlgorithmAsync(OAuthClient client)
        {
            using var http = new HttpClient();
            var token = (await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
            var address = Jwt.Claims(token).GetProperty("status").GetProperty("status_list").GetProperty("uri").GetString()!;
            return Jwt.Header(await http.GetStringAsync(new Uri(address))).GetProperty("alg").GetString()!;
        }
    }

    [Fact]
    public async Task A_client_that_breaks_its_profile_behind_the_servers_back_gets_nothing()
    {
        // As an older version, or a hand in the database, would leave it.
        var metadata = server.Configuration.FindClient("web")!.Metadata with { ClientId = "crooked", Profile = "fapi2-security" };
        await server.Database.WriteAsync(async sql =>
        {
            await Clients.SaveAsync(sql, metadata, server.Now);
            return true;
        });
        await ((Latchkey.Server.Configuration.ConfigurationSource)server.Server.Services.GetService(typeof(Latchkey.Server.Configuration.ConfigurationSource))!).RefreshAsync();
        using var crooked = server.Client(DeclaredStates.Web with { Id = "crooked" });
        var refused = (await crooked.ClientCredentialsAsync(null)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Contains("fapi2-security", refused.ErrorDescription, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await server.Alice.GetAsync(crooked.Request("openid").Url)).Status);
    }
}
