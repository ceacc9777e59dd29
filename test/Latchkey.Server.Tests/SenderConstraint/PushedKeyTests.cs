using System.Net;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>DPoP at the pushed authorization request endpoint: RFC 9449 section 10.1.</summary>
public sealed class PushedKeyTests(DPoPServer server) : IClassFixture<DPoPServer>
{
    [Fact, Spec("RFC 9449", "10.1"), Check("A40"), Check("fapi2-security-profile-final-ensure-dpopproof-at-par-endpoint-binding-success")]
    public async Task A_proof_binds_the_code_as_dpop_jkt_does()
    {
        using var prover = new Prover(server);
        using var thief = new Prover(server);
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid");
        var code = await CodeAsync(web, (await PushAsync(web, request, prover.For("POST", "/par").Sign())).Expect(HttpStatusCode.Created)["request_uri"]!);
        (await web.RedeemAsync(request, code)).ExpectError("invalid_dpop_proof");
        using var other = thief.Client(DeclaredStates.Web);
        (await other.RedeemAsync(request, code)).ExpectError("invalid_grant");
        using var right = prover.Client(DeclaredStates.Web);
        (await right.RedeemAsync(request, code)).ExpectBound(prover);
    }

    [Fact, Spec("RFC 9449", "10.1"), Check("A40"), Check("fapi2-security-profile-final-ensure-mismatched-dpop-jkt-fails")]
    public async Task A_dpop_jkt_of_another_key_than_the_proofs_is_refused()
    {
        using var prover = new Prover(server);
        using var another = new Prover(server);
        using var web = server.Client(DeclaredStates.Web);
        var refused = (await PushAsync(web, web.Request("openid", ("dpop_jkt", another.Thumbprint)), prover.For("POST", "/par").Sign())).ExpectError("invalid_dpop_proof");
        Assert.Contains("dpop_jkt", refused.ErrorDescription, StringComparison.Ordinal);
        (await PushAsync(web, web.Request("openid", ("dpop_jkt", prover.Thumbprint)), prover.For("POST", "/par").Sign())).Expect(HttpStatusCode.Created);
        (await PushAsync(web, web.Request("openid", ("dpop_jkt", "short")), null)).ExpectError("invalid_request");
    }

    [Fact, Spec("RFC 9449", "4.3"), Spec("RFC 9449", "11.1"), Check("fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds")]
    public async Task The_proof_is_judged_as_anywhere_and_good_once()
    {
        using var prover = new Prover(server);
        using var web = server.Client(DeclaredStates.Web);
        (await PushAsync(web, web.Request("openid"), prover.ForToken().Sign())).ExpectError("invalid_dpop_proof");
        foreach (var offset in (int[])[-10, 10])
        {
            var proof = prover.For("POST", "/par").With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() + offset).Sign();
            (await PushAsync(web, web.Request("openid"), proof)).Expect(HttpStatusCode.Created);
            (await PushAsync(web, web.Request("openid"), proof)).ExpectError("invalid_dpop_proof");
        }

        var once = prover.For("POST", "/par").Sign();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => PushAsync(web, web.Request("openid"), once)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.Created);
    }

    private static Task<Answer> PushAsync(OAuthClient client, AuthorizationRequest request, string? proof)
    {
        client.Proof = _ => proof;
        try
        {
            return client.PostAsync("/par", request.Parameters.Where(parameter => parameter.Name != "client_id").Select(parameter => (parameter.Name, (string?)parameter.Value)));
        }
        finally
        {
            client.Proof = null;
        }
    }

    private async Task<string> CodeAsync(OAuthClient client, string reference)
    {
        var stop = await server.Alice.AuthorizeAsync($"{server.Issuer}/authorize?client_id={client.Client.Id}&request_uri={Uri.EscapeDataString(reference)}");
        return stop.Answer.Code ?? throw new InvalidOperationException($"There is no code at {stop}");
    }
}
