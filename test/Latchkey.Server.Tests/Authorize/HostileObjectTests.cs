using System.Buffers.Text;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>What is made to cost the server more than it costs who sends it: each is refused before the work is done, and leaves nothing behind.</summary>
[Spec("RFC 9101", "10"), Check("A48")]
public sealed class HostileObjectTests(SignedServer server) : IClassFixture<SignedServer>
{
    /// <summary>Thirty megabytes of nothing, packed into thirty kilobytes, and sealed as the server's own key asks: only <c>zip</c> is against it.</summary>
    [Fact, Spec("RFC 8725", "3.6"), Spec("RFC 7516", "4.1.3")]
    public async Task What_is_packed_is_refused_before_it_is_opened()
    {
        using var client = server.Client(SignedServer.Agreed);
        var signed = Encoding.ASCII.GetBytes(server.Object(client, client.Request("openid")));
        (await client.PostAsync("/par", ("request", await SealAsync(client, signed)))).Expect(HttpStatusCode.Created);

        foreach (var packed in (byte[][])[Deflate(signed), Deflate(new byte[30 << 20])])
        {
            var bomb = await SealAsync(client, packed, header => header["zip"] = "DEF");
            Assert.True(bomb.Length < 48 * 1024, $"{bomb.Length}");
            Assert.Contains("zip", await RefusedAsync(client, bomb), StringComparison.Ordinal);
        }

        // The header alone decides: nobody has to be able to decrypt the rest.
        Assert.Contains("zip", await RefusedAsync(client, (await SealAsync(client, signed, header => header["zip"] = "DEF"))[..^4] + "AAAA"), StringComparison.Ordinal);
        Assert.Contains("crit", await RefusedAsync(client, await SealAsync(client, signed, header => header["crit"] = new JsonArray("exp"))), StringComparison.Ordinal);
    }

    /// <summary>An encrypted object opens with the server's keys and no others, whatever its header offers.</summary>
    [Fact, Spec("RFC 8725", "3.10")]
    public async Task No_key_in_the_header_of_what_is_encrypted_counts()
    {
        await using var host = await DocumentHost.StartAsync();
        using var client = server.Client(SignedServer.Agreed);
        using var stranger = RSA.Create(2048);
        var signed = Encoding.ASCII.GetBytes(server.Object(client, client.Request("openid")));
        foreach (var name in (string[])["jwk", "jku", "x5u"])
        {
            await RefusedAsync(client, await SealAsync(client, signed, header => header[name] = name == "jwk" ? Jwk(stranger) : host.Url("/keys"), stranger));
        }

        Assert.Empty(host.Asked);
    }

    /// <summary>A key that a client has registered for its requests does not make up for its secret.</summary>
    [Fact, Spec("RFC 7523", "3")]
    public async Task A_key_for_requests_proves_no_client()
    {
        using var asserting = server.Client(SignedServer.Strict with { Method = TestClient.PrivateKeyJwt });
        var request = asserting.Request("openid");
        (await asserting.PostAsync("/par", ("request", server.Object(asserting, request)))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        using var client = server.Client(SignedServer.Strict);
        (await client.PostAsync("/par", ("request", server.Object(client, request)))).Expect(HttpStatusCode.Created);
    }

    public static TheoryData<string, string> Deep => new()
    {
        { "claims of a request object", "invalid_request_object" }, { "header of a request object", "invalid_request_object" }, { "claims of a client assertion", "invalid_client" },
        { "header of a client assertion", "invalid_client" }, { "claims of a proof", "invalid_dpop_proof" }, { "key of a proof", "invalid_dpop_proof" },
        { "claims parameter", "invalid_request" }, { "authorization_details", "invalid_authorization_details" },
    };

    /// <summary>JSON of nine hundred levels, as many as an assertion has room for: a reader must not go down with it.</summary>
    [Theory, MemberData(nameof(Deep))]
    public async Task What_is_nested_without_end_is_not_followed(string where, string error)
    {
        var json = string.Concat(Enumerable.Repeat("{\"a\":", 900)) + "1" + new string('}', 900);
        using var web = server.Client(DeclaredStates.Web);
        using var assertion = server.Client(DeclaredStates.Assertion);
        using var strict = server.Client(SignedServer.Strict);
        var before = await server.FingerprintAsync();
        web.Proof = where.EndsWith("proof", StringComparison.Ordinal)
            ? _ => where.StartsWith("claims", StringComparison.Ordinal) ? Jws("""{"typ":"dpop+jwt","alg":"ES256","jwk":{}}""", json) : Jws($$"""{"typ":"dpop+jwt","alg":"ES256","jwk":{{json}}}""", "{}")
            : null;
        var answer = where switch
        {
            "claims of a request object" => await strict.PostAsync("/par", ("request", Jws("""{"alg":"ES256"}""", json))),
            "header of a request object" => await strict.PostAsync("/par", ("request", Jws(json, "{}"))),
            "claims of a client assertion" => await assertion.TokenAsync(("grant_type", "client_credentials"), ("client_assertion", Jws("""{"alg":"ES256"}""", json))),
            "header of a client assertion" => await assertion.TokenAsync(("grant_type", "client_credentials"), ("client_assertion", Jws(json, "{}"))),
            "claims parameter" => await web.PostAsync("/par", web.Request("openid", ("claims", json)).Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))),
            "authorization_details" => await web.PostAsync("/par", web.Request("openid", ("authorization_details", $"[{json}]")).Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value))),
            _ => await web.RefreshAsync("x"),
        };
        answer.ExpectError(error, error == "invalid_client" ? HttpStatusCode.Unauthorized : HttpStatusCode.BadRequest);
        Assert.Equal(before, await server.FingerprintAsync());
    }

    /// <summary>A megabyte is refused by what it says of its length, before a byte of it is sent.</summary>
    [Theory, InlineData("/par", "request"), InlineData("/token", "client_assertion"), InlineData("/token", "subject_token"), InlineData("/authorize", "request"),
     InlineData("/backchannel-authentication", "request"), InlineData("/introspect", "token"), InlineData("/revoke", "token")]
    public async Task A_megabyte_is_not_read(string path, string name)
    {
        using var client = server.Client(SignedServer.Strict);
        var before = await server.FingerprintAsync();
        var sent = new Counted(Encoding.ASCII.GetBytes($"client_id=strict&{name}={new string('a', 1 << 20)}"));
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + path) { Content = sent };
        request.Headers.ExpectContinue = true;
        (await client.SendAsync(request)).Expect(HttpStatusCode.RequestEntityTooLarge);
        Assert.False(sent.WasAsked, "The body was asked for.");
        Assert.Equal(before, await server.FingerprintAsync());
    }

    private async Task<string> RefusedAsync(OAuthClient client, string text)
    {
        var before = await server.FingerprintAsync();
        var answer = (await client.PostAsync("/par", ("request", text))).ExpectError("invalid_request_object");
        Assert.Equal(before, await server.FingerprintAsync());
        return answer.ErrorDescription!;
    }

    /// <summary>Encrypts by hand, RSA-OAEP-256 and A256GCM, so that the header can say anything and the tag covers it.</summary>
    private static async Task<string> SealAsync(OAuthClient client, byte[] plain, Action<JsonObject>? change = null, RSA? another = null)
    {
        var jwk = (await client.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray()
            .Single(key => key.GetProperty("use").GetString() == "enc" && key.GetProperty("alg").GetString() == "RSA-OAEP-256");
        using var own = RSA.Create(new RSAParameters { Modulus = Base64Url.DecodeFromChars(jwk.GetProperty("n").GetString()), Exponent = Base64Url.DecodeFromChars(jwk.GetProperty("e").GetString()) });
        var header = new JsonObject { ["alg"] = "RSA-OAEP-256", ["enc"] = "A256GCM", ["kid"] = jwk.GetProperty("kid").GetString(), ["cty"] = "JWT" };
        change?.Invoke(header);
        var head = Encode(header.ToJsonString());
        var (key, nonce, tag, text) = (RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(12), new byte[16], new byte[plain.Length]);
        using var aes = new AesGcm(key, tag.Length);
        aes.Encrypt(nonce, plain, text, tag, Encoding.ASCII.GetBytes(head));
        var wrapped = (another ?? own).Encrypt(key, RSAEncryptionPadding.OaepSHA256);
        return string.Join('.', head, Base64Url.EncodeToString(wrapped), Base64Url.EncodeToString(nonce), Base64Url.EncodeToString(text), Base64Url.EncodeToString(tag));
    }

    private static JsonObject Jwk(RSA key)
    {
        var numbers = key.ExportParameters(includePrivateParameters: false);
        return new JsonObject { ["kty"] = "RSA", ["n"] = Base64Url.EncodeToString(numbers.Modulus), ["e"] = Base64Url.EncodeToString(numbers.Exponent) };
    }

    private static byte[] Deflate(byte[] plain)
    {
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.SmallestSize)) deflate.Write(plain);
        return packed.ToArray();
    }

    private static string Jws(string header, string claims) => $"{Encode(header)}.{Encode(claims)}.{Base64Url.EncodeToString(new byte[64])}";

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));

    /// <summary>A body that knows whether it was sent.</summary>
    private sealed class Counted : HttpContent
    {
        private readonly byte[] _body;

        public Counted(byte[] body)
        {
            _body = body;
            Headers.ContentType = new("application/x-www-form-urlencoded");
        }

        public bool WasAsked { get; private set; }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            WasAsked = true;
            return stream.WriteAsync(_body, 0, _body.Length);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _body.Length;
            return true;
        }
    }
}
