using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.Server.Tests.Keys;

/// <summary>Every algorithm by a policy per client and resource; a key is made when something is first declared to need it.</summary>
public sealed class AlgorithmTests(AlgorithmTests.Server server) : IClassFixture<AlgorithmTests.Server>
{
    private static readonly string[] All = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"];

    public static TheoryData<string> Algorithms { get; } = new(All);

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 7518", "3.1"), Spec("RFC 8037", "3.1"), Spec("RFC 9864", "2.2"), Spec("OIDC Core", "3.1.3.6")]
    public async Task A_client_gets_its_ID_tokens_by_the_algorithm_it_is_registered_for(string algorithm)
    {
        using var client = server.Client(Named(algorithm));
        var tokens = await server.SignInAsync(client, "openid");
        var claims = await VerifiedAsync(tokens.IdToken!, algorithm);
        var hash = algorithm.EndsWith("384", StringComparison.Ordinal) ? SHA384.HashData(Encoding.ASCII.GetBytes(tokens.AccessToken))
            : algorithm.EndsWith("256", StringComparison.Ordinal) ? SHA256.HashData(Encoding.ASCII.GetBytes(tokens.AccessToken))
            : SHA512.HashData(Encoding.ASCII.GetBytes(tokens.AccessToken));
        Assert.Equal(Base64Url.EncodeToString(hash.AsSpan(0, hash.Length / 2)), claims.Text("at_hash"));

        // It comes back as a hint, and signed answers go by it too.
        var request = client.Request("openid", ("prompt", "none"), ("id_token_hint", tokens.IdToken), ("response_mode", "jwt"));
        var answer = await VerifiedAsync((await server.Alice.GetAsync(request.Url)).Answer["response"]!, algorithm);
        Assert.NotNull(answer.Text("code"));
    }

    [Theory, MemberData(nameof(Algorithms)), Spec("RFC 9068", "2.1")]
    public async Task A_resource_gets_its_access_tokens_by_the_algorithm_it_is_registered_for(string algorithm)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync($"scope-{algorithm}")).Expect(HttpStatusCode.OK)["access_token"]!;
        await VerifiedAsync(token, algorithm);
        Assert.Equal("true", (await machine.IntrospectAsync(token))["active"]);
        Assert.Equal("""{"active":false}""", (await machine.IntrospectAsync(token[..^6] + "AAAAAA")).Body);
    }

    [Theory, InlineData("EdDSA"), InlineData("Ed25519"), Spec("RFC 7523", "3"), Spec("RFC 8037", "3.1"), Spec("RFC 9101", "10.2")]
    public async Task Assertions_and_request_objects_can_be_signed_with_Ed25519(string algorithm)
    {
        using var machine = server.Client(Server.Edwards);
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        string Assertion(string alg) => Server.Sign(
            alg, new JsonObject { ["iss"] = "edwards", ["sub"] = "edwards", ["aud"] = server.Issuer, ["exp"] = now + 60, ["jti"] = Guid.NewGuid().ToString() });

        async Task<Answer> TokenAsync(string assertion) => await machine.ClientCredentialsAsync("api:read",
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", assertion));
        (await TokenAsync(Assertion(algorithm))).Expect(HttpStatusCode.OK);
        (await TokenAsync(Assertion(algorithm)[..^10] + "AAAAAAAAAA")).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await TokenAsync(Assertion("Ed448"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 7517", "5"), Spec("RFC 7517", "4.5")]
    public async Task The_key_set_has_one_key_that_signs_for_each_algorithm_and_only_public_halves()
    {
        using var client = server.Client(DeclaredStates.Web);
        var keys = (await client.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray().ToList();
        foreach (var algorithm in All) Assert.Contains(keys, key => key.GetProperty("alg").GetString() == algorithm);
        Assert.Equal(keys.Count, keys.Select(key => key.GetProperty("kid").GetString()).Distinct().Count());
        Assert.DoesNotContain(keys, key => key.TryGetProperty("d", out _) || key.TryGetProperty("p", out _));
        Assert.All(keys.Where(key => key.GetProperty("kty").GetString() == "OKP"), key => Assert.Equal(("Ed25519", 43), (key.GetProperty("crv").GetString(), key.GetProperty("x").GetString()!.Length)));
    }

    [Fact, Spec("OIDC Discovery", "3")]
    public async Task The_metadata_lists_every_algorithm_and_RS256_first()
    {
        using var client = server.Client(DeclaredStates.Web);
        var metadata = (await client.GetAsync("/.well-known/openid-configuration")).Json;
        foreach (var name in new[] { "id_token_signing_alg_values_supported", "userinfo_signing_alg_values_supported", "authorization_signing_alg_values_supported" })
        {
            var listed = metadata.GetProperty(name).EnumerateArray().Select(value => value.GetString()!).ToList();
            Assert.Equal("RS256", listed[0]);
            Assert.Equal(All.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_key_of_an_algorithm_is_made_when_it_is_first_declared_while_the_server_runs_and_rotates_like_any_other()
    {
        await using var process = await LatchkeyProcess.StartAsync();
        using var client = new OAuthClient(process.Issuer, DeclaredStates.Web);
        async Task<List<string?>> KidsAsync() => [.. (await client.GetAsync("/.well-known/jwks.json")).Json.GetProperty("keys").EnumerateArray()
            .Where(key => key.GetProperty("alg").GetString() == "Ed25519").Select(key => key.GetProperty("kid").GetString())];
        Assert.Empty(await KidsAsync());
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("web.json"), """{"id_token_signed_response_alg":"Ed25519"}""", TestContext.Current.CancellationToken);
        var updated = await process.CommandAsync("client", "update", "web", "--metadata", folder.File("web.json"));
        Assert.True(updated.ExitCode == 0, updated.Errors);
        await Eventually.HoldsAsync("there is a key", async () => (await KidsAsync()).Count > 0);
        var tokens = await client.SignInAsync(scope: "openid");
        var first = Jwt.Header(tokens.IdToken!).GetProperty("kid").GetString();
        Assert.Equal("Ed25519", Jwt.Header(tokens.IdToken!).GetProperty("alg").GetString());
        var rotated = await process.CommandAsync("key", "rotate", "--alg", "Ed25519", "--immediately");
        Assert.True(rotated.ExitCode == 0, rotated.Errors);
        await Eventually.HoldsAsync("another key signs", async () =>
            Jwt.Header((await client.SignInAsync(scope: "openid")).IdToken!).GetProperty("kid").GetString() != first);
    }

    private static TestClient Named(string algorithm) => new($"client-{algorithm}", $"secret-of-{algorithm}-0123456789", TestClient.Basic, "https://algorithm.example.com/callback");

    private async Task<JsonMembers> VerifiedAsync(string token, string algorithm)
    {
        using var client = server.Client(DeclaredStates.Web);
        var jwks = KeySet.Read((await client.GetAsync("/.well-known/jwks.json")).Json, null)!;
        var jws = Jws.Read(token, 16384).Value;
        Assert.Equal(algorithm, jws.Header.Algorithm);
        Assert.True(jws.IsSignedBy(jwks.Find(jws.Header.KeyId, algorithm)!));
        return jws.Claims;
    }

    /// <summary>A server with a client and a resource for each algorithm.</summary>
    public sealed class Server : ClockedServer
    {
        /// <summary>Authenticates with Ed25519.</summary>
        public static readonly TestClient Edwards = new("edwards", null, TestClient.None, null);

        private static readonly byte[] Seed = Ed25519Keys.Generate();

        public static string Sign(string algorithm, JsonObject claims)
        {
            var signer = Ed25519Keys.Open(algorithm, "ed", Seed);
            return Protocol.Jose.JwtWriter.Write(signer, "client-authentication+jwt", claims, static (json, source) =>
            {
                foreach (var (name, value) in source)
                {
                    json.WritePropertyName(name);
                    value!.WriteTo(json);
                }
            });
        }

        protected override JsonObject State()
        {
            var state = DeclaredStates.Standard();
            foreach (var algorithm in All)
            {
                state.Add(Named(algorithm), client =>
                {
                    client["id_token_signed_response_alg"] = algorithm;
                    client["authorization_signed_response_alg"] = algorithm;
                });
                state["resources"]!.AsArray().Add(new JsonObject
                {
                    ["resource"] = $"https://{algorithm.ToLowerInvariant()}.example.com",
                    ["scopes"] = new JsonArray($"scope-{algorithm}"),
                    ["access_token_signed_response_alg"] = algorithm,
                });
            }

            state.Client(DeclaredStates.Machine)["scope"] = "api:read " + string.Join(' ', All.Select(algorithm => $"scope-{algorithm}"));
            state.Add(Edwards, client =>
            {
                var jwk = JsonNode.Parse(Ed25519Keys.Open("EdDSA", "ed", Seed).PublicKey.Span)!.AsObject();
                jwk.Remove("alg");
                client["token_endpoint_auth_method"] = "private_key_jwt";
                client["jwks"] = new JsonObject { ["keys"] = new JsonArray(jwk) };
                client["grant_types"] = new JsonArray("client_credentials");
                client["scope"] = "api:read";
            });
            return state;
        }
    }
}
