using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Latchkey.Protocol.Jose;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Protocol.Tests.Jose;

public sealed class JwtWriterTests
{
    public static TheoryData<string> Algorithms => ["RS256", "PS256", "ES256"];

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 7515", "7.1")]
    public async Task Somebody_elses_library_verifies_it(string algorithm)
    {
        using var signer = NewSigner(algorithm);
        var token = Write(signer, "at+jwt", ("iss", "https://issuer.example"), ("aud", "api"), ("name", "Zoë <\"&\\> \U0001f511"));

        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidIssuer = "https://issuer.example",
            ValidAudience = "api",
            IssuerSigningKey = new JsonWebKey(System.Text.Encoding.UTF8.GetString(signer.PublicKey.Span)),
            ValidTypes = ["at+jwt"],
            ValidAlgorithms = [algorithm],
            RequireExpirationTime = false,
            ValidateLifetime = false,
        });

        Assert.True(result.IsValid, result.Exception?.ToString());
        Assert.Equal("Zoë <\"&\\> \U0001f511", result.Claims["name"]);
    }

    [Theory, MemberData(nameof(Algorithms))]
    public void The_header_names_algorithm_type_and_key(string algorithm)
    {
        using var signer = NewSigner(algorithm);
        var header = Jwt.Header(Write(signer, "at+jwt", ("sub", "1")));
        Assert.Equal(algorithm, header.GetProperty("alg").GetString());
        Assert.Equal("at+jwt", header.GetProperty("typ").GetString());
        Assert.Equal(signer.KeyId, header.GetProperty("kid").GetString());
        Assert.Equal(3, header.EnumerateObject().Count());
    }

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 7517", "4")]
    public void The_published_key_holds_nothing_private(string algorithm)
    {
        using var signer = NewSigner(algorithm);
        var key = JsonElement.Parse(signer.PublicKey.Span);
        Assert.Equal(algorithm, key.GetProperty("alg").GetString());
        Assert.Equal("sig", key.GetProperty("use").GetString());
        Assert.Equal(signer.KeyId, key.GetProperty("kid").GetString());
        foreach (var secret in (string[])["d", "p", "q", "dp", "dq", "qi", "k"]) Assert.False(key.TryGetProperty(secret, out _));
        var set = JsonElement.Parse(JsonWebKeyWriter.Set([signer.PublicKey, signer.PublicKey]));
        Assert.Equal(2, set.GetProperty("keys").GetArrayLength());
    }

    [Fact]
    public void An_empty_set_of_keys_is_a_set() => Assert.Equal("{\"keys\":[]}"u8, JsonWebKeyWriter.Set([]));

    [Fact]
    public void Long_claims_and_short_ones_after_them_come_out_whole()
    {
        using var signer = NewSigner("ES256");
        foreach (var length in (int[])[1, 5000, 100_000, 1])
        {
            var claims = Jwt.Claims(Write(signer, "JWT", ("x", new string('y', length))));
            Assert.Equal(length, claims.GetProperty("x").GetString()!.Length);
        }
    }

    [Fact]
    public void A_claims_writer_that_throws_spoils_nothing()
    {
        using var signer = NewSigner("ES256");
        Assert.Throws<InvalidOperationException>(() => JwtWriter.Write(signer, "JWT", 0, (json, _) =>
        {
            json.WriteString("half", "done");
            throw new InvalidOperationException();
        }));
        Assert.Equal("{\"sub\":\"1\"}", Jwt.Claims(Write(signer, "JWT", ("sub", "1"))).GetRawText());
    }

    [Fact]
    public void A_claims_writer_may_sign_a_token_itself()
    {
        using var signer = NewSigner("ES256");
        var outer = JwtWriter.Write(signer, "JWT", signer, (json, key) =>
        {
            json.WriteString("before", "1");
            json.WriteString("inner", Write(key, "JWT", ("sub", "inner")));
            json.WriteString("after", "2");
        });
        var claims = Jwt.Claims(outer);
        Assert.Equal("2", claims.GetProperty("after").GetString());
        Assert.Equal("inner", Jwt.Claims(claims.GetProperty("inner").GetString()!).GetProperty("sub").GetString());
    }

    [Theory, MemberData(nameof(Algorithms))]
    public void Many_threads_sign_with_one_key(string algorithm)
    {
        using var signer = NewSigner(algorithm);
        using var other = Public(signer);
        Parallel.For(0, 200, i =>
        {
            var token = Write(signer, "JWT", ("n", i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            var split = token.LastIndexOf('.');
            Assert.True(Verifies(other, algorithm, System.Text.Encoding.ASCII.GetBytes(token[..split]), Base64Url.DecodeFromChars(token.AsSpan(split + 1))));
            Assert.Equal(i.ToString(System.Globalization.CultureInfo.InvariantCulture), Jwt.Claims(token).GetProperty("n").GetString());
        });
    }

    [Fact]
    public void There_is_no_signing_with_anything_else()
    {
        foreach (var algorithm in (string[])["none", "HS256", "RS1", "", "rs256"]) Assert.Throws<ArgumentException>(() => JwsSigner.Generate(algorithm));
    }

    [Fact]
    public void The_private_key_is_never_shown()
    {
        using var signer = NewSigner("RS256");
        Assert.Equal("RS256 key key-1", signer.ToString());
    }

    private static JwsSigner NewSigner(string algorithm) => JwsSigner.Open(algorithm, "key-1", JwsSigner.Generate(algorithm));

    private static string Write(JwsSigner signer, string type, params (string Name, string Value)[] claims) =>
        JwtWriter.Write(signer, type, claims, static (json, all) =>
        {
            foreach (var (name, value) in all) json.WriteString(name, value);
        });

    private static AsymmetricAlgorithm Public(JwsSigner signer)
    {
        var key = JsonElement.Parse(signer.PublicKey.Span);
        byte[] Part(string name) => Base64Url.DecodeFromChars(key.GetProperty(name).GetString()!);
        return key.GetProperty("kty").GetString() == "RSA"
            ? RSA.Create(new RSAParameters { Modulus = Part("n"), Exponent = Part("e") })
            : ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = Part("x"), Y = Part("y") } });
    }

    private static bool Verifies(AsymmetricAlgorithm key, string algorithm, byte[] data, byte[] signature)
    {
        lock (key)
        {
            return key is RSA rsa
                ? rsa.VerifyData(data, signature, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1)
                : ((ECDsa)key).VerifyData(data, signature, HashAlgorithmName.SHA256);
        }
    }
}
