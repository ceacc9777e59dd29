using System.Net;
using Latchkey.Protocol;
using Latchkey.Verification.DPoP;

namespace Latchkey.Testing.Tests;

/// <summary>The kit's bad tokens and proofs against our own guard, which refuses every one.</summary>
public sealed class GuardTests
{
    public static IEnumerable<object[]> Bad => NegativeTokens.All(AppFactory.Api).Rows;

    public static IEnumerable<object[]> BadProofs => NegativeProofs.All.Concat(NegativeProofs.WithToken).Select(proof => (object[])[proof]);

    [Theory, MemberData(nameof(Bad))]
    public async Task Every_negative_token_is_refused(NegativeToken token)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.Guard();
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/scoped");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token.Create(authority));
        using var response = await http.SendAsync(request);
        NegativeTokens.ShouldBeRefused(token, response);
    }

    [Fact]
    public async Task A_good_token_passes_until_it_expires_by_the_shared_clock()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.Guard();
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        var token = authority.Token().For("alice").Scope("api:read").Audience(AppFactory.Api);
        using var now = token.Get("/scoped");
        using var later = token.Get("/scoped");
        Assert.Equal(HttpStatusCode.OK, (await http.SendAsync(now)).StatusCode);
        authority.Advance(TimeSpan.FromMinutes(16));
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.SendAsync(later)).StatusCode);
    }

    [Theory, MemberData(nameof(BadProofs))]
    public async Task Every_negative_proof_is_refused(NegativeProof proof)
    {
        const string Url = "https://api.example.com/things";
        await using var authority = await TestAuthority.StartAsync();
        using var key = DPoPKey.Generate();
        var verifier = new DPoPProofVerifier(new DPoPRules { Nonces = DPoPNonceMode.Off }, new MemoryReplayStore(authority.Clock), authority.Clock);
        string token = authority.Token().BoundTo(key);
        string good = authority.Proof(key, "GET", Url).For(token);
        Assert.True(await VerifyAsync(good));
        Assert.False(await VerifyAsync(good), "a replay");
        Assert.False(await VerifyAsync(proof.Create(authority, key, "GET", Url, token)));

        async Task<bool> VerifyAsync(string sent) => (await verifier.VerifyAsync([sent], new DPoPRequest { Method = "GET", Targets = [Url], AccessToken = token, KeyThumbprint = key.Thumbprint })).Succeeded(out _, out _);
    }
}
