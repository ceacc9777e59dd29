using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Testing;
using Latchkey.Verification.DPoP;

namespace Latchkey.ResourceServer.Tests.DPoP;

public sealed class DPoPTests(StandingApi standing) : IClassFixture<StandingApi>, IDisposable
{
    private const string Url = Ready.Api + "/any";

    private readonly TestAuthority _authority = standing.Authority;
    private readonly GuardedApi _api = standing.Api;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Proofs that are right but for one thing, by the check of the list they stand for.</summary>
    private static readonly Dictionary<string, (string Code, Func<ForgedProof, string> Make)> Faults = new()
    {
        ["R21 malformed"] = ("LK-DPOP-MALFORMED", _ => "not.a.proof"),
        ["R22 no typ"] = ("LK-DPOP-TYPE", proof => proof.WithHeader("typ", null).Sign()),
        ["R23 no alg"] = ("LK-DPOP-MALFORMED", proof => proof.WithHeader("alg", null).Sign()),
        ["R24 no jwk"] = ("LK-DPOP-KEY-MISSING", proof => proof.WithHeader("jwk", null).Sign()),
        ["R25 no jti"] = ("LK-DPOP-ID-MISSING", proof => proof.With("jti", null).Sign()),
        ["R26 no htm"] = ("LK-DPOP-METHOD-MISSING", proof => proof.With("htm", null).Sign()),
        ["R26 no htu"] = ("LK-DPOP-TARGET-MISSING", proof => proof.With("htu", null).Sign()),
        ["R27 no iat"] = ("LK-DPOP-TIME-MISSING", proof => proof.With("iat", null).Sign()),
        ["R27 no ath"] = ("LK-DPOP-TOKEN-MISSING", proof => proof.With("ath", null).Sign()),
        ["R28 typ JWT"] = ("LK-DPOP-TYPE", proof => proof.WithHeader("typ", "JWT").Sign()),
        ["R28 alg none"] = ("LK-DPOP-ALGORITHM", proof => proof.WithHeader("alg", "none").Sign(_ => [])),
        ["R28 symmetric"] = ("LK-DPOP-ALGORITHM", proof => proof.WithHeader("alg", "HS256").Sign(data => HMACSHA256.HashData(new byte[32], data))),
        ["R28 private key"] = ("LK-DPOP-KEY-PRIVATE", proof => proof.WithKey("d", "AAAA").Sign()),
        ["R28 bad signature"] = ("LK-DPOP-SIGNATURE", proof => proof.Sign(_ => new byte[64])),
        ["R29 wrong method"] = ("LK-DPOP-METHOD", proof => proof.With("htm", "POST").Sign()),
        ["R29 wrong address"] = ("LK-DPOP-TARGET", proof => proof.With("htu", Ready.Api + "/read").Sign()),
        ["R29 the Host header's address"] = ("LK-DPOP-TARGET", proof => proof.With("htu", "https://evil.example/any").Sign()),
        ["R30 an hour old"] = ("LK-DPOP-TIME", proof => proof.With("iat", 1).Sign()),
        ["R30 an hour ahead"] = ("LK-DPOP-TIME", proof => proof.With("iat", 253_402_300_000).Sign()),
        ["R32 another token's hash"] = ("LK-DPOP-TOKEN", proof => proof.With("ath", ForgedProof.Hash("another.token")).Sign()),
    };

    public static TheoryData<string> FaultNames => [.. Faults.Keys];

    [Theory, MemberData(nameof(FaultNames)), Spec("RFC 9449", "4.3")]
    [Check("R21"), Check("R22"), Check("R23"), Check("R24"), Check("R25"), Check("R26"), Check("R27"), Check("R28"), Check("R29"), Check("R30"), Check("R32")]
    public async Task A_proof_with_a_fault_is_refused_by_its_own_check(string fault)
    {
        var (code, make) = Faults[fault];
        using var request = new HttpRequestMessage(HttpMethod.Get, "/any");
        request.Headers.TryAddWithoutValidation("Authorization", "DPoP " + Token());
        request.Headers.TryAddWithoutValidation("DPoP", make(Proof()));
        // What the caller says its host is changes nothing.
        request.Headers.Host = "evil.example";
        IsRefused(await _api.SendAsync(request), code);
    }

    [Fact, Spec("RFC 9449", "7.1"), Check("R20")]
    public async Task A_bound_token_is_let_in_with_a_proof()
    {
        (await _api.DPoPAsync(Token(), "/any", Proof().Sign())).IsAccepted();
        using var key = DPoPKey.Generate("PS256");
        var token = _authority.Token().BoundTo(key.Thumbprint).Sign();
        (await _api.DPoPAsync(token, "/any", DPoPProof.Create(key, "GET", Url, _authority.Clock.GetUtcNow().ToUnixTimeSeconds(), token))).IsAccepted();
    }

    [Fact, Spec("RFC 9449", "7.2"), Check("R20")]
    public async Task A_bound_token_as_bearer_is_refused_with_a_proof_or_without()
    {
        var token = Token();
        (await _api.BearerAsync(token)).IsRefused("LK-RS-BOUND");
        using var request = new HttpRequestMessage(HttpMethod.Get, "/any");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        request.Headers.TryAddWithoutValidation("DPoP", Proof(token).Sign());
        (await _api.SendAsync(request)).IsRefused("LK-RS-BOUND");
    }

    [Fact, Spec("RFC 9449", "7.1"), Check("R20")]
    public async Task A_token_that_is_not_bound_is_refused_as_dpop()
    {
        var token = _authority.Token().Sign();
        IsRefused(await _api.DPoPAsync(token, "/any", Proof(token).Sign()), "LK-RS-NOT-BOUND", "invalid_token");
    }

    [Fact, Spec("RFC 9449", "4.3 (1)"), Check("R21")]
    public async Task No_proof_and_two_proofs_are_refused()
    {
        IsRefused(await _api.DPoPAsync(Token(), "/any"), "LK-DPOP-MISSING");
        IsRefused(await _api.DPoPAsync(Token(), "/any", Proof().Sign(), Proof().Sign()), "LK-DPOP-SEVERAL");
    }

    [Theory, Spec("RFC 9449", "4.3 (9)"), Check("R29"), InlineData(Url + "?page=1#top"), InlineData("HTTPS://API.TEST/any"), InlineData("https://api.test:443/any")]
    public async Task The_address_is_compared_in_its_one_form(string target)
    {
        var token = Token();
        (await _api.DPoPAsync(token, "/any?page=2", Proof(token).With("htu", target).Sign())).IsAccepted();
    }

    [Fact, Spec("RFC 9449", "11.1"), Check("R31")]
    public async Task A_proof_is_good_once_also_in_parallel()
    {
        var token = Token();
        var proof = Proof(token).Sign();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _api.DPoPAsync(token, "/any", proof)));
        Assert.Single(answers, answer => answer.Status == 200);
        Assert.All(answers.Where(answer => answer.Status != 200), answer => IsRefused(answer, "LK-DPOP-REPLAYED"));
    }

    [Fact, Spec("RFC 9449", "6.1"), Check("R32")]
    public async Task Another_key_than_the_tokens_is_refused()
    {
        var token = Token();
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        IsRefused(await _api.DPoPAsync(token, "/any", new ForgedProof(other, "GET", Url, _authority.Clock.GetUtcNow(), token).Sign()), "LK-DPOP-KEY-OTHER");
    }

    [Theory, InlineData("{}"), InlineData("""{"jwk":{}}"""), InlineData("""{"jkt":7}"""), InlineData("\"jkt\""), InlineData("null"), Spec("RFC 7800", "3.1"), Check("R20")]
    public async Task A_binding_that_cannot_be_checked_is_refused(string confirmation)
    {
        // The builder takes null for "no claim".
        var token = _authority.Token().Claim("cnf", confirmation == "null" ? JsonValue.Create<object?>(null) ?? JsonNode.Parse("[]") : JsonNode.Parse(confirmation)).Sign();
        (await _api.BearerAsync(token)).IsRefused("LK-RS-BINDING-UNKNOWN");
        IsRefused(await _api.DPoPAsync(token, "/any", Proof(token).Sign()), "LK-RS-BINDING-UNKNOWN", "invalid_token");
    }

    [Fact, Spec("RFC 9449", "9"), Check("R33"), Check("R30")]
    public async Task A_nonce_is_asked_for_and_then_tells_the_time()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options => options.DPoP.Nonces = DPoPNonceMode.Required);
        var token = Token();
        var asked = await api.DPoPAsync(token, "/any", Proof(token).Sign());
        IsRefused(asked, "LK-DPOP-NONCE-MISSING", "use_dpop_nonce");
        Assert.True(asked.Headers.CacheControl?.NoStore);
        var nonce = Assert.Single(asked.Headers.GetValues("DPoP-Nonce"));
        Assert.Contains("DPoP-Nonce", string.Join(',', asked.Headers.GetValues("Access-Control-Expose-Headers")), StringComparison.Ordinal);

        var good = await api.DPoPAsync(token, "/any", Proof(token).With("nonce", nonce).With("iat", 1).Sign());
        good.IsAccepted();
        Assert.Equal(nonce, Assert.Single(good.Headers.GetValues("DPoP-Nonce")));

        IsRefused(await api.DPoPAsync(token, "/any", Proof(token).With("nonce", nonce[..^2] + (nonce[^2] == 'A' ? 'B' : 'A') + nonce[^1]).Sign()), "LK-DPOP-NONCE-UNKNOWN", "use_dpop_nonce");
        _authority.Advance(TimeSpan.FromMinutes(8));
        var stale = await api.DPoPAsync(token, "/any", Proof(token).With("nonce", nonce).Sign());
        IsRefused(stale, "LK-DPOP-NONCE-STALE", "use_dpop_nonce");
        (await api.DPoPAsync(token, "/any", Proof(token).With("nonce", Assert.Single(stale.Headers.GetValues("DPoP-Nonce"))).Sign())).IsAccepted();
    }

    [Fact, Spec("RFC 9449", "9")]
    public async Task Optional_nonces_are_given_out_and_judged_if_they_come_back()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options => options.DPoP.Nonces = DPoPNonceMode.Optional);
        var token = Token();
        var first = await api.DPoPAsync(token, "/any", Proof(token).Sign());
        first.IsAccepted();
        (await api.DPoPAsync(token, "/any", Proof(token).With("nonce", Assert.Single(first.Headers.GetValues("DPoP-Nonce"))).With("iat", 1).Sign())).IsAccepted();
        IsRefused(await api.DPoPAsync(token, "/any", Proof(token).With("nonce", "made-up").Sign()), "LK-DPOP-NONCE-UNKNOWN", "use_dpop_nonce");
        Assert.False((await api.BearerAsync(_authority.Token())).Headers.Contains("DPoP-Nonce"));
    }

    [Fact, Spec("RFC 9449", "11.1"), Check("R31")]
    public async Task Without_its_replay_store_the_api_is_unavailable_rather_than_open()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options => options.DPoP.ReplayStore = new Broken());
        var token = Token();
        var answer = await api.DPoPAsync(token, "/any", Proof(token).Sign());
        Assert.Equal(503, answer.Status);
        Assert.Contains("LK-DPOP-STORE-FAILED", answer.Body, StringComparison.Ordinal);
        Assert.Empty(answer.Challenges);
    }

    [Fact, Spec("RFC 9449", "7.1")]
    public async Task The_challenge_offers_bearer_first_and_dpop_with_its_algorithms()
    {
        var answer = await _api.SendAsync((string?)null);
        Assert.Equal(["Bearer", "DPoP"], answer.Challenges.Select(challenge => challenge.Scheme));
        Assert.Contains("algs=\"ES256 PS256 RS256 ES384 PS384 RS384 ES512 PS512 RS512 Ed25519 EdDSA\"", answer.Challenges[1].Parameter, StringComparison.Ordinal);
        Assert.DoesNotContain("error", string.Concat(answer.Challenges), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9449", "7.2"), Spec("RFC 9728", "2")]
    public async Task Where_binding_is_required_bearer_tokens_are_refused_and_not_offered()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options => options.DPoP.Required = true);
        IsRefused(await api.BearerAsync(_authority.Token()), "LK-RS-BINDING-REQUIRED", "invalid_token");
        IsRefused(await api.BearerAsync(_authority.Token().Expired()), "LK-JWT-EXPIRED", "invalid_token");
        Assert.Equal(["DPoP"], (await api.SendAsync((string?)null)).Challenges.Select(challenge => challenge.Scheme));
        (await api.DPoPAsync(Token(), "/any", Proof().Sign())).IsAccepted();
        Assert.Contains("\"dpop_bound_access_tokens_required\":true", (await api.SendAsync((string?)null, "/.well-known/oauth-protected-resource")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Proofs_are_compared_with_every_configured_address()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options =>
        {
            options.Addresses.Add("https://api.test/v1/");
            options.Addresses.Add("http://127.0.0.1:5300");
        });
        var token = Token();
        (await api.DPoPAsync(token, "/any", Proof(token).With("htu", "https://api.test/v1/any").Sign())).IsAccepted();
        (await api.DPoPAsync(token, "/any", Proof(token).With("htu", "http://127.0.0.1:5300/any").Sign())).IsAccepted();
        IsRefused(await api.DPoPAsync(token, "/any", Proof(token).Sign()), "LK-DPOP-TARGET");
    }

    [Fact]
    public async Task Neither_token_nor_proof_is_logged()
    {
        var token = Token();
        var proof = Proof(token).With("htm", "POST").Sign();
        await _api.DPoPAsync(token, "/any", proof);
        Assert.Contains(_api.Log, line => line.Contains("LK-DPOP-METHOD", StringComparison.Ordinal));
        Assert.DoesNotContain(_api.Log, line => line.Contains(token, StringComparison.Ordinal) || line.Contains(proof, StringComparison.Ordinal));
    }

    public void Dispose() => _key.Dispose();

    private string? _token;

    private string Token() => _token ??= _authority.Token().Lifetime(TimeSpan.FromHours(1)).BoundTo(ForgedProof.Thumbprint(_key)).Sign();

    private ForgedProof Proof(string? token = null) => new(_key, "GET", Url, _authority.Clock.GetUtcNow(), token ?? Token());

    private static void IsRefused(GuardedApi.Answer answer, string code, string error = "invalid_dpop_proof")
    {
        Assert.Equal(401, answer.Status);
        var challenge = Assert.Single(answer.Challenges, challenge => challenge.Scheme == "DPoP").Parameter!;
        Assert.Contains($"error=\"{error}\", error_description=\"{code}: ", challenge, StringComparison.Ordinal);
        Assert.Contains("algs=\"ES256 ", challenge, StringComparison.Ordinal);
    }

    private sealed class Broken : IReplayStore
    {
        public ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken) => throw new IOException();
    }
}
