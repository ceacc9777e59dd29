using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.SenderConstraint;

/// <summary>DPoP at the token endpoint: RFC 9449 sections 4, 5, 6 and 10.</summary>
[Check("A39")]
public sealed class DPoPTokenTests(DPoPServer server) : IClassFixture<DPoPServer>
{
    [Fact, Spec("RFC 9449", "5"), Spec("RFC 9449", "6.1")]
    public async Task A_token_that_is_asked_for_with_a_proof_is_bound_to_its_key()
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        var answer = (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
        await Jwt.VerifyAsync(answer["access_token"]!, server.Issuer, DeclaredStates.Api, "at+jwt", clock: server.Clock);
    }

    [Fact, Spec("RFC 9449", "5")]
    public async Task A_client_that_need_not_may_bind_its_tokens_and_may_not()
    {
        using var prover = new Prover(server);
        using var bound = prover.Client(DeclaredStates.Machine);
        (await bound.ClientCredentialsAsync("api:read")).ExpectBound(prover);
        using var bearer = server.Client(DeclaredStates.Machine);
        var answer = (await bearer.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal("Bearer", answer["token_type"]);
        Assert.Null(DPoPAssertions.BoundTo(answer["access_token"]!));
    }

    [Fact, Spec("RFC 9449", "5.2"), Check("fapi2-security-profile-final-ensure-holder-of-key-required")]
    public async Task A_client_that_must_prove_a_key_gets_nothing_without()
    {
        using var machine = server.Client(DPoPServer.Machine);
        var answer = (await machine.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof");
        Assert.Contains("dpop_bound_access_tokens", answer.ErrorDescription, StringComparison.Ordinal);

        // A code is not used up by trying.
        using var prover = new Prover(server);
        using var bare = server.Client(DPoPServer.App);
        var (request, code) = await server.CodeAsync(bare);
        (await bare.RedeemAsync(request, code)).ExpectError("invalid_dpop_proof");
        using var app = prover.Client(DPoPServer.App);
        (await app.RedeemAsync(request, code)).ExpectBound(prover);
    }

    public static TheoryData<string, string> BadProofs => new()
    {
        { "no typ", "typ" }, { "typ JWT", "typ" }, { "alg none", "proof" }, { "alg HS256", "alg" }, { "no jwk", "jwk" }, { "private jwk", "private" },
        { "symmetric jwk", "private or symmetric" }, { "another key", "signature" }, { "broken signature", "signature" }, { "no jti", "jti" }, { "empty jti", "jti" },
        { "no htm", "htm" }, { "htm GET", "htm" }, { "htm post", "htm" }, { "no htu", "htu" }, { "htu elsewhere", "htu" }, { "htu userinfo", "htu" }, { "no iat", "iat" },
        { "iat text", "iat" }, { "hour old", "3600 s behind" }, { "hour ahead", "3600 s ahead" }, { "expired", "exp" }, { "not a JWT", "signed JWT" }, { "two headers", "signed JWT" },
        { "empty", "no DPoP header" }, { "curve of another alg", "jwk" }, { "crit", "crit" }, { "b64", "b64" }, { "zip", "zip" },
    };

    [Theory, MemberData(nameof(BadProofs)), Spec("RFC 9449", "4.3"), Spec("RFC 9449", "5")]
    public async Task A_bad_proof_is_refused_with_what_to_mend_and_nothing_is_written(string fault, string word)
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        var before = await server.FingerprintAsync();
        machine.Proof = _ => Spoilt(prover, fault);
        var answer = (await machine.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof");
        Assert.Contains(word, answer.ErrorDescription, StringComparison.Ordinal);
        Assert.All(answer.ErrorDescription!, character => Assert.True(character is >= ' ' and <= '~' and not ('"' or '\\'), answer.ErrorDescription));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    [Theory, InlineData(-60), InlineData(-10), InlineData(0), InlineData(10), InlineData(60)]
    [Spec("RFC 9449", "4.3"), Check("fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-before-succeeds"),
     Check("fapi2-security-profile-final-ensure-dpopproof-with-iat-10seconds-after-succeeds")]
    public async Task A_clock_may_be_a_minute_off(int offset)
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        machine.Proof = _ => prover.ForToken().With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() + offset).Sign();
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Theory, InlineData(-61, "61 s behind"), InlineData(75, "75 s ahead")]
    [Spec("RFC 9449", "11.1")]
    public async Task Whose_clock_is_further_off_is_told_by_how_much(int offset, string told)
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        machine.Proof = _ => prover.ForToken().With("iat", server.Clock.GetUtcNow().ToUnixTimeSeconds() + offset).Sign();
        Assert.Contains(told, (await machine.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof").ErrorDescription, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9449", "4.3"), Check("fapi2-security-profile-final-check-dpop-proof-nbf-exp")]
    public async Task More_claims_than_needed_do_no_harm()
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        machine.Proof = url => prover.ForToken().With("htu", url + "?a=b#c").With("nbf", now).With("exp", now + 60).With("nonce", "of nobody").With("x", 1).Sign();
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Theory, InlineData("PS256", 2048), InlineData("RS256", 2048), InlineData("PS512", 2048)]
    [Spec("RFC 9449", "4.2")]
    public async Task Keys_may_be_RSA(string algorithm, int size)
    {
        using var prover = new Prover(server);
        using var rsa = RSA.Create(size);
        using var machine = server.Client(DPoPServer.Machine);
        var parameters = rsa.ExportParameters(false);
        machine.Proof = _ => prover.ForToken().WithHeader("alg", algorithm)
            .WithHeader("jwk", new JsonObject { ["kty"] = "RSA", ["n"] = System.Buffers.Text.Base64Url.EncodeToString(parameters.Modulus), ["e"] = "AQAB" })
            .Sign(data => rsa.SignData(data, algorithm.EndsWith("512", StringComparison.Ordinal) ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256,
                algorithm.StartsWith('P') ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1));
        Assert.Equal("DPoP", (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["token_type"]);
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task Of_fifty_uses_of_one_proof_one_wins()
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        var proof = prover.ForToken().Sign();
        machine.Proof = _ => proof;
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => machine.ClientCredentialsAsync("api:read")));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => Assert.Contains("used before", answer.ExpectError("invalid_dpop_proof").ErrorDescription, StringComparison.Ordinal));
        server.Wait(59);
        (await machine.ClientCredentialsAsync("api:read")).ExpectError("invalid_dpop_proof");
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task Nobody_uses_up_the_proof_of_another_key_by_its_name()
    {
        foreach (var _ in (int[])[1, 2])
        {
            using var prover = new Prover(server);
            using var machine = prover.Client(DPoPServer.Machine);
            machine.Proof = _ => prover.ForToken().With("jti", "of everybody").Sign();
            (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
        }
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task A_refused_request_does_not_use_its_proof_up()
    {
        using var prover = new Prover(server);
        using var machine = server.Client(DPoPServer.Machine);
        var proof = prover.ForToken().Sign();
        machine.Proof = _ => proof;
        (await machine.ClientCredentialsAsync("no:such")).ExpectError("invalid_scope");
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
    }

    [Fact, Spec("RFC 9449", "5"), Check("A39"), Check("fapi2-security-profile-final-refresh-token")]
    public async Task A_public_clients_refresh_token_is_bound_to_its_key()
    {
        using var prover = new Prover(server);
        using var thief = new Prover(server);
        using var app = prover.Client(DPoPServer.App);
        var tokens = await server.SignInAsync(app);
        tokens.Answer.ExpectBound(prover);

        using var other = thief.Client(DPoPServer.App);
        var refused = (await other.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        Assert.Contains("another key", refused.ErrorDescription, StringComparison.Ordinal);
        // Nothing was used up, so this is no reuse.
        Assert.Equal(1, (await server.GrantAsync(tokens.RefreshToken!)).Generation);
        var next = (await app.RefreshAsync(tokens.RefreshToken!)).ExpectBound(prover);

        // Nor does a retry within the leeway do without the key.
        (await other.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
        using var bare = server.Client(DPoPServer.App);
        (await bare.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_dpop_proof");
        Assert.Equal(next["refresh_token"], (await app.RefreshAsync(tokens.RefreshToken!)).ExpectBound(prover)["refresh_token"]);
    }

    [Fact, Spec("RFC 9449", "5")]
    public async Task A_public_client_that_need_not_prove_is_bound_once_it_does()
    {
        using var prover = new Prover(server);
        using var bound = prover.Client(DeclaredStates.Spa);
        using var bare = server.Client(DeclaredStates.Spa);
        var tokens = await server.SignInAsync(bound);
        Assert.Contains("is bound to a key", (await bare.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_dpop_proof").ErrorDescription, StringComparison.Ordinal);
        (await bound.RefreshAsync(tokens.RefreshToken!)).ExpectBound(prover);

        // One that began without: the token that it is given for a proof is bound to the proof's key.
        var plain = await server.SignInAsync(bare);
        var next = (await bound.RefreshAsync(plain.RefreshToken!)).ExpectBound(prover);
        Assert.Equal(prover.Thumbprint, (await server.GrantAsync(plain.RefreshToken!)).KeyThumbprint);
        (await bare.RefreshAsync(next["refresh_token"]!)).ExpectError("invalid_dpop_proof");
        using var thief = new Prover(server);
        using var other = thief.Client(DeclaredStates.Spa);
        (await other.RefreshAsync(next["refresh_token"]!)).ExpectError("invalid_grant");
        (await bound.RefreshAsync(next["refresh_token"]!)).ExpectBound(prover);
    }

    [Fact, Spec("RFC 9449", "5"), Check("fapi2-security-profile-final-refresh-token")]
    public async Task A_confidential_client_may_change_its_key()
    {
        using var first = new Prover(server);
        using var second = new Prover(server);
        using var web = first.Client(DeclaredStates.Web);
        var tokens = await server.SignInAsync(web);
        tokens.Answer.ExpectBound(first);
        Assert.Null((await server.GrantAsync(tokens.RefreshToken!)).KeyThumbprint);
        using var later = second.Client(DeclaredStates.Web);
        var next = (await later.RefreshAsync(tokens.RefreshToken!)).ExpectBound(second);
        // An answer that was lost is asked for again, thirty seconds later and with yet another key.
        server.Wait(30);
        Assert.Equal(next["refresh_token"], (await web.RefreshAsync(tokens.RefreshToken!)).ExpectBound(first)["refresh_token"]);
    }

    [Fact, Spec("RFC 9449", "11.1")]
    public async Task A_token_that_is_kept_does_not_let_a_proof_come_twice()
    {
        using var prover = new Prover(server);
        using var keep = prover.Client(DeclaredStates.Keep);
        var tokens = await server.SignInAsync(keep);
        var proof = prover.ForToken().Sign();
        keep.Proof = _ => proof;
        (await keep.RefreshAsync(tokens.RefreshToken!)).ExpectBound(prover);
        (await keep.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_dpop_proof");
    }

    [Fact, Spec("RFC 9449", "5")]
    public async Task A_device_is_bound_too()
    {
        using var prover = new Prover(server);
        using var device = prover.Client(DeclaredStates.Device);
        var started = (await device.DeviceAsync("openid offline_access")).Expect(HttpStatusCode.OK);
        var page = await server.Alice.GetAsync(started["verification_uri_complete"]!);
        page = page.Has("password") ? await server.Alice.SignInAsync(page) : page;
        await server.Alice.SubmitAsync(page, ("decision", "allow"));
        var tokens = (await device.PollAsync(started["device_code"]!)).ExpectBound(prover);
        Assert.Equal(prover.Thumbprint, (await server.GrantAsync(tokens["refresh_token"]!)).KeyThumbprint);
    }

    [Fact, Spec("RFC 9449", "10"), Check("A40"), Check("fapi2-security-profile-final-ensure-dpop-auth-code-binding-success"),
     Check("fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-jkt"),
     Check("fapi2-security-profile-final-ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")]
    public async Task Dpop_jkt_binds_the_code()
    {
        using var prover = new Prover(server);
        using var thief = new Prover(server);
        foreach (var client in (TestClient[])[DeclaredStates.Spa, DeclaredStates.Web])
        {
            using var bare = server.Client(client);
            using var other = thief.Client(client);
            using var right = prover.Client(client);
            var (request, code) = await server.CodeAsync(bare, "openid", ("dpop_jkt", prover.Thumbprint));
            (await bare.RedeemAsync(request, code)).ExpectError("invalid_dpop_proof");
            Assert.Contains("dpop_jkt", (await other.RedeemAsync(request, code)).ExpectError("invalid_grant").ErrorDescription, StringComparison.Ordinal);
            // None of these used it up.
            (await right.RedeemAsync(request, code)).ExpectBound(prover);
        }
    }

    [Theory, InlineData("x"), InlineData("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4+"), InlineData("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I0")]
    [Spec("RFC 9449", "10")]
    public async Task A_dpop_jkt_that_is_no_thumbprint_is_refused(string thumbprint)
    {
        using var spa = server.Client(DeclaredStates.Spa);
        var stop = await server.Alice.AuthorizeAsync(spa.Request("openid", ("dpop_jkt", thumbprint)).Url);
        Assert.Equal("invalid_request", stop.Answer.Error);
    }

    [Fact, Spec("RFC 9449", "6.2")]
    public async Task Introspection_tells_the_key()
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        using var api = server.Client(DeclaredStates.ApiServer);
        var token = (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover)["access_token"]!;
        var answer = (await api.IntrospectAsync(token)).Expect(HttpStatusCode.OK);
        Assert.Equal("DPoP", answer["token_type"]);
        Assert.Equal(prover.Thumbprint, answer.Json.GetProperty("cnf").GetProperty("jkt").GetString());
    }

    [Fact, Spec("RFC 9449", "5.1"), Check("A10")]
    public async Task Metadata_lists_the_algorithms()
    {
        using var web = server.Client(DeclaredStates.Web);
        var algorithms = (await web.GetAsync("/.well-known/oauth-authorization-server")).Json.GetProperty("dpop_signing_alg_values_supported").EnumerateArray().Select(value => value.GetString()!).ToList();
        Assert.Contains("ES256", algorithms);
        Assert.All(algorithms, algorithm => Assert.False(algorithm is "none" || algorithm.StartsWith("HS", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Used_proofs_are_forgotten_when_their_time_is_over()
    {
        using var prover = new Prover(server);
        using var machine = prover.Client(DPoPServer.Machine);
        await server.FingerprintAsync();
        (await machine.ClientCredentialsAsync("api:read")).ExpectBound(prover);
        Assert.True(await CountAsync() > 0);
        // A proof whose clock was a minute ahead lasts the longest.
        server.Wait(200);
        await server.FingerprintAsync();
        Assert.Equal(0, await CountAsync());
    }

    private async Task<long> CountAsync() => await server.Database.ReadAsync(sql => sql.FindAsync("SELECT count(*) FROM replay_guard", row => row.Long(0)));

    private static string Spoilt(Prover prover, string fault)
    {
        var now = prover.ForToken();
        var time = TimeOf(prover);
        switch (fault)
        {
            case "no typ": return now.WithHeader("typ", null).Sign();
            case "typ JWT": return now.WithHeader("typ", "JWT").Sign();
            case "alg none": return now.WithHeader("alg", "none").Sign(_ => []);
            case "alg HS256": return now.WithHeader("alg", "HS256").Sign();
            case "no jwk": return now.WithHeader("jwk", null).Sign();
            case "private jwk": return now.WithKey("d", "AQAB").Sign();
            case "symmetric jwk": return now.WithHeader("jwk", new JsonObject { ["kty"] = "oct", ["k"] = "c2VjcmV0" }).Sign();
            case "another key":
                using (var other = ECDsa.Create(ECCurve.NamedCurves.nistP256))
                {
                    return now.Sign(data => other.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
                }

            case "broken signature": return now.Sign(_ => new byte[64]);
            case "no jti": return now.With("jti", null).Sign();
            case "empty jti": return now.With("jti", "").Sign();
            case "no htm": return now.With("htm", null).Sign();
            case "htm GET": return now.With("htm", "GET").Sign();
            case "htm post": return now.With("htm", "post").Sign();
            case "no htu": return now.With("htu", null).Sign();
            case "htu elsewhere": return now.With("htu", "https://other.example.com/token").Sign();
            case "htu userinfo": return prover.For("POST", "/userinfo").Sign();
            case "no iat": return now.With("iat", null).Sign();
            case "iat text": return now.With("iat", "now").Sign();
            case "hour old": return now.With("iat", time - 3600).Sign();
            case "hour ahead": return now.With("iat", time + 3600).Sign();
            case "expired": return now.With("exp", time - 1).Sign();
            case "not a JWT": return "x.y";
            case "two headers": return now.Sign() + ", " + prover.ForToken().Sign();
            case "empty": return " ";
            case "crit": return now.WithHeader("crit", new JsonArray("exp")).Sign();
            case "b64": return now.WithHeader("b64", false).Sign();
            case "zip": return now.WithHeader("zip", "DEF").Sign();
            default: return now.WithHeader("alg", "ES384").Sign();
        }
    }

    private static long TimeOf(Prover prover) => Jwt.Claims(prover.ForToken().Sign()).GetProperty("iat").GetInt64();
}
