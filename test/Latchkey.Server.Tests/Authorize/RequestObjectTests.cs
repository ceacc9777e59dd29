using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Jose;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>Signed requests, RFC 9101: what is in the object counts, and only what the client itself has signed.</summary>
public sealed class RequestObjectTests(SignedServer server) : IClassFixture<SignedServer>
{
    private static readonly TestClient Signing = DeclaredStates.Assertion;

    [Fact, Spec("RFC 9101", "5"), Spec("RFC 9101", "6.3"), Check("fapi2-security-profile-final-happy-flow")]
    public async Task A_signed_request_gets_what_is_in_it()
    {
        using var client = server.Client(Signing);
        var request = client.Request("openid profile", ("max_age", "3600"), ("claims", """{"userinfo":{"email":null}}"""));
        // Numbers and JSON may be what they are (OpenID Connect Core section 6.1).
        var stop = await server.Alice.AuthorizeAsync(Url(client, server.Object(client, request, claims =>
        {
            claims["max_age"] = 3600;
            claims["claims"] = JsonNode.Parse((string)claims["claims"]!);
        })));
        var tokens = (await client.RedeemAsync(request, stop.ExpectCode(request))).Expect(HttpStatusCode.OK);
        Assert.Equal("openid profile", tokens["scope"]);
        Assert.Equal(request.Nonce, Jwt.Claims(tokens["id_token"]!).GetProperty("nonce").GetString());
        Assert.True((await client.UserInfoAsync(tokens["access_token"]!)).Json.TryGetProperty("email", out _));
    }

    [Fact, Spec("RFC 9101", "5"), Spec("RFC 9101", "6.3"), Check("fapi2-security-profile-final-ensure-different-state-inside-and-outside-request-object"),
     Check("fapi2-security-profile-final-ensure-different-nonce-inside-and-outside-request-object"), Check("fapi2-security-profile-final-state-only-outside-request-object-not-used"),
     Check("oidcc-ensure-request-object-with-redirect-uri")]
    public async Task What_stands_outside_does_not_count()
    {
        using var client = server.Client(Signing);
        var request = client.Request("openid", ("state", null));
        var url = Url(client, server.Object(client, request))
            + $"&state=outside&nonce=outside&scope=openid%20email&redirect_uri=https%3A%2F%2Fevil.example.com&response_mode=form_post&code_challenge={new string('a', 43)}";
        var stop = await server.Alice.AuthorizeAsync(url);
        Assert.Null(stop.Answer.State);
        Assert.StartsWith(Signing.RedirectUri!, stop.Url.ToString(), StringComparison.Ordinal);
        var tokens = (await client.RedeemAsync(request, stop.Answer.Code!)).Expect(HttpStatusCode.OK);
        Assert.Equal(("openid", request.Nonce), (tokens["scope"], Jwt.Claims(tokens["id_token"]!).GetProperty("nonce").GetString()));
    }

    [Fact, Spec("RFC 9126", "3"), Check("fapi2-security-profile-final-happy-flow")]
    public async Task A_signed_request_can_be_pushed()
    {
        using var client = server.Client(SignedServer.Strict);
        var request = client.Request("openid");
        var pushed = (await client.PostAsync("/par", ("request", server.Object(client, request)), ("scope", "api:write"))).Expect(HttpStatusCode.Created);
        var stop = await server.Alice.AuthorizeAsync($"{server.Issuer}/authorize?client_id={client.Client.Id}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
        Assert.Equal("openid", (await client.RedeemAsync(request, stop.ExpectCode(request)))["scope"]);
    }

    [Theory, Spec("RFC 9101", "6.1"), Spec("RFC 9101", "4")]
    [InlineData("strict", "ECDH-ES", "A128GCM")]
    [InlineData("strict", "ECDH-ES", "A128CBC-HS256")]
    [InlineData("agreed", "RSA-OAEP-256", "A256GCM")]
    public async Task A_signed_request_can_be_encrypted_too(string clientId, string algorithm, string encryption)
    {
        using var client = server.Client(clientId == "strict" ? SignedServer.Strict : SignedServer.Agreed);
        var request = client.Request("openid");
        var key = await EncrypterAsync(algorithm);
        var stop = await server.Alice.AuthorizeAsync(Url(client, key.Encrypt(Encoding.ASCII.GetBytes(server.Object(client, request)), encryption, "JWT")));
        if (clientId == "strict") stop.ExpectCode(request);
        else Assert.NotNull(stop.Answer.Code);
    }

    [Fact, Spec("RFC 9101", "10.5"), Check("fapi2-security-profile-final-ensure-unsigned-request-at-par-endpoint-fails")]
    public async Task A_client_that_must_sign_gets_nothing_otherwise()
    {
        using var client = server.Client(SignedServer.Strict);
        var request = client.Request("openid");
        (await server.Alice.GetAsync(request.Url)).ExpectError(request, "invalid_request");
        (await client.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)))).ExpectError("invalid_request");
    }

    public static TheoryData<string, string> BadClaims => new()
    {
        { "another client_id", """{"client_id":"web"}""" }, { "no client_id", """{"client_id":null}""" },
        { "another iss", """{"iss":"web"}""" }, { "no iss", """{"iss":null}""" },
        { "another aud", """{"aud":"https://other.example.com"}""" }, { "no aud", """{"aud":null}""" }, { "aud of numbers", """{"aud":[1]}""" },
        { "a request inside", """{"request":"eyJ"}""" }, { "a request_uri inside", """{"request_uri":"urn:ietf:params:oauth:request_uri:x"}""" },
        { "no exp", """{"exp":null}""" }, { "exp as text", """{"exp":"tomorrow"}""" }, { "no nbf", """{"nbf":null}""" }, { "nbf as text", """{"nbf":"now"}""" },
        { "iat in a hundred years", """{"iat":4600000000}""" }, { "iat as text", """{"iat":"now"}""" },
        { "a control character", """{"state":"a\u0000b"}""" },
    };

    [Theory, MemberData(nameof(BadClaims)), Spec("RFC 9101", "5"), Spec("RFC 9101", "4"), Spec("RFC 9101", "6.2"),
     Check("fapi2-security-profile-final-ensure-request-object-without-exp-fails"), Check("fapi2-security-profile-final-ensure-request-object-without-nbf-fails"),
     Check("fapi2-security-profile-final-ensure-request-object-with-bad-aud-fails"), Check("fapi2-security-profile-final-par-authorization-request-containing-request_uri")]
    public async Task Claims_that_are_not_right_are_refused(string what, string changes)
    {
        using var client = server.Client(SignedServer.Strict);
        var text = server.Object(client, client.Request("openid"), claims =>
        {
            foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject())
            {
                if (value is null) claims.Remove(name);
                else claims[name] = value.DeepClone();
            }
        });
        await RefusedAsync(client, text, what);
    }

    [Theory, Spec("RFC 9101", "10.2"), Check("fapi2-security-profile-final-ensure-expired-request-object-fails"),
     Check("fapi2-security-profile-final-ensure-request-object-with-exp-over-60-fails"), Check("fapi2-security-profile-final-ensure-request-object-with-nbf-over-60-fails"),
     Check("fapi2-security-profile-final-ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted")]
    [InlineData(0, 300, true)]
    [InlineData(8, 300, true)]
    [InlineData(600, 1000, false)]
    [InlineData(-600, -300, false)]
    [InlineData(0, 3700, false)]
    [InlineData(-3700, 60, false)]
    public async Task Its_time_must_be_now(int starts, int ends, bool good)
    {
        using var client = server.Client(SignedServer.Strict);
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var text = server.Object(client, client.Request("openid"), claims => (claims["nbf"], claims["exp"]) = (now + starts, now + ends));
        if (good) (await client.PostAsync("/par", ("request", text))).Expect(HttpStatusCode.Created);
        else await RefusedAsync(client, text, "time");
    }

    [Fact, Spec("RFC 9101", "6.2"), Check("fapi2-security-profile-final-ensure-request-object-with-multiple-aud-succeeds")]
    public async Task Several_audiences_are_fine_if_we_are_one()
    {
        using var client = server.Client(SignedServer.Strict);
        var text = server.Object(client, client.Request("openid"), claims => claims["aud"] = new JsonArray("https://other.example.com", server.Issuer));
        (await client.PostAsync("/par", ("request", text))).Expect(HttpStatusCode.Created);
    }

    public static TheoryData<string, string> BadHeaders => new()
    {
        { "alg none", """{"alg":"none"}""" }, { "alg none in other letters", """{"alg":"nOnE"}""" }, { "HMAC with the public key", """{"alg":"HS256"}""" },
        { "another algorithm than the key's", """{"alg":"RS256"}""" }, { "another elliptic algorithm", """{"alg":"ES384"}""" },
        { "a key of its own", """{"kid":"none","jwk":{"kty":"EC"}}""" }, { "an unknown kid", """{"kid":"unknown"}""" },
        { "crit", """{"crit":["exp"]}""" }, { "b64=false", """{"b64":false,"crit":["b64"]}""" }, { "b64=true", """{"b64":true}""" }, { "zip", """{"zip":"DEF"}""" },
        { "the type of an assertion", """{"typ":"client-authentication+jwt"}""" }, { "the type of an access token", """{"typ":"at+jwt"}""" }, { "the type JWT", """{"typ":"JWT"}""" },
        { "alg of no kind", """{"alg":7}""" },
    };

    [Theory, MemberData(nameof(BadHeaders)), Spec("RFC 9101", "10.1"), Spec("RFC 9101", "10.8"), Spec("RFC 8725", "3.1"), Spec("RFC 8725", "3.11"), Check("A48"),
     Check("fapi2-security-profile-final-ensure-request-object-signature-algorithm-is-not-none"), Check("fapi2-security-profile-final-ensure-signed-request-object-with-RS256-fails")]
    public async Task A_header_that_is_not_right_is_refused(string what, string changes)
    {
        using var client = server.Client(SignedServer.Strict);
        var text = server.Object(client, client.Request("openid"), changeHeader: header =>
        {
            foreach (var (name, value) in JsonNode.Parse(changes)!.AsObject()) header[name] = value!.DeepClone();
        });
        await RefusedAsync(client, text, what);
    }

    [Fact, Spec("RFC 8725", "3.10"), Spec("RFC 9101", "10.4"), Check("A48"), Check("fapi2-security-profile-final-ensure-matching-key-in-authorization-request"),
     Check("fapi2-security-profile-final-ensure-request-object-with-invalid-signature-fails")]
    public async Task No_key_counts_but_the_clients_registered_one()
    {
        using var stranger = new TestKey("test-key");
        using var forger = server.Client(SignedServer.Strict with { Key = stranger });
        using var client = server.Client(SignedServer.Strict);
        var request = client.Request("openid");
        foreach (var header in new Action<JsonObject>[]
        {
            _ => { }, header => header["jwk"] = stranger.PublicJwk(), header => header["jku"] = server.Issuer + "/.well-known/jwks.json",
            header => header["x5u"] = "https://evil.example.com/cert.pem", header => header["x5c"] = new JsonArray("MIIB"),
        }) await RefusedAsync(client, server.Object(forger, request, changeHeader: header), "a stranger's signature");

        var text = server.Object(client, request);
        await RefusedAsync(client, text[..^8] + "AAAAAAAA", "a changed signature");
        var parts = text.Split('.');
        var changed = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        changed["scope"] = "openid api:write";
        await RefusedAsync(client, $"{parts[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(changed.ToJsonString()))}.{parts[2]}", "changed claims");
        await RefusedAsync(client, text + "=", "padding");
        await RefusedAsync(client, " " + text, "a space");
        await RefusedAsync(client, $"{parts[0]}.{parts[1]}.", "no signature");
        await RefusedAsync(client, $"{parts[0]}.{parts[1]}", "two parts");
        var twice = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[1])).Replace("\"scope\":", "\"scope\":\"openid api:write\",\"scope\":", StringComparison.Ordinal);
        await RefusedAsync(client, $"{parts[0]}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(twice))}.{parts[2]}", "a member twice");
    }

    [Fact, Spec("RFC 9101", "6.1"), Spec("RFC 8725", "3.6"), Spec("RFC 7516", "4.1.3"), Check("A48")]
    public async Task Encryption_opens_no_side_door()
    {
        using var client = server.Client(SignedServer.Strict);
        var request = client.Request("openid");
        var key = await EncrypterAsync("ECDH-ES");
        var signed = server.Object(client, request);
        // Encrypted twice, encrypted and not signed, claims in clear inside, garbage inside.
        await RefusedAsync(client, key.Encrypt(Encoding.ASCII.GetBytes(key.Encrypt(Encoding.ASCII.GetBytes(signed), "A128GCM", "JWT")), "A128GCM", "JWT"), "nested twice");
        await RefusedAsync(client, key.Encrypt(Encoding.ASCII.GetBytes(SignedServer.Unsigned(new JsonObject { ["alg"] = "none" }, new JsonObject { ["client_id"] = "strict" })), "A128GCM", "JWT"), "unsigned inside");
        await RefusedAsync(client, key.Encrypt(Encoding.UTF8.GetBytes("""{"client_id":"strict"}"""), "A128GCM", null), "claims inside");
        await RefusedAsync(client, key.Encrypt(RandomNumberGenerator.GetBytes(100), "A128GCM", "JWT"), "garbage inside");

        var good = key.Encrypt(Encoding.ASCII.GetBytes(signed), "A128CBC-HS256", "JWT").Split('.');
        // Changed in one place each: the header is covered by the tag too.
        await RefusedAsync(client, With(good, 0, Header(good, header => header["zip"] = "DEF")), "zip");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["crit"] = new JsonArray("exp"))), "crit");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["enc"] = "A256CBC-HS512")), "another enc");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["alg"] = "dir")), "a shared key");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["alg"] = "PBES2-HS256+A128KW")), "a password");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["apu"] = "AAAA")), "a changed header");
        await RefusedAsync(client, With(good, 0, Header(good, header => header.Remove("epk"))), "no sender's key");
        // A point off the curve tells nothing of the key (invalid curve attack).
        await RefusedAsync(client, With(good, 0, Header(good, header => header["epk"]!["y"] = Base64Url.EncodeToString(new byte[32]))), "a point off the curve");
        await RefusedAsync(client, With(good, 0, Header(good, header => header["epk"]!["crv"] = "P-521")), "another curve");
        for (var part = 2; part < 5; part++)
        {
            var bytes = Base64Url.DecodeFromChars(good[part]);
            bytes[0] ^= 1;
            await RefusedAsync(client, With(good, part, Base64Url.EncodeToString(bytes)), $"part {part} changed");
        }

        await RefusedAsync(client, With(good, 1, "AAAA"), "a wrapped key where there is none");
        await RefusedAsync(client, With(good, 4, ""), "no tag");
        // Registered for one enc: nothing else is taken.
        using var agreed = server.Client(SignedServer.Agreed);
        var theirs = Encoding.ASCII.GetBytes(server.Object(agreed, agreed.Request("openid")));
        await RefusedAsync(agreed, (await EncrypterAsync("RSA-OAEP-256")).Encrypt(theirs, "A128GCM", "JWT"), "another enc than registered");
        // Registered for agreement: nothing else is taken, though the server has such a key.
        await RefusedAsync(client, (await EncrypterAsync("RSA-OAEP-256")).Encrypt(Encoding.ASCII.GetBytes(signed), "A128GCM", "JWT"), "another alg than registered");
    }

    [Fact, Spec("RFC 9101", "10.1"), Check("A48")]
    public async Task What_is_too_large_is_refused_before_it_is_looked_at()
    {
        using var client = server.Client(SignedServer.Strict);
        var text = server.Object(client, client.Request("openid"), claims => claims["state"] = new string('a', 100 * 1024));
        (await client.PostAsync("/par", ("request", text))).ExpectError("invalid_request", HttpStatusCode.RequestEntityTooLarge);
        await RefusedAsync(client, server.Object(client, client.Request("openid"), claims => claims["state"] = new string('a', 40 * 1024)), "larger than any request");
    }

    [Fact, Spec("OIDC Core", "3.1.2.6"), Check("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported"),
     Check("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")]
    public async Task An_unsigned_object_in_the_browser_is_not_supported()
    {
        using var client = server.Client(Signing);
        var request = client.Request("openid");
        var unsigned = SignedServer.Unsigned(new JsonObject { ["alg"] = "none" }, new JsonObject { ["client_id"] = Signing.Id, ["scope"] = "openid" });
        (await server.Alice.GetAsync($"{request.Url}&request={unsigned}")).ExpectError(request, "request_not_supported");
        // A client without keys can't have signed anything.
        using var web = server.Client(DeclaredStates.Web);
        var other = web.Request("openid");
        (await server.Alice.GetAsync($"{other.Url}&request={server.Object(client, request)}")).ExpectError(other, "request_not_supported");
        (await server.Alice.GetAsync($"{request.Url}&request_uri=https%3A%2F%2Fassertion.example.com%2Frequest.jwt")).ExpectError(request, "request_uri_not_supported");
        (await server.Alice.GetAsync($"{request.Url}&request=a&request_uri=https%3A%2F%2Fassertion.example.com%2Frequest.jwt")).ExpectError(request, "invalid_request");
    }

    [Fact, Spec("RFC 9101", "6.1")]
    public async Task An_error_about_the_object_goes_where_it_provably_may_and_nowhere_else()
    {
        using var client = server.Client(Signing);
        var request = client.Request("openid");
        (await server.Alice.GetAsync($"{request.Url}&request=garbage")).ExpectError(request, "invalid_request_object");
        var evil = client.Request("openid", ("redirect_uri", "https://evil.example.com/"));
        (await server.Alice.GetAsync($"{evil.Url}&request=garbage")).ExpectErrorPage();
        // What a stranger wrote into an object leads nowhere.
        (await server.Alice.GetAsync(Url(client, server.Object(client, evil)))).ExpectErrorPage();
        (await server.Alice.GetAsync(request.Url.Replace("client_id=assertion", "client_id=unknown", StringComparison.Ordinal) + "&request=garbage")).ExpectErrorPage();
    }

    [Fact, Spec("RFC 9101", "10.5"), Spec("RFC 8414", "2"), Check("fapi2-security-profile-final-discovery-end-point-verification")]
    public async Task The_metadata_says_so()
    {
        using var client = server.Client(Signing);
        var metadata = (await client.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.True(metadata.GetProperty("request_parameter_supported").GetBoolean());
        Assert.False(metadata.GetProperty("request_uri_parameter_supported").GetBoolean());
        var algorithms = metadata.GetProperty("request_object_signing_alg_values_supported").EnumerateArray().Select(algorithm => algorithm.GetString()).ToList();
        Assert.Contains("ES256", algorithms);
        Assert.DoesNotContain("none", algorithms);
        Assert.Equal(["ECDH-ES", "RSA-OAEP-256"], metadata.GetProperty("request_object_encryption_alg_values_supported").EnumerateArray().Select(algorithm => algorithm.GetString()).Order());
    }

    private async Task RefusedAsync(OAuthClient client, string text, string what)
    {
        var before = await server.FingerprintAsync();
        var answer = await client.PostAsync("/par", ("request", text));
        Assert.True(answer is { Status: HttpStatusCode.BadRequest, Error: "invalid_request_object" }, $"{what}: {answer}");
        Assert.All(answer.ErrorDescription!, character => Assert.True(character is >= ' ' and <= '~' and not ('"' or '\\'), what));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    private async Task<JweEncrypter> EncrypterAsync(string algorithm)
    {
        using var client = server.Client(Signing);
        var key = (await client.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray()
            .Single(key => key.GetProperty("use").GetString() == "enc" && key.GetProperty("alg").GetString() == algorithm);
        return JweEncrypter.Read(key, algorithm)!;
    }

    private static string With(string[] parts, int at, string value) => string.Join('.', parts.Select((part, index) => index == at ? value : part));

    private static string Header(string[] parts, Action<JsonObject> change)
    {
        var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!.AsObject();
        change(header);
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header.ToJsonString()));
    }

    private string Url(OAuthClient client, string text) => $"{server.Issuer}/authorize?client_id={client.Client.Id}&request={text}";
}
