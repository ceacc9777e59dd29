using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Jose;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Protocol.Tests;

public sealed class DPoPTests
{
    private const long Now = 1_790_000_000;

    public static TheoryData<string> Algorithms => ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 9449", "4.2")]
    public async Task Somebody_elses_library_verifies_a_proof_with_the_key_that_is_in_it(string algorithm)
    {
        using var key = DPoPKey.Generate(algorithm);
        var proof = DPoPProof.Create(key, "POST", "https://API.example.com:443/invoices/1?page=2#top", Now, accessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", nonce: "n-1");

        var header = Jwt.Header(proof);
        Assert.Equal("dpop+jwt", header.GetProperty("typ").GetString());
        Assert.Equal(algorithm, header.GetProperty("alg").GetString());
        Assert.Equal(3, header.EnumerateObject().Count());
        var jwk = new JsonWebKey(header.GetProperty("jwk").GetRawText());
        Assert.False(jwk.HasPrivateKey);
        Assert.Equal(key.Thumbprint, Base64UrlEncoder.Encode(jwk.ComputeJwkThumbprint()));
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(proof, new TokenValidationParameters
        {
            IssuerSigningKey = jwk,
            ValidTypes = ["dpop+jwt"],
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
        });
        Assert.True(result.IsValid, result.Exception?.ToString());

        var claims = Jwt.Claims(proof);
        Assert.Equal("POST", claims.GetProperty("htm").GetString());
        Assert.Equal("https://api.example.com/invoices/1", claims.GetProperty("htu").GetString());
        Assert.Equal(Now, claims.GetProperty("iat").GetInt64());
        Assert.Equal("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", claims.GetProperty("ath").GetString()); // the example of section 7.1
        Assert.Equal("n-1", claims.GetProperty("nonce").GetString());
        Assert.Equal(22, claims.GetProperty("jti").GetString()!.Length);
    }

    [Fact, Spec("RFC 9449", "4.2")]
    public void A_proof_without_token_and_nonce_names_neither_and_no_two_have_one_id()
    {
        using var key = DPoPKey.Generate();
        var claims = Enumerable.Range(0, 20).Select(_ => Jwt.Claims(DPoPProof.Create(key, "GET", "http://127.0.0.1:5100/token", Now))).ToList();
        Assert.All(claims, one => Assert.Equal(["jti", "htm", "htu", "iat"], one.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(20, claims.Select(one => one.GetProperty("jti").GetString()).Distinct().Count());
        Assert.Equal("http://127.0.0.1:5100/token", claims[0].GetProperty("htu").GetString());
    }

    [Theory, InlineData("/token"), InlineData("ftp://files.example/token"), InlineData("")]
    public void A_proof_is_for_an_absolute_web_address(string url)
    {
        using var key = DPoPKey.Generate();
        Assert.Throws<ArgumentException>(() => DPoPProof.Create(key, "GET", url, Now));
    }

    [Theory, MemberData(nameof(Algorithms))]
    public void An_exported_key_comes_back_as_itself(string algorithm)
    {
        using var key = DPoPKey.Generate(algorithm);
        using var again = DPoPKey.Import(algorithm, key.Export());
        Assert.Equal(key.Thumbprint, again.Thumbprint);
        Assert.Equal(key.PublicKey.ToArray(), again.PublicKey.ToArray());
        Assert.Equal(3, DPoPProof.Create(again, "GET", "https://api.example.com/", Now).Split('.').Length);
    }

    [Fact]
    public void What_is_no_key_for_the_algorithm_is_refused_without_being_shown()
    {
        using var small = RSA.Create(1024);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var elliptic = DPoPKey.Generate();
        Assert.Contains("2048", Assert.Throws<ArgumentException>(() => DPoPKey.Import("RS256", small.ExportPkcs8PrivateKey())).Message, StringComparison.Ordinal);
        Assert.Contains("P-256", Assert.Throws<ArgumentException>(() => DPoPKey.Import("ES256", other.ExportPkcs8PrivateKey())).Message, StringComparison.Ordinal);
        Assert.Contains("PKCS #8", Assert.Throws<ArgumentException>(() => DPoPKey.Import("PS256", elliptic.Export())).Message, StringComparison.Ordinal);
        Assert.Contains("P-384", Assert.Throws<ArgumentException>(() => DPoPKey.Import("ES384", elliptic.Export())).Message, StringComparison.Ordinal);
        Assert.Contains("HS256", Assert.Throws<ArgumentException>(() => DPoPKey.Generate("HS256")).Message, StringComparison.Ordinal);
        Assert.Contains("Ed25519Keys.Open", Assert.Throws<ArgumentException>(() => DPoPKey.Generate("Ed25519")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_is_held_elsewhere_signs_proofs_and_stays_where_it_is()
    {
        using var held = JwsSigner.Open("ES384", "held", JwsSigner.Generate("ES384"));
        using (var key = DPoPKey.Of(held))
        {
            Assert.Equal("ES384", Jwt.Header(DPoPProof.Create(key, "GET", "https://api.example.com/", Now)).GetProperty("alg").GetString());
            Assert.False(Jwt.Header(DPoPProof.Create(key, "GET", "https://api.example.com/", Now)).GetProperty("jwk").TryGetProperty("kid", out _));
            Assert.Throws<InvalidOperationException>(key.Export);
        }

        // Whoever holds it disposes of it.
        held.Sign("still there"u8, new byte[held.SignatureSize]);
        JwsSignature nobody = (_, _) => { };
        Assert.Throws<ArgumentException>(() => DPoPKey.Of(JwsSigner.Of("HS256", "k", 32, """{"kty":"oct","k":"c2VjcmV0"}"""u8.ToArray(), nobody)));
        Assert.Throws<ArgumentException>(() => DPoPKey.Of(JwsSigner.Of("ES256", "k", 64, """{"kty":"oct","k":"c2VjcmV0"}"""u8.ToArray(), nobody)));
        Assert.Throws<ArgumentException>(() => DPoPKey.Of(JwsSigner.Of("ES256", "k", 64, """{"kty":"EC","crv":"P-256","x":"AA"}"""u8.ToArray(), nobody)));
    }

    [Theory, MemberData(nameof(Algorithms))]
    public void Neither_key_nor_header_shows_the_private_key(string algorithm)
    {
        using var key = DPoPKey.Generate(algorithm);
        Assert.Equal($"{algorithm} DPoP key {key.Thumbprint}", key.ToString());
        var jwk = JsonElement.Parse(key.PublicKey.Span);
        foreach (var secret in (string[])["d", "p", "q", "dp", "dq", "qi", "k"]) Assert.False(jwk.TryGetProperty(secret, out _));
    }

    [Fact, Spec("RFC 7638", "3.1")]
    public void The_example_of_the_specification_has_its_thumbprint() => Assert.Equal("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", JwkThumbprint.OfRsa("AQAB",
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"));

    [Theory, Spec("RFC 7638", "3.2"), InlineData("nistP256", "P-256"), InlineData("nistP384", "P-384"), InlineData("nistP521", "P-521")]
    public void An_elliptic_key_has_the_thumbprint_that_others_compute(string curve, string name)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromFriendlyName(curve));
        var jwk = JsonWebKeyConverter.ConvertFromECDsaSecurityKey(new ECDsaSecurityKey(key));
        var expected = Base64UrlEncoder.Encode(jwk.ComputeJwkThumbprint());
        Assert.Equal(expected, JwkThumbprint.Of(key));
        Assert.Equal(expected, JwkThumbprint.OfElliptic(name, jwk.X, jwk.Y));
    }

    [Fact]
    public void Many_threads_share_one_key()
    {
        using var key = DPoPKey.Generate();
        using var verifier = ECDsa.Create();
        verifier.ImportPkcs8PrivateKey(key.Export(), out _);
        Parallel.For(0, 200, _ =>
        {
            var proof = DPoPProof.Create(key, "GET", "https://api.example.com/", Now);
            var dot = proof.LastIndexOf('.');
            Assert.True(verifier.VerifyData(Encoding.ASCII.GetBytes(proof[..dot]), Base64UrlEncoder.DecodeBytes(proof[(dot + 1)..]), HashAlgorithmName.SHA256));
        });
    }
}
