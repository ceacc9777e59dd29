using System.Net;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.SenderConstraint;

namespace Latchkey.Server.Tests.Fapi;

/// <summary>What the plans of FAPI 2.0 try at the token endpoint, and with the assertions of clients at every endpoint that takes them.</summary>
[Spec("FAPI 2.0 Security Profile", "5.3.2.1")]
public sealed class FapiTokenTests(FapiServer server) : IClassFixture<FapiServer>
{
    public static TheoryData<string, string> Faults
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var path in (string[])["/par", "/token"])
            {
                foreach (var fault in (string[])["nothing", "RS256", "none", "exp 5 minutes ago", "another server's aud", "aud in an array of endpoints", "aud /par", "aud /token", "no sub", "no jti",
                    "no exp", "from over a minute ahead", "the second's name", "sub of the second", "iss of the second", "a request object"]) data.Add(path, fault);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(Faults)), Spec("RFC 7523", "3"), Spec("RFC 10070", "3"), Check("A32"), Check("fapi2-security-profile-final-ensure-signed-client-assertion-with-RS256-fails"),
     Check("fapi2-security-profile-final-ensure-client-assertion-in-token-endpoint"), Check("fapi2-security-profile-final-ensure-client-assertion-with-exp-is-5-minutes-in-past-fails"),
     Check("fapi2-security-profile-final-ensure-client-assertion-with-wrong-aud-fails"), Check("fapi2-security-profile-final-ensure-client-assertion-with-no-sub-fails"),
     Check("fapi2-security-profile-final-ensure-client-id-in-token-endpoint"), Check("fapi2-security-profile-final-par-test-array-as-audience-fails"),
     Check("fapi2-security-profile-final-par-test-par-endpoint-url-as-audience-fails"), Check("fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails"),
     Check("fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails")]
    public async Task Who_does_not_prove_who_it_is_gets_nothing_and_uses_nothing_up(string path, string fault)
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        using var bare = app.Prover.Client(FapiServer.Rsa with { Method = TestClient.None });
        var (request, code) = path == "/token" ? await app.CodeAsync() : (app.Request(), "");
        Task<Answer> SendAsync(OAuthClient client, params (string, string?)[] proof) => path == "/token"
            ? client.RedeemAsync(request, code, proof)
            : client.PostAsync(path, [("request", app.Object(request)), .. proof]);

        var before = await server.FingerprintAsync();
        var answer = fault == "nothing" ? await SendAsync(bare)
            : fault == "the second's name" ? await SendAsync(app.Program, ("client_id", FapiServer.Second.Id), ("client_assertion", Spoilt(app, request, fault)))
            : await SendAsync(app.Program, ("client_assertion", Spoilt(app, request, fault)));
        Token.TokenEndpointTests.AssertErrorForm(answer.ExpectError("invalid_client", HttpStatusCode.Unauthorized));
        Assert.Equal(before, await server.FingerprintAsync());
        (await SendAsync(app.Program, ("client_assertion", server.Assertion("PS256")))).Expect(path == "/token" ? HttpStatusCode.OK : HttpStatusCode.Created);
    }

    [Theory, InlineData("/par"), InlineData("/token"), Check("fapi2-security-profile-final-par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted")]
    public async Task A_clock_that_is_8_seconds_ahead_is_fine(string path)
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        var (request, code) = path == "/token" ? await app.CodeAsync() : (app.Request(), "");
        var assertion = server.Assertion("PS256", claims => (claims["nbf"], claims["iat"]) = (Now + 8, Now + 8));
        (path == "/token" ? await app.Program.RedeemAsync(request, code, ("client_assertion", assertion)) : await app.Program.PostAsync(path, ("request", app.Object(request)), ("client_assertion", assertion)))
            .Expect(path == "/token" ? HttpStatusCode.OK : HttpStatusCode.Created);
    }

    [Fact, Spec("RFC 7523", "3"), Check("A32")]
    public async Task An_assertion_that_was_used_to_push_redeems_no_code()
    {
        using var app = new FapiApp(server, FapiServer.Rsa);
        var (request, code) = await app.CodeAsync();
        var assertion = server.Assertion("PS256");
        (await app.Program.PostAsync("/par", ("request", app.Object(request)), ("client_assertion", assertion))).Expect(HttpStatusCode.Created);
        (await app.Program.PostAsync("/par", ("request", app.Object(request)), ("client_assertion", assertion))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await app.Program.RedeemAsync(request, code, ("client_assertion", assertion))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await app.Program.RedeemAsync(request, code, ("client_assertion", server.Assertion("PS256")))).ExpectBound(app.Prover);
    }

    [Fact, Check("fapi2-security-profile-final-ensure-authorization-code-is-bound-to-client"), Check("fapi2-security-profile-final-ensure-holder-of-key-required"),
     Check("fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second")]
    public async Task A_code_is_its_clients_and_good_once_with_a_proof()
    {
        using var app = new FapiApp(server, FapiServer.App);
        using var second = new FapiApp(server, FapiServer.Second);
        var (request, code) = await app.CodeAsync();
        (await second.Program.RedeemAsync(request, code)).ExpectError("invalid_grant");
        using var bare = server.Client(FapiServer.App);
        (await bare.RedeemAsync(request, code)).ExpectError("invalid_dpop_proof");
        (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover);
        server.Wait(1);
        (await app.Program.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    [Fact, Check("fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code")]
    public async Task A_code_lives_for_a_minute()
    {
        using var app = new FapiApp(server, FapiServer.App);
        var (request, code) = await app.CodeAsync();
        server.Wait(60);
        (await app.Program.RedeemAsync(request, code)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 7636", "4.6"), Check("fapi2-security-profile-final-ensure-pkce-code-verifier-required"), Check("fapi2-security-profile-final-incorrect-pkce-code-verifier-rejected")]
    public async Task A_code_needs_its_verifier()
    {
        using var app = new FapiApp(server, FapiServer.App);
        var (request, code) = await app.CodeAsync();
        foreach (var verifier in (string?[])[null, new string('a', 43), request["code_challenge"]])
            (await app.Program.RedeemAsync(request, code, ("code_verifier", verifier))).ExpectError("invalid_grant");
        (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover);
    }

    [Fact, Spec("RFC 9449", "5"), Check("fapi2-security-profile-final-refresh-token")]
    public async Task A_refresh_token_is_its_clients_whatever_its_key_is_now()
    {
        using var app = new FapiApp(server, FapiServer.App);
        using var later = new FapiApp(server, FapiServer.App);
        using var second = new FapiApp(server, FapiServer.Second);
        var (request, code) = await app.CodeAsync();
        var token = (await app.Program.RedeemAsync(request, code)).ExpectBound(app.Prover)["refresh_token"]!;
        var before = await server.RowsAsync();
        (await second.Program.RefreshAsync(token)).ExpectError("invalid_grant");
        using var unproven = app.Prover.Client(FapiServer.App with { Method = TestClient.None });
        (await unproven.RefreshAsync(token)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var bare = server.Client(FapiServer.App);
        (await bare.RefreshAsync(token)).ExpectError("invalid_dpop_proof");
        Assert.Equal(before, await server.RowsAsync());
        var first = (await app.Program.RefreshAsync(token)).ExpectBound(app.Prover);
        // No rotation (FAPI 2.0 Security Profile section 5.3.2.1): an answer that was lost is asked for again, however late, and with another key.
        server.Wait(90);
        Assert.Equal(first["refresh_token"] ?? token, (await later.Program.RefreshAsync(token)).ExpectBound(later.Prover)["refresh_token"] ?? token);
    }

    private long Now => server.Clock.GetUtcNow().ToUnixTimeSeconds();

    private string Spoilt(FapiApp app, AuthorizationRequest request, string fault) => fault switch
    {
        "RS256" or "none" => server.Assertion(fault),
        "the second's name" => server.Assertion("PS256", client: FapiServer.Second.Id),
        // Signed by the client for this server, and no assertion all the same.
        "a request object" => app.Object(request, claims => (claims["jti"], claims["sub"]) = ("1", FapiServer.Rsa.Id)),
        _ => server.Assertion("PS256", claims =>
        {
            switch (fault)
            {
                case "exp 5 minutes ago": claims["exp"] = Now - 300; break;
                case "another server's aud": claims["aud"] = "https://id.example.net"; break;
                case "aud in an array of endpoints": claims["aud"] = new JsonArray(server.Issuer, server.Issuer + "/par", server.Issuer + "/token"); break;
                case "aud /par" or "aud /token": claims["aud"] = server.Issuer + fault[4..]; break;
                case "no sub" or "no jti" or "no exp": claims.Remove(fault[3..]); break;
                case "from over a minute ahead": (claims["nbf"], claims["iat"], claims["exp"]) = (Now + 70, Now + 70, Now + 130); break;
                case "sub of the second": claims["sub"] = FapiServer.Second.Id; break;
                case "iss of the second": claims["iss"] = FapiServer.Second.Id; break;
                default: throw new InvalidOperationException(fault);
            }
        }),
    };
}
