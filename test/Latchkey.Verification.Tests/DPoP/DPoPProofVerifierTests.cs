using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Verification.DPoP;
using Latchkey.Verification.Jose;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.Tests.DPoP;

public sealed class DPoPProofVerifierTests : IDisposable
{
    private const string Url = "https://api.example.com/invoices/1";
    private const string Token = "an.access.token";

    private readonly FakeTimeProvider _clock = new(DateTimeOffset.Parse("2026-11-24T12:00:00Z", null));
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly MemoryReplayStore _replays;

    public DPoPProofVerifierTests() => _replays = new(_clock);

    /// <summary>One fault each, and the code that names it.</summary>
    private static readonly Dictionary<string, (string Code, Func<ForgedProof, string> Make)> Faults = new()
    {
        ["no type"] = ("LK-DPOP-TYPE", proof => proof.WithHeader("typ", null).Sign()),
        ["type JWT"] = ("LK-DPOP-TYPE", proof => proof.WithHeader("typ", "JWT").Sign()),
        ["type at+jwt"] = ("LK-DPOP-TYPE", proof => proof.WithHeader("typ", "at+jwt").Sign()),
        ["no algorithm"] = ("LK-DPOP-MALFORMED", proof => proof.WithHeader("alg", null).Sign()),
        ["alg none, unsigned"] = ("LK-DPOP-ALGORITHM", proof => proof.WithHeader("alg", "none").Sign(_ => [])),
        ["alg nOnE"] = ("LK-DPOP-ALGORITHM", proof => proof.WithHeader("alg", "nOnE").Sign(_ => [])),
        ["symmetric algorithm with the public key as its secret"] = ("LK-DPOP-ALGORITHM", proof => proof.WithHeader("alg", "HS256").Sign(data => HMACSHA256.HashData(new byte[32], data))),
        ["symmetric key"] = ("LK-DPOP-KEY-PRIVATE", proof => proof.WithHeader("jwk", new JsonObject { ["kty"] = "oct", ["k"] = "c2VjcmV0" }).Sign()),
        ["kind of key oct without a key"] = ("LK-DPOP-KEY-PRIVATE", proof => proof.WithHeader("jwk", new JsonObject { ["kty"] = "oct" }).Sign()),
        ["private key"] = ("LK-DPOP-KEY-PRIVATE", proof => proof.WithKey("d", "AAAA").Sign()),
        ["no key"] = ("LK-DPOP-KEY-MISSING", proof => proof.WithHeader("jwk", null).Sign()),
        ["key that is text"] = ("LK-DPOP-KEY-MISSING", proof => proof.WithHeader("jwk", "key").Sign()),
        ["key of another kind than the algorithm's"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "RS256").Sign()),
        ["key on another curve than the algorithm's"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "ES384").Sign()),
        ["curve that is another"] = ("LK-DPOP-KEY", proof => proof.WithKey("crv", "P-384").Sign()),
        ["half a point"] = ("LK-DPOP-KEY", proof => proof.WithKey("y", null).Sign()),
        ["point of too few bytes"] = ("LK-DPOP-KEY", proof => proof.WithKey("x", "AQAB").Sign()),
        ["point that is not on the curve"] = ("LK-DPOP-SIGNATURE", proof => proof.WithKey("x", new string('A', 43)).Sign()),
        ["point beyond the field"] = ("LK-DPOP-SIGNATURE", proof => proof.WithKey("x", new string('_', 42) + "8").WithKey("y", new string('_', 42) + "8").Sign()),
        ["RSA key of exponent one"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", Rsa(2048, "AQ")).Sign()),
        ["RSA key of exponent zero"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", Rsa(2048, "AAAA")).Sign(_ => new byte[256])),
        ["RSA key of an even exponent"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "PS256").WithHeader("jwk", Rsa(2048, "AQAA")).Sign(_ => new byte[256])),
        ["RSA key of an odd large exponent"] = ("LK-DPOP-SIGNATURE", proof => proof.WithHeader("alg", "PS256").WithHeader("jwk", Rsa(4096, "__________8")).Sign(_ => new byte[512])),
        ["RSA key of an exponent larger than its modulus bears"] = ("LK-DPOP-SIGNATURE", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", Rsa(8192, "__________8")).Sign(_ => new byte[1024])),
        ["RSA key whose modulus is zero"] = ("LK-DPOP-SIGNATURE", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", new JsonObject { ["kty"] = "RSA", ["n"] = Base64UrlEncoder.Encode(new byte[256]), ["e"] = "AQAB" }).Sign(_ => new byte[256])),
        ["RSA key of 1024 bits"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", Rsa(1024)).Sign()),
        ["RSA key of 16384 bits"] = ("LK-DPOP-MALFORMED", proof => proof.WithHeader("alg", "RS256").WithHeader("jwk", Rsa(65536)).Sign()),
        ["RSA key larger than verifying is worth"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "PS256").WithHeader("jwk", Rsa(16384)).Sign()),
        ["RSA exponent larger than verifying is worth"] = ("LK-DPOP-KEY", proof => proof.WithHeader("alg", "PS256").WithHeader("jwk", Rsa(2048, Base64UrlEncoder.Encode(new byte[256]))).Sign()),
        ["signature of another key"] = ("LK-DPOP-SIGNATURE", proof => proof.Sign(data => Sign(data))),
        ["no signature"] = ("LK-DPOP-SIGNATURE", proof => proof.Sign(_ => [])),
        ["signature in DER"] = ("LK-DPOP-SIGNATURE", proof => proof.Sign(_ => new byte[71])),
        ["no id"] = ("LK-DPOP-ID-MISSING", proof => proof.With("jti", null).Sign()),
        ["empty id"] = ("LK-DPOP-ID-MISSING", proof => proof.With("jti", "").Sign()),
        ["id that is a number"] = ("LK-DPOP-ID-MISSING", proof => proof.With("jti", 7).Sign()),
        ["id of 257 characters"] = ("LK-DPOP-ID-MISSING", proof => proof.With("jti", new string('a', 257)).Sign()),
        ["no method"] = ("LK-DPOP-METHOD-MISSING", proof => proof.With("htm", null).Sign()),
        ["another method"] = ("LK-DPOP-METHOD", proof => proof.With("htm", "GET").Sign()),
        ["method in small letters"] = ("LK-DPOP-METHOD", proof => proof.With("htm", "post").Sign()),
        ["no address"] = ("LK-DPOP-TARGET-MISSING", proof => proof.With("htu", null).Sign()),
        ["another host"] = ("LK-DPOP-TARGET", proof => proof.With("htu", "https://evil.example/invoices/1").Sign()),
        ["another path"] = ("LK-DPOP-TARGET", proof => proof.With("htu", "https://api.example.com/invoices/2").Sign()),
        ["no issue time"] = ("LK-DPOP-TIME-MISSING", proof => proof.With("iat", null).Sign()),
        ["issue time that is text"] = ("LK-DPOP-TIME-MISSING", proof => proof.With("iat", "1790000000").Sign()),
        ["no token hash"] = ("LK-DPOP-TOKEN-MISSING", proof => proof.With("ath", null).Sign()),
        ["hash of another token"] = ("LK-DPOP-TOKEN", proof => proof.With("ath", ForgedProof.Hash("another.access.token")).Sign()),
        ["exp that has passed"] = ("LK-DPOP-EXPIRED", proof => proof.With("exp", 1).Sign()),
        ["something critical that nobody understands"] = ("LK-DPOP-MALFORMED", proof => proof.WithHeader("crit", new JsonArray("exp")).Sign()),
        ["no dots"] = ("LK-DPOP-MALFORMED", _ => "gibberish"),
        ["two proofs in one header"] = ("LK-DPOP-MALFORMED", proof => $"{proof.Sign()}, {proof.Sign()}"),
        ["9,000 characters"] = ("LK-DPOP-MALFORMED", proof => proof.With("x", new string('x', 9000)).Sign()),
    };

    public static TheoryData<string> FaultNames => [.. Faults.Keys];

    [Theory, MemberData(nameof(FaultNames)), Spec("RFC 9449", "4.3")]
    public async Task Each_fault_is_refused_by_its_own_check(string fault)
    {
        var (code, make) = Faults[fault];
        AssertRefused(code, await VerifyAsync(make(Proof())));
        Assert.Equal(0, _replays.Count);
    }

    [Fact, Spec("RFC 9449", "4.3")]
    public async Task A_proof_without_a_fault_holds_and_names_its_key()
    {
        var proof = Assert.IsType<VerifiedDPoPProof>((await VerifyAsync(Proof().Sign())).Value);
        Assert.Equal(ForgedProof.Thumbprint(_key), proof.KeyThumbprint);
        Assert.Equal(32, proof.JwtId.Length);
    }

    public static TheoryData<string> Algorithms => [.. SigningAlgorithms.Supported];

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 9449", "4.2"), Spec("RFC 9864", "2.2")]
    public async Task Proofs_of_our_own_hold(string algorithm)
    {
        using var key = SigningAlgorithms.IsEd25519(algorithm) ? DPoPKey.Of(Ed25519Keys.Open(algorithm, "held", Ed25519Keys.Generate())) : DPoPKey.Generate(algorithm);
        for (var i = 0; i < 3; i++)
        {
            var proof = DPoPProof.Create(key, "POST", Url, Now, Token);
            Assert.Equal(key.Thumbprint, (await VerifyAsync(proof, request: Request with { KeyThumbprint = key.Thumbprint })).Value.KeyThumbprint);
        }
    }

    [Theory, InlineData("ES384", "nistP384"), InlineData("ES512", "nistP521")]
    public async Task Larger_curves_hold_too(string algorithm, string curve)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(key));
        var hash = algorithm == "ES384" ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA512;
        var proof = Proof().WithHeader("alg", algorithm).WithHeader("jwk", new JsonObject { ["kty"] = "EC", ["crv"] = jwk.Crv, ["x"] = jwk.X, ["y"] = jwk.Y });
        Assert.Equal(Base64UrlEncoder.Encode(jwk.ComputeJwkThumbprint()), (await VerifyAsync(proof.Sign(data => key.SignData(data, hash)))).Value.KeyThumbprint);
    }

    [Fact, Spec("RFC 9449", "4.3 (1)")]
    public async Task No_header_and_two_headers_are_told_apart()
    {
        AssertRefused("LK-DPOP-MISSING", await Verifier().VerifyAsync([], Request));
        AssertRefused("LK-DPOP-MISSING", await Verifier().VerifyAsync([""], Request));
        AssertRefused("LK-DPOP-SEVERAL", await Verifier().VerifyAsync([Proof().Sign(), Proof().Sign()], Request));
    }

    [Theory, Spec("RFC 9449", "4.3 (9)")]
    [InlineData("https://api.example.com/invoices/1?page=2", true)]
    [InlineData("https://api.example.com/invoices/1#top", true)]
    [InlineData("HTTPS://API.Example.COM/invoices/1", true)]
    [InlineData("https://api.example.com:443/invoices/1", true)]
    [InlineData("https://api.example.com/a/../invoices/./1", true)]
    [InlineData("https://api.example.com/%69nvoices/1", true)]
    [InlineData("https://api.example.com/Invoices/1", false)]
    [InlineData("https://api.example.com/invoices%2F1", false)]
    [InlineData("https://api.example.com/invoices/1/", false)]
    [InlineData("https://api.example.com:8443/invoices/1", false)]
    [InlineData("http://api.example.com/invoices/1", false)]
    [InlineData("https://api.example.com.evil.example/invoices/1", false)]
    [InlineData("https://api.example.com@evil.example/invoices/1", false)]
    [InlineData("https://user@api.example.com/invoices/1", false)]
    [InlineData("https:\\\\api.example.com\\invoices\\1", false)]
    [InlineData("https://api.example.com\\invoices\\1", false)]
    [InlineData("/invoices/1", false)]
    [InlineData("", false)]
    public async Task Addresses_are_compared_in_their_one_form(string target, bool holds)
    {
        var verdict = await VerifyAsync(Proof().With("htu", target).Sign());
        if (holds) AssertHolds(verdict);
        else AssertRefused("LK-DPOP-TARGET", verdict);
    }

    [Fact]
    public async Task A_server_may_have_several_addresses()
    {
        var request = Request with { Targets = ["https://internal.example/invoices/1", Url + "?ignored"] };
        AssertHolds(await VerifyAsync(Proof().Sign(), request: request));
        AssertRefused("LK-DPOP-TARGET", await VerifyAsync(Proof().Sign(), request: request with { Targets = [] }));
    }

    [Theory, Spec("RFC 9449", "11.1"), InlineData(60, true), InlineData(61, false), InlineData(-60, true), InlineData(-61, false), InlineData(3600, false), InlineData(-3600, false)]
    public async Task The_issue_time_lies_within_a_minute(int seconds, bool holds)
    {
        var verdict = await VerifyAsync(Proof().With("iat", Now + seconds).Sign());
        if (holds) AssertHolds(verdict);
        else AssertRefused("LK-DPOP-TIME", verdict);
    }

    [Fact, Spec("RFC 9449", "4.3 (12)")]
    public async Task Another_key_than_the_bound_one_is_refused()
    {
        AssertRefused("LK-DPOP-KEY-OTHER", await VerifyAsync(Proof().Sign(), request: Request with { KeyThumbprint = new string('A', 43) }));
        AssertHolds(await VerifyAsync(Proof().Sign(), request: Request with { KeyThumbprint = ForgedProof.Thumbprint(_key) }));
    }

    [Fact]
    public async Task At_the_token_endpoint_there_is_no_token_to_hash() =>
        AssertHolds(await VerifyAsync(Proof().With("ath", null).Sign(), request: Request with { AccessToken = null }));

    [Fact]
    public async Task Only_the_listed_algorithms_are_taken() =>
        AssertRefused("LK-DPOP-ALGORITHM", await VerifyAsync(Proof().Sign(), new DPoPRules { Algorithms = ["RS256"] }));

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task A_proof_is_good_once()
    {
        var proof = Proof().Sign();
        AssertHolds(await VerifyAsync(proof));
        AssertRefused("LK-DPOP-REPLAYED", await VerifyAsync(proof));
        // The same id in another proof of the key, signed anew.
        AssertRefused("LK-DPOP-REPLAYED", await VerifyAsync(Proof().With("jti", JwtId(proof)).With("iat", Now + 5).Sign()));
        // Another key's proofs are another matter.
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        AssertHolds(await VerifyAsync(new ForgedProof(other, "POST", Url, _clock.GetUtcNow(), Token).With("jti", JwtId(proof)).Sign()));
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task A_proof_of_the_future_is_remembered_as_long_as_it_is_taken()
    {
        var verifier = Verifier();
        var proof = Proof().With("iat", Now + 60).Sign();
        AssertHolds(await verifier.VerifyAsync([proof], Request));
        _clock.Advance(TimeSpan.FromSeconds(120));
        AssertRefused("LK-DPOP-REPLAYED", await verifier.VerifyAsync([proof], Request));
        _clock.Advance(TimeSpan.FromSeconds(1));
        AssertRefused("LK-DPOP-TIME", await verifier.VerifyAsync([proof], Request));
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task Of_a_hundred_at_once_one_gets_through()
    {
        var verifier = Verifier();
        var proof = Proof().Sign();
        var verdicts = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(async () => await verifier.VerifyAsync([proof], Request))));
        Assert.Equal(1, verdicts.Count(verdict => verdict.Refusal is null));
        Assert.Equal(99, verdicts.Count(verdict => verdict.Refusal?.Code == "LK-DPOP-REPLAYED"));
    }

    [Theory, InlineData("throws", "LK-DPOP-STORE-FAILED", true), InlineData("cancels", "LK-DPOP-STORE-FAILED", true), InlineData("full", "LK-DPOP-STORE-FULL", true),
        InlineData("full for key", "LK-DPOP-STORE-FULL-FOR-KEY", false), InlineData("unheard-of", "LK-DPOP-STORE-FULL", true)]
    public async Task Without_the_store_nothing_gets_through(string behaviour, string code, bool unavailable)
    {
        var verifier = new DPoPProofVerifier(DPoPRules.Default, new BrokenStore(behaviour), _clock);
        var verdict = await verifier.VerifyAsync([Proof().Sign()], Request);
        AssertRefused(code, verdict);
        Assert.Equal(unavailable, DPoPErrors.IsUnavailable(verdict.Refusal!));
        Assert.DoesNotContain("password", verdict.Refusal!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_given_up_is_no_fault_of_the_store()
    {
        using var given = new CancellationTokenSource();
        await given.CancelAsync();
        var verifier = new DPoPProofVerifier(DPoPRules.Default, new BrokenStore("cancels"), _clock);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await verifier.VerifyAsync([Proof().Sign()], Request, given.Token));
    }

    [Fact, Spec("RFC 9449", "8")]
    public async Task Where_nonces_are_required_the_nonce_tells_the_time()
    {
        var nonces = new DPoPNonces(_clock, TimeSpan.FromSeconds(60));
        var verifier = Verifier(new DPoPRules { Nonces = DPoPNonceMode.Required }, nonces);
        var nonce = nonces.Current;

        AssertRefused("LK-DPOP-NONCE-MISSING", await verifier.VerifyAsync([Proof().Sign()], Request));
        AssertRefused("LK-DPOP-NONCE-MISSING", await verifier.VerifyAsync([Proof().With("nonce", 7).Sign()], Request));
        AssertHolds(await verifier.VerifyAsync([Proof().With("nonce", nonce).With("iat", Now - 3600).Sign()], Request));
        AssertHolds(await verifier.VerifyAsync([Proof().With("nonce", nonce).With("iat", Now + 3600).Sign()], Request));
        AssertRefused("LK-DPOP-NONCE-UNKNOWN", await verifier.VerifyAsync([Proof().With("nonce", "made-up").Sign()], Request));
        AssertRefused("LK-DPOP-NONCE-UNKNOWN", await verifier.VerifyAsync([Proof().With("nonce", nonce[..^1] + (nonce[^1] == 'A' ? 'B' : 'A')).Sign()], Request));
        AssertRefused("LK-DPOP-NONCE-UNKNOWN", await verifier.VerifyAsync([Proof().With("nonce", new DPoPNonces(_clock, TimeSpan.FromSeconds(60)).Current).Sign()], Request));

        var used = Proof().With("nonce", nonce).With("iat", Now - 3600).Sign();
        AssertHolds(await verifier.VerifyAsync([used], Request));
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.NotEqual(nonce, nonces.Current);
        AssertHolds(await verifier.VerifyAsync([Proof().With("nonce", nonce).Sign()], Request));
        AssertRefused("LK-DPOP-REPLAYED", await verifier.VerifyAsync([used], Request));
        _clock.Advance(TimeSpan.FromSeconds(31));
        AssertRefused("LK-DPOP-NONCE-STALE", await verifier.VerifyAsync([Proof().With("nonce", nonce).Sign()], Request));
        AssertHolds(await verifier.VerifyAsync([Proof().With("nonce", nonces.Current).Sign()], Request));
    }

    [Fact, Spec("RFC 9449", "9")]
    public async Task Where_nonces_are_optional_a_proof_has_a_good_one_or_a_good_time()
    {
        var nonces = new DPoPNonces(_clock, TimeSpan.FromSeconds(60));
        var verifier = Verifier(new DPoPRules { Nonces = DPoPNonceMode.Optional }, nonces);
        AssertHolds(await verifier.VerifyAsync([Proof().Sign()], Request));
        AssertRefused("LK-DPOP-TIME", await verifier.VerifyAsync([Proof().With("iat", Now - 3600).Sign()], Request));
        AssertHolds(await verifier.VerifyAsync([Proof().With("iat", Now - 3600).With("nonce", nonces.Current).Sign()], Request));
        AssertRefused("LK-DPOP-NONCE-UNKNOWN", await verifier.VerifyAsync([Proof().With("nonce", "made-up").Sign()], Request));
    }

    [Fact]
    public async Task Where_nonces_are_off_they_are_not_looked_at()
    {
        AssertHolds(await VerifyAsync(Proof().With("nonce", "somebody else's").Sign()));
        AssertRefused("LK-DPOP-TIME", await VerifyAsync(Proof().With("nonce", "somebody else's").With("iat", Now - 3600).Sign()));
        Assert.Throws<ArgumentException>(() => Verifier(new DPoPRules { Nonces = DPoPNonceMode.Optional }));
    }

    [Fact]
    public async Task Refusals_say_how_to_answer_and_hold_no_token()
    {
        var required = Verifier(new DPoPRules { Nonces = DPoPNonceMode.Required }, new DPoPNonces(_clock, TimeSpan.FromSeconds(60)));
        Assert.Equal("use_dpop_nonce", DPoPErrors.Of((await required.VerifyAsync([Proof().Sign()], Request)).Refusal!));
        foreach (var (_, (_, make)) in Faults)
        {
            var proof = make(Proof());
            var refusal = (await VerifyAsync(proof)).Refusal!;
            Assert.Equal("invalid_dpop_proof", DPoPErrors.Of(refusal));
            Assert.False(DPoPErrors.IsUnavailable(refusal));
            Assert.DoesNotContain(Token, refusal.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(proof, refusal.ToString(), StringComparison.Ordinal);
        }

        Assert.DoesNotContain(Token, Request.ToString(), StringComparison.Ordinal);
    }

    public void Dispose() => _key.Dispose();

    private long Now => _clock.GetUtcNow().ToUnixTimeSeconds();

    private static DPoPRequest Request => new() { Method = "POST", Targets = [Url], AccessToken = Token };

    private ForgedProof Proof() => new(_key, "POST", Url, _clock.GetUtcNow(), Token);

    private DPoPProofVerifier Verifier(DPoPRules? rules = null, DPoPNonces? nonces = null) => new(rules ?? DPoPRules.Default, _replays, _clock, nonces);

    private ValueTask<Verdict<VerifiedDPoPProof>> VerifyAsync(string proof, DPoPRules? rules = null, DPoPRequest? request = null) =>
        Verifier(rules).VerifyAsync([proof], request ?? Request);

    private static void AssertRefused(string code, Verdict<VerifiedDPoPProof> verdict) => Assert.Equal(code, verdict.Refusal?.Code);

    private static void AssertHolds(Verdict<VerifiedDPoPProof> verdict) => Assert.Null(verdict.Refusal?.ToString());

    private static string JwtId(string proof) => Jwt.Claims(proof).GetProperty("jti").GetString()!;

    private static JsonObject Rsa(int bits, string exponent = "AQAB") =>
        new() { ["kty"] = "RSA", ["n"] = Base64UrlEncoder.Encode(Enumerable.Repeat((byte)0xA5, bits / 8).ToArray()), ["e"] = exponent };

    private static byte[] Sign(byte[] data)
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return other.SignData(data, HashAlgorithmName.SHA256);
    }

    private sealed class BrokenStore(string behaviour) : IReplayStore
    {
        public ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken) => behaviour switch
        {
            "throws" => throw new IOException("password=secret"),
            "cancels" => throw new OperationCanceledException(),
            "full" => new(ReplayAnswer.Full),
            "full for key" => new(ReplayAnswer.FullForKey),
            _ => new((ReplayAnswer)99),
        };
    }
}
