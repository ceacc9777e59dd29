using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Tests.Fetching;

namespace Latchkey.Server.Tests.ClientAuthentication;

/// <summary><c>private_key_jwt</c> by RFC 7523 as RFC 10070 changes it.</summary>
public sealed class ClientAssertionTests(ClockedServer server, DocumentHostFixture keys) : IClassFixture<ClockedServer>, IClassFixture<DocumentHostFixture>
{
    /// <summary>Where a stranger's keys are; nobody is to look there.</summary>
    private DocumentHost Keys { get; } = keys.Host;

    private static readonly TestKey Stranger = new("stranger");

    [Theory, InlineData("/token"), InlineData("/introspect"), InlineData("/revoke")]
    [Spec("RFC 7523", "2.2"), Spec("RFC 10070", "3"), Spec("OIDC Core", "9"), Check("A32")]
    public async Task An_assertion_for_the_issuer_authenticates_everywhere(string path)
    {
        using var client = server.Client(DeclaredStates.Assertion);
        (await client.PostAsync(path, ("grant_type", "client_credentials"), ("token", "x"))).Expect(HttpStatusCode.OK);
        // The address of the endpoint itself is no audience there either.
        var own = client.Assertion(claims => claims["aud"] = server.Issuer + path);
        (await client.PostAsync(path, ("grant_type", "client_credentials"), ("token", "x"), ("client_assertion", own))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    public static TheoryData<string> Good => ["aud in an array", "typ JWT", "typ absent", "typ in capitals", "exp in half an hour less 21 minutes", "nbf now", "no iat", "client_id beside it", "no kid"];

    [Theory, MemberData(nameof(Good)), Spec("RFC 10070", "3"), Spec("RFC 10070", "3.2"), Spec("RFC 7521", "4.2"), Check("A32")]
    public async Task What_may_vary_may_vary(string variant)
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var now = server.Now / 1000;
        var assertion = client.Assertion(
            claims =>
            {
                if (variant == "aud in an array") claims["aud"] = new JsonArray(server.Issuer);
                if (variant == "exp in half an hour less 21 minutes") claims["exp"] = now + 540.5;
                if (variant == "nbf now") claims["nbf"] = now;
                if (variant == "no iat") claims.Remove("iat");
            },
            header =>
            {
                if (variant == "typ JWT") header["typ"] = "JWT";
                if (variant == "typ absent") header.Remove("typ");
                if (variant == "typ in capitals") header["typ"] = "Client-Authentication+JWT";
                if (variant == "no kid") header["kid"] = "";
            });
        (await client.TokenAsync(
            ("grant_type", "client_credentials"), ("client_assertion", assertion), ("client_id", variant == "client_id beside it" ? "assertion" : null))).Expect(HttpStatusCode.OK);
    }

    public static TheoryData<string, string?> Bad => new()
    {
        { "aud the token endpoint", "aud" },
        { "aud of two", "malformed" },
        { "aud the issuer and another", "malformed" },
        { "aud with a slash", "aud" },
        { "aud in capitals", "aud" },
        { "aud absent", "malformed" },
        { "aud a number", "well-formed" },
        { "expired", "expired" },
        { "exp absent", "malformed" },
        { "exp a string", "well-formed" },
        { "exp in ten years", "10 minutes" },
        { "nbf in an hour", "future" },
        { "iat in an hour", "future" },
        { "jti absent", "malformed" },
        { "jti empty", "malformed" },
        { "sub another client", "iss and sub" },
        { "iss another client", "iss and sub" },
        { "iss and sub another client", null },
        { "iss and sub nobody", null },
        { "iss absent", "malformed" },
        { "sub absent", "malformed" },
        { "typ at+jwt", "typ" },
        { "typ dpop+jwt", "typ" },
        { "another key", null },
        { "another key under the same kid", null },
        { "alg none", null },
        { "alg HS256 with the public key", null },
        { "alg in the header only", null },
        { "payload changed", null },
        { "no signature", null },
        { "four parts", "no well-formed signed JWT" },
        { "garbage", "no well-formed signed JWT" },
        { "claims no object", "well-formed" },
        { "crit", null },
        { "b64", null },
        { "zip", null },
        { "a key in its header", null },
        { "a key by jku", null },
        { "a key by x5u", null },
        { "a key by x5c", null },
    };

    [Theory, MemberData(nameof(Bad)), Spec("RFC 7523", "3"), Spec("RFC 7523", "3.2"), Spec("RFC 10070", "3"), Spec("RFC 8725", "3.1"), Check("A32")]
    public async Task What_proves_nothing_is_refused_and_nothing_is_written(string variant, string? says)
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var before = await server.FingerprintAsync();
        var answer = (await client.TokenAsync(("grant_type", "client_credentials"), ("client_assertion", Make(client, variant)))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        Assert.Contains(says ?? "unknown or its credentials are wrong", answer.ErrorDescription, StringComparison.Ordinal);
        Token.TokenEndpointTests.AssertErrorForm(answer);
        Assert.Equal(before, await server.FingerprintAsync());
        Assert.Empty(Keys.Asked);
    }

    [Fact, Spec("RFC 7523", "3"), Spec("OIDC Core", "9"), Check("A32")]
    public async Task An_assertion_works_once()
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var assertion = client.Assertion();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.TokenAsync(("grant_type", "client_credentials"), ("client_assertion", assertion))));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer =>
            Assert.Contains("used before", answer.ExpectError("invalid_client", HttpStatusCode.Unauthorized).ErrorDescription, StringComparison.Ordinal));
        // At another endpoint it is the same assertion.
        (await client.IntrospectAsync("x", ("client_assertion", assertion))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        // And after its time too.
        server.Wait(60 + 61);
        (await client.TokenAsync(("grant_type", "client_credentials"), ("client_assertion", assertion))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    public static TheoryData<string?, string?> Incomplete => new()
    {
        { null, "good" },
        { "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "good" },
        { "JWT-BEARER", "good" },
        { ClientAssertions.AssertionType, null },
        { ClientAssertions.AssertionType, "" },
    };

    [Theory, MemberData(nameof(Incomplete)), Spec("RFC 7523", "2.2"), Check("A32")]
    public async Task Type_and_assertion_belong_together(string? type, string? assertion)
    {
        using var client = server.Client(DeclaredStates.Assertion);
        (await client.TokenAsync(
            ("grant_type", "client_credentials"), ("client_assertion_type", type ?? ""), ("client_assertion", assertion == "good" ? client.Assertion() : assertion ?? "")))
            .ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 7521", "4.2")]
    public async Task A_client_id_that_contradicts_it_is_refused()
    {
        using var client = server.Client(DeclaredStates.Assertion);
        (await client.TokenAsync(("grant_type", "client_credentials"), ("client_id", "machine"))).ExpectError("invalid_request");
    }

    private string Make(OAuthClient client, string variant)
    {
        var now = server.Now / 1000;
        void Claims(JsonObject claims)
        {
            switch (variant)
            {
                case "aud the token endpoint": claims["aud"] = server.Issuer + "/token"; break;
                case "aud of two": claims["aud"] = new JsonArray(server.Issuer, server.Issuer + "/token"); break;
                case "aud the issuer and another": claims["aud"] = new JsonArray(server.Issuer, "https://other.example.com"); break;
                case "aud with a slash": claims["aud"] = server.Issuer + "/"; break;
                case "aud in capitals": claims["aud"] = server.Issuer.ToUpperInvariant(); break;
                case "aud absent": claims.Remove("aud"); break;
                case "aud a number": claims["aud"] = 1; break;
                case "expired": claims["exp"] = now - 61; break;
                case "exp absent": claims.Remove("exp"); break;
                case "exp a string": claims["exp"] = "soon"; break;
                case "exp in ten years": claims["exp"] = now + 315_360_000; break;
                case "nbf in an hour": claims["nbf"] = now + 3600; break;
                case "iat in an hour": claims["iat"] = now + 3600; break;
                case "jti absent": claims.Remove("jti"); break;
                case "jti empty": claims["jti"] = ""; break;
                case "sub another client": claims["sub"] = "web"; break;
                case "iss another client": claims["iss"] = "web"; break;
                case "iss and sub another client": (claims["iss"], claims["sub"]) = ("web", "web"); break;
                case "iss and sub nobody": (claims["iss"], claims["sub"]) = ("nobody", "nobody"); break;
                case "iss absent": claims.Remove("iss"); break;
                case "sub absent": claims.Remove("sub"); break;
                default: break;
            }
        }

        void Header(JsonObject header)
        {
            if (variant.StartsWith("typ ", StringComparison.Ordinal)) header["typ"] = variant[4..];
            if (variant == "alg none") header["alg"] = "none";
            if (variant == "alg in the header only") header["alg"] = "RS256";
            if (variant == "crit") header["crit"] = new JsonArray("exp");
            if (variant == "b64") (header["b64"], header["crit"]) = (false, new JsonArray("b64"));
            if (variant == "zip") header["zip"] = "DEF";
        }

        var good = client.Assertion(Claims, Header);
        var parts = good.Split('.');
        return variant switch
        {
            "another key" => Stranger.Sign(new JsonObject(), Body(client)),
            "another key under the same kid" => Stranger.Sign(new JsonObject { ["kid"] = TestKey.Shared.Id }, Body(client)),
            "a key in its header" => Stranger.Sign(new JsonObject { ["jwk"] = Stranger.PublicJwk() }, Body(client)),
            "a key by jku" or "a key by x5u" => Stranger.Sign(new JsonObject { [variant[9..]] = Keys.Url("/keys") }, Body(client)),
            "a key by x5c" => Stranger.Sign(new JsonObject { ["x5c"] = new JsonArray("MIIB") }, Body(client)),
            "alg none" or "no signature" => $"{parts[0]}.{parts[1]}.",
            "alg HS256 with the public key" => Hmac(client),
            "payload changed" => $"{parts[0]}.{Encode(Body(client))}.{parts[2]}",
            "four parts" => good + ".x",
            "garbage" => "garbage",
            "claims no object" => $"{parts[0]}.{System.Buffers.Text.Base64Url.EncodeToString("[1]"u8)}.{parts[2]}",
            _ => good,
        };
    }

    private static JsonObject Body(OAuthClient client) => JsonNode.Parse(Jwt.Claims(client.Assertion()).GetRawText())!.AsObject();

    private static string Hmac(OAuthClient client)
    {
        var input = Encode(new JsonObject { ["alg"] = "HS256", ["kid"] = TestKey.Shared.Id }) + "." + Encode(Body(client));
        var secret = Encoding.UTF8.GetBytes(TestKey.Shared.PublicJwk().ToJsonString());
        return input + "." + System.Buffers.Text.Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(input)));
    }

    private static string Encode(JsonObject part) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
