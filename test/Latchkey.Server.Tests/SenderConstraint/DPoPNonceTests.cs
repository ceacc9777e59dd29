using System.Net;
using Latchkey.Storage;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>Nonces of the server: RFC 9449 sections 8 and 9.</summary>
[Check("A39")]
public sealed class DPoPNonceTests(NonceServer server) : IClassFixture<NonceServer>
{
    [Fact, Spec("RFC 9449", "8"), Spec("RFC 9449", "8.2")]
    public async Task A_proof_without_a_nonce_is_answered_with_one_and_the_next_has_it()
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        var before = await server.FingerprintAsync();
        var answer = (await machine.ClientCredentialsAsync("api:read")).ExpectError("use_dpop_nonce");
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(before, await server.FingerprintAsync());
        prover.Nonce = answer.Header("DPoP-Nonce");
        var good = (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
        // Success brings the nonce along too, so that a client learns of a new one in time.
        Assert.Equal(prover.Nonce, good.Header("DPoP-Nonce"));
        server.Wait(200);
        var newer = (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover).Header("DPoP-Nonce");
        Assert.NotEqual(prover.Nonce, newer);
    }

    [Theory, InlineData("forged"), InlineData("stale"), InlineData("changed")]
    [Spec("RFC 9449", "8")]
    public async Task A_nonce_that_is_not_ours_or_no_longer_is_answered_with_another(string fault)
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        var nonce = (await machine.ClientCredentialsAsync("api:read")).ExpectError("use_dpop_nonce").Header("DPoP-Nonce")!;
        if (fault == "stale") server.Wait(900);
        prover.Nonce = fault switch { "forged" => "eyJ7S_zG.eyJH0-Z.HX4w-7v", "changed" => (nonce[0] == 'A' ? 'B' : 'A') + nonce[1..], _ => nonce };
        var again = (await machine.ClientCredentialsAsync("api:read")).ExpectError("use_dpop_nonce");
        prover.Nonce = again.Header("DPoP-Nonce");
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Fact, Spec("RFC 9449", "8"), Spec("RFC 9449", "11.3")]
    public async Task With_a_nonce_the_clients_clock_does_not_matter()
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        prover.Nonce = (await machine.ClientCredentialsAsync("api:read")).ExpectError("use_dpop_nonce").Header("DPoP-Nonce");
        machine.Proof = _ => prover.ForToken().With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() - 86400).Sign();
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Fact, Spec("RFC 9449", "8"), Check("A39")]
    public async Task An_answer_that_asks_for_a_nonce_costs_neither_code_nor_refresh_token()
    {
        using var prover = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var (request, code) = await server.CodeAsync(app, "openid offline_access");
        var before = await server.FingerprintAsync();
        var audited = (await server.AuditAsync(AuditEvents.TokenRefused)).Count;
        foreach (var nonce in (string?[])[null, "forged", "AAAAAGkqXYDpAAAAAAAAAAAAAAAAAAAA"])
        {
            prover.Nonce = nonce;
            (await app.RedeemAsync(request, code)).ExpectError("use_dpop_nonce");
        }

        Assert.Equal(before, await server.FingerprintAsync());
        prover.Nonce = (await app.RedeemAsync(request, code)).ExpectError("use_dpop_nonce").Header("DPoP-Nonce");
        var tokens = (await app.RedeemAsync(request, code)).ExpectBound(prover);

        server.Wait(900);
        before = await server.FingerprintAsync();
        for (var i = 0; i < 3; i++) (await app.RefreshAsync(tokens["refresh_token"]!)).ExpectError("use_dpop_nonce");
        Assert.Equal(before, await server.FingerprintAsync());
        prover.Nonce = (await app.RefreshAsync(tokens["refresh_token"]!)).ExpectError("use_dpop_nonce").Header("DPoP-Nonce");
        (await app.RefreshAsync(tokens["refresh_token"]!)).ExpectBound(prover);
        Assert.Equal(audited, (await server.AuditAsync(AuditEvents.TokenRefused)).Count);
    }

    [Fact, Spec("RFC 9449", "9")]
    public async Task Userinfo_asks_with_a_challenge()
    {
        using var prover = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        prover.Nonce = (await app.RefreshAsync("lkr_x")).ExpectError("use_dpop_nonce").Header("DPoP-Nonce");
        var token = (await server.SignInAsync(app)).AccessToken;
        prover.Nonce = null;
        var answer = (await app.UserInfoAsync(token, "DPoP", prover.ForUserInfo(token).Sign())).ExpectError("use_dpop_nonce", HttpStatusCode.Unauthorized);
        Assert.StartsWith("DPoP realm=", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Contains("error=\"use_dpop_nonce\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        prover.Nonce = answer.Header("DPoP-Nonce");
        (await app.UserInfoAsync(token, "DPoP", prover.ForUserInfo(token).Sign())).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Who_proves_nothing_is_given_no_nonce()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        Assert.Null((await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK).Header("DPoP-Nonce"));
    }
}
