using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Verification.Jose;

namespace Latchkey.Server.Tests.Introspection;

/// <summary>A server one of whose APIs wants its introspection in ES256, and others theirs encrypted.</summary>
public sealed class SigningIntrospectionServer : ClockedServer
{
    /// <summary>Wants it encrypted by agreement, and signed by PS256.</summary>
    public static readonly TestClient Agreed = new("agreed-api", "agreed-api-secret-0123456789", TestClient.Basic, null);

    /// <summary>Wants it encrypted to an RSA key, and says no more.</summary>
    public static readonly TestClient Wrapped = new("wrapped-api", "wrapped-api-secret-0123456789", TestClient.Basic, null);

    /// <summary>Wants it encrypted, but has only a key that signs.</summary>
    public static readonly TestClient Keyless = new("keyless-api", "keyless-api-secret-0123456789", TestClient.Basic, null);

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.FilesServer)["introspection_signed_response_alg"] = "ES256";
        Add(state, Agreed, JsonNode.Parse(SignedServer.Agreement.PublicKey.Span)!, client =>
        {
            client["introspection_encrypted_response_alg"] = "ECDH-ES";
            client["introspection_encrypted_response_enc"] = "A256GCM";
            client["introspection_signed_response_alg"] = "PS256";
        });
        Add(state, Wrapped, JsonNode.Parse(SignedServer.Wrapping.PublicKey.Span)!, client => client["introspection_encrypted_response_alg"] = "RSA-OAEP-256");
        Add(state, Keyless, TestKey.Shared.PublicJwk(), client => client["introspection_encrypted_response_alg"] = "RSA-OAEP-256");
        return state;
    }

    private static void Add(JsonObject state, TestClient client, JsonNode key, Action<JsonObject> change)
    {
        state.Add(client, declared =>
        {
            declared["grant_types"] = new JsonArray("client_credentials");
            declared["jwks"] = new JsonObject { ["keys"] = new JsonArray(key) };
            change(declared);
        });
        state.Resource(DeclaredStates.Api)["clients"]!.AsArray().Add(client.Id);
    }
}

/// <summary>Introspection answers as signed JWTs, RFC 9701.</summary>
public sealed class JwtIntrospectionTests(SigningIntrospectionServer server) : IClassFixture<SigningIntrospectionServer>
{
    private const string Type = "application/token-introspection+jwt";

    [Fact, Spec("RFC 9701", "4"), Spec("RFC 9701", "5"), Spec("RFC 9701", "6")]
    public async Task Who_asks_for_a_JWT_gets_what_the_JSON_says_signed_for_them()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read files:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        foreach (var (client, algorithm) in ((TestClient, string)[])[(DeclaredStates.ApiServer, "RS256"), (DeclaredStates.FilesServer, "ES256")])
        {
            using var api = server.Client(client);
            var json = (await api.IntrospectAsync(token)).Expect(HttpStatusCode.OK);
            var answer = (await IntrospectAsync(api, token, Type)).Expect(HttpStatusCode.OK);
            Assert.Equal((Type, "no-store", "Accept"), (answer.Header("Content-Type"), answer.Header("Cache-Control"), answer.Header("Vary")));
            Assert.Equal((algorithm, "token-introspection+jwt"), (Jwt.Header(answer.Body).GetProperty("alg").GetString(), Jwt.Header(answer.Body).GetProperty("typ").GetString()));
            // There is no exp: what is said is of now. The signature is verified as everybody would.
            var claims = Jwt.Claims(answer.Body);
            Assert.Equal(["aud", "iat", "iss", "token_introspection"], claims.EnumerateObject().Select(claim => claim.Name).Order());
            Assert.Equal((server.Issuer, client.Id), (claims.GetProperty("iss").GetString(), claims.GetProperty("aud").GetString()));
            Assert.Equal(json.Body, claims.GetProperty("token_introspection").GetRawText());
        }
    }

    [Fact, Spec("RFC 9701", "5")]
    public async Task A_token_that_is_not_the_callers_business_is_inactive_and_no_more()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        using var files = server.Client(DeclaredStates.FilesServer);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var answer = (await IntrospectAsync(files, token, Type)).Expect(HttpStatusCode.OK);
        Assert.Equal("""{"active":false}""", Jwt.Claims(answer.Body).GetProperty("token_introspection").GetRawText());
    }

    [Theory]
    [InlineData("application/json", false), InlineData("*/*", false), InlineData("application/*", false), InlineData("application/json, " + Type, true)]
    [InlineData("APPLICATION/Token-Introspection+JWT", true), InlineData(Type + ";q=0", false), InlineData(Type + "; q=0.5", true)]
    [Spec("RFC 9701", "4"), Spec("RFC 9110", "12.5.1")]
    public async Task Only_the_type_by_its_name_asks_for_it(string accept, bool signed)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        Assert.Equal(signed ? Type : "application/json", (await IntrospectAsync(machine, token, accept)).Expect(HttpStatusCode.OK).Header("Content-Type"));
    }

    /// <summary>Signed first, then encrypted: outside there is nothing to read, and inside is the very JWT that others get.</summary>
    [Fact, Spec("RFC 9701", "5"), Spec("RFC 9701", "6"), Spec("RFC 7519", "11.2")]
    public async Task Who_is_registered_for_it_gets_it_encrypted_to_a_key_of_its_own()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read files:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        foreach (var (client, key, encryption, algorithm) in ((TestClient, JweDecrypter, string, string)[])[
            (SigningIntrospectionServer.Agreed, SignedServer.Agreement, "A256GCM", "PS256"), (SigningIntrospectionServer.Wrapped, SignedServer.Wrapping, "A128CBC-HS256", "RS256")])
        {
            using var api = server.Client(client);
            // Who asks for JSON gets JSON: the registration says how a JWT is secured, not that there is one.
            var json = (await api.IntrospectAsync(token)).Expect(HttpStatusCode.OK);
            Assert.True(json.Json.GetProperty("active").GetBoolean());
            var answer = (await IntrospectAsync(api, token, Type)).Expect(HttpStatusCode.OK);
            Assert.Equal((Type, "no-store", "Accept"), (answer.Header("Content-Type"), answer.Header("Cache-Control"), answer.Header("Vary")));
            Assert.Equal(5, answer.Body.Split('.').Length);
            var outside = Jwt.Header(answer.Body);
            Assert.Equal((key.Algorithm, encryption, "JWT", key.KeyId),
                (outside.GetProperty("alg").GetString(), outside.GetProperty("enc").GetString(), outside.GetProperty("cty").GetString(), outside.GetProperty("kid").GetString()));
            var inside = SignedServer.Decrypt(key, answer.Body);
            Assert.Equal((algorithm, "token-introspection+jwt"), (Jwt.Header(inside).GetProperty("alg").GetString(), Jwt.Header(inside).GetProperty("typ").GetString()));
            Assert.Equal((server.Issuer, client.Id), (Jwt.Claims(inside).GetProperty("iss").GetString(), Jwt.Claims(inside).GetProperty("aud").GetString()));
            Assert.Equal(json.Body, Jwt.Claims(inside).GetProperty("token_introspection").GetRawText());
        }
    }

    [Fact, Spec("RFC 9701", "5")]
    public async Task That_a_token_is_inactive_is_encrypted_too()
    {
        using var api = server.Client(SigningIntrospectionServer.Wrapped);
        var answer = (await IntrospectAsync(api, "no-token", Type)).Expect(HttpStatusCode.OK);
        Assert.Equal("""{"active":false}""", Jwt.Claims(SignedServer.Decrypt(SignedServer.Wrapping, answer.Body)).GetProperty("token_introspection").GetRawText());
    }

    [Fact, Spec("RFC 9701", "6")]
    public async Task What_can_t_be_encrypted_is_not_sent_in_clear()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        using var api = server.Client(SigningIntrospectionServer.Keyless);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var answer = (await IntrospectAsync(api, token, Type)).ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
        Assert.Contains("RSA-OAEP-256", answer.ErrorDescription, StringComparison.Ordinal);
        Assert.DoesNotContain("active", answer.Body, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9701", "7")]
    public async Task Discovery_lists_the_algorithms()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var metadata = await machine.GetAsync("/.well-known/oauth-authorization-server");
        Assert.Contains("RS256", metadata["introspection_signing_alg_values_supported"], StringComparison.Ordinal);
        Assert.Equal("""["RSA-OAEP-256","ECDH-ES"]""", metadata.Json.GetProperty("introspection_encryption_alg_values_supported").GetRawText());
        Assert.Equal("""["A128CBC-HS256","A128GCM","A256GCM"]""", metadata.Json.GetProperty("introspection_encryption_enc_values_supported").GetRawText());
    }

    private static Task<Answer> IntrospectAsync(OAuthClient client, string token, string accept)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, client.Issuer + "/introspect") { Content = new FormUrlEncodedContent([new("token", token)]) };
        request.Headers.Authorization = OAuthClient.BasicHeader(client.Client.Id, client.Client.Secret!);
        foreach (var one in accept.Split(", ")) request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(one));
        return client.SendAsync(request);
    }
}
