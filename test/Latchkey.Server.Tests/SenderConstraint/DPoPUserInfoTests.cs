using System.Net;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>Bound tokens at the UserInfo endpoint: RFC 9449 section 7.</summary>
public sealed class DPoPUserInfoTests(DPoPServer server) : IClassFixture<DPoPServer>
{
    [Fact, Spec("RFC 9449", "7.1"), Check("fapi2-security-profile-final-happy-flow")]
    public async Task A_bound_token_works_with_its_proof_once()
    {
        using var prover = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var token = (await server.SignInAsync(app)).AccessToken;
        var proof = prover.ForUserInfo(token).Sign();
        (await app.UserInfoAsync(token, "DPoP", proof)).Expect(HttpStatusCode.OK);
        AssertChallenge((await app.UserInfoAsync(token, "DPoP", proof)).ExpectError("invalid_dpop_proof", HttpStatusCode.Unauthorized));
        (await app.UserInfoAsync(token, "dpop", prover.ForUserInfo(token).Sign())).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 9449", "7.2"), Check("fapi2-security-profile-final-dpop-negative-tests")]
    public async Task A_bound_token_is_no_bearer_token_and_a_bearer_token_not_bound()
    {
        using var prover = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var token = (await server.SignInAsync(app)).AccessToken;
        var answer = (await app.UserInfoAsync(token)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        AssertChallenge(answer);
        (await app.UserInfoAsync(token, "Bearer", prover.ForUserInfo(token).Sign())).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        // Nor in the form.
        var form = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/userinfo") { Content = new FormUrlEncodedContent([new("access_token", token)]) };
        (await app.SendAsync(form)).ExpectError("invalid_token", HttpStatusCode.Unauthorized);

        using var web = server.Client(DeclaredStates.Web);
        var bearer = (await server.SignInAsync(web)).AccessToken;
        (await web.UserInfoAsync(bearer, "DPoP", prover.ForUserInfo(bearer).Sign())).ExpectError("invalid_token", HttpStatusCode.Unauthorized);
        (await web.UserInfoAsync(bearer)).Expect(HttpStatusCode.OK);
    }

    [Theory, Spec("RFC 9449", "4.3"), Spec("RFC 9449", "7.1"), Check("fapi2-security-profile-final-dpop-negative-tests")]
    [InlineData("no proof"), InlineData("no ath"), InlineData("ath of another"), InlineData("htm POST"), InlineData("htu of token"), InlineData("another key")]
    [InlineData("hour old"), InlineData("hour ahead"), InlineData("no jti"), InlineData("two headers"), InlineData("no typ"), InlineData("typ JWT"), InlineData("no alg"), InlineData("alg none")]
    [InlineData("no jwk"), InlineData("private jwk"), InlineData("broken signature"), InlineData("no htm"), InlineData("no htu"), InlineData("no iat"), InlineData("not a JWT"), InlineData("crit")]
    public async Task A_bad_proof_is_a_challenge(string fault)
    {
        using var prover = new Prover(server);
        using var thief = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var token = (await server.SignInAsync(app)).AccessToken;
        var proof = prover.ForUserInfo(token);
        var before = await server.FingerprintAsync();
        string[] proofs = fault switch
        {
            "no proof" => [],
            "no ath" => [proof.With("ath", null).Sign()],
            "ath of another" => [proof.With("ath", ForgedProof.Hash("another")).Sign()],
            "htm POST" => [proof.With("htm", "POST").Sign()],
            "htu of token" => [proof.With("htu", server.Issuer + "/token").Sign()],
            "another key" => [thief.ForUserInfo(token).Sign()],
            "hour old" => [proof.With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() - 3600).Sign()],
            "hour ahead" => [proof.With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() + 3600).Sign()],
            "no jti" or "no htm" or "no htu" or "no iat" => [proof.With(fault[3..], null).Sign()],
            "no typ" or "no alg" or "no jwk" => [proof.WithHeader(fault[3..], null).Sign()],
            "typ JWT" => [proof.WithHeader("typ", "JWT").Sign()],
            "alg none" => [proof.WithHeader("alg", "none").Sign(_ => [])],
            "private jwk" => [proof.WithKey("d", "AQAB").Sign()],
            "broken signature" => [proof.Sign(_ => new byte[64])],
            "not a JWT" => ["x.y"],
            "crit" => [proof.WithHeader("crit", new JsonArray("exp")).Sign()],
            _ => [proof.Sign(), prover.ForUserInfo(token).Sign()],
        };
        AssertChallenge((await app.UserInfoAsync(token, "DPoP", proofs)).ExpectError("invalid_dpop_proof", HttpStatusCode.Unauthorized));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Fact, Spec("RFC 9449", "4.3"), Check("fapi2-security-profile-final-dpop-negative-tests")]
    public async Task The_address_is_compared_normalised()
    {
        using var prover = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var token = (await server.SignInAsync(app)).AccessToken;
        foreach (var htu in (string[])[server.Issuer.Replace("http:", "HTTP:", StringComparison.Ordinal) + "/userinfo", server.Issuer + "/userinfo?x=1", server.Issuer + "/./userinfo"])
            (await app.UserInfoAsync(token, "DPoP", prover.ForUserInfo(token).With("htu", htu).Sign())).Expect(HttpStatusCode.OK);
        // More than is asked for does no harm.
        (await app.UserInfoAsync(token, "DPoP", prover.ForUserInfo(token).With("more", 1).WithHeader("more", 1).Sign())).Expect(HttpStatusCode.OK);
    }

    private static void AssertChallenge(Answer answer)
    {
        Assert.StartsWith("DPoP realm=", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Contains("algs=\"ES256 ", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.Contains($"error_description=\"{answer.ErrorDescription}\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }
}
