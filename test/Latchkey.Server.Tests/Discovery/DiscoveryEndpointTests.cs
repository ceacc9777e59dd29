using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Discovery;

/// <summary>The metadata: it says what works and nothing else.</summary>
public sealed class DiscoveryEndpointTests(SharedServer server)
{
    private const string OpenId = "/.well-known/openid-configuration";
    private const string OAuth = "/.well-known/oauth-authorization-server";

    [Theory, InlineData(OpenId), InlineData(OAuth)]
    [Spec("OIDC Discovery", "4.2"), Spec("RFC 8414", "3.1"), Spec("RFC 8414", "3.2"), Check("A1"), Check("oidcc-discovery-endpoint-verification")]
    public async Task Both_documents_are_one(string path)
    {
        using var client = server.Client(DeclaredStates.Spa);
        var answer = (await client.GetAsync(path)).Expect(HttpStatusCode.OK);
        Assert.Equal("application/json", answer.Header("Content-Type"));
        Assert.Equal((await client.GetAsync(path == OpenId ? OAuth : OpenId)).Body, answer.Body);
        Assert.StartsWith("public, max-age=", answer.Header("Cache-Control"), StringComparison.Ordinal);
        var again = new HttpRequestMessage(HttpMethod.Get, server.Issuer + path);
        again.Headers.TryAddWithoutValidation("If-None-Match", answer.Header("ETag"));
        (await client.SendAsync(again)).Expect(HttpStatusCode.NotModified);
        (await client.SendAsync(new HttpRequestMessage(HttpMethod.Post, server.Issuer + path))).Expect(HttpStatusCode.MethodNotAllowed);
    }

    [Fact, Check("M7"), Spec("OIDC Discovery", "3"), Spec("OIDC Discovery", "4.3"), Spec("RFC 8414", "2"), Spec("RFC 8414", "3.3"), Spec("RFC 9207", "2.3"), Spec("RFC 9700", "2.4"),
     Spec("RFC 9700", "2.1.1"), Spec("OAuth 2.1", "7.10"), Check("A2"), Check("A4"), Check("A5"), Check("A6"), Check("A7"), Check("A8"), Check("A9"), Check("A12"), Check("A13"),
     Check("oidcc-discovery-endpoint-verification")]
    public async Task It_says_what_works()
    {
        var metadata = await MetadataAsync();
        Assert.Equal(server.Issuer, metadata.GetProperty("issuer").GetString());
        var issuer = new Uri(server.Issuer);
        Assert.Equal(("", ""), (issuer.Query, issuer.Fragment));
        AssertIs(metadata, "response_types_supported", "code");
        AssertIs(metadata, "response_modes_supported", "query", "form_post", "jwt", "query.jwt", "form_post.jwt");
        AssertIs(
            metadata, "grant_types_supported", "authorization_code", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange", "urn:openid:params:grant-type:ciba");
        AssertIs(metadata, "code_challenge_methods_supported", "S256");
        AssertIs(metadata, "token_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "none", "private_key_jwt");
        AssertIs(metadata, "revocation_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "none", "private_key_jwt");
        AssertIs(metadata, "introspection_endpoint_auth_methods_supported", "client_secret_basic", "client_secret_post", "private_key_jwt");
        AssertIs(metadata, "subject_types_supported", "public", "pairwise");
        AssertIs(
            metadata, "id_token_signing_alg_values_supported", "ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512");
        foreach (var endpoint in (string[])["token", "revocation", "introspection"])
        {
            var algorithms = Texts(metadata, $"{endpoint}_endpoint_auth_signing_alg_values_supported").ToList();
            AssertHas(algorithms, "RS256", "PS256", "ES256");
            Assert.All(algorithms, algorithm => Assert.Matches("^((RS|PS|ES)(256|384|512)|Ed25519|EdDSA)$", algorithm));
        }

        AssertHas(Texts(metadata, "dpop_signing_alg_values_supported"), "ES256", "PS256", "RS256");
        AssertHas(Texts(metadata, "scopes_supported"), "openid", "profile", "email", "address", "phone", "offline_access", "api:read", "files:read");
        AssertHas(Texts(metadata, "claims_supported"), "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "email", "email_verified");
        foreach (var (name, value) in (IEnumerable<(string, bool)>)[
            ("authorization_response_iss_parameter_supported", true), ("claims_parameter_supported", true), ("request_parameter_supported", true),
            ("request_uri_parameter_supported", false), ("backchannel_logout_supported", true), ("backchannel_logout_session_supported", true),
            ("frontchannel_logout_supported", true), ("frontchannel_logout_session_supported", true)])
            Assert.Equal(value, metadata.GetProperty(name).GetBoolean());
        foreach (var absent in (string[])["registration_endpoint", "mtls_endpoint_aliases"])
            Assert.False(metadata.TryGetProperty(absent, out _), absent);
        Assert.All(metadata.EnumerateObject(), member => Assert.True(
            member.Value.ValueKind is JsonValueKind.String or JsonValueKind.True or JsonValueKind.False || (member.Value.ValueKind == JsonValueKind.Array && member.Value.GetArrayLength() > 0), member.Name));
    }

    [Fact, Spec("RFC 8414", "2"), Spec("OIDC Discovery", "3"), Spec("RFC 6749", "3.1"), Spec("OAuth 2.1", "1.5"), Check("A3"), Check("A12")]
    public async Task Every_endpoint_it_names_answers()
    {
        var metadata = await MetadataAsync();
        using var client = server.Client(DeclaredStates.Spa);
        var endpoints = metadata.EnumerateObject().Where(member => member.Name.EndsWith("_endpoint", StringComparison.Ordinal) || member.Name == "jwks_uri").ToList();
        Assert.Equal(
            [
                "authorization_endpoint", "backchannel_authentication_endpoint", "device_authorization_endpoint", "end_session_endpoint", "global_token_revocation_endpoint",
                "introspection_endpoint", "jwks_uri", "pushed_authorization_request_endpoint", "revocation_endpoint", "token_endpoint", "userinfo_endpoint",
            ],
            endpoints.Select(endpoint => endpoint.Name).Order(StringComparer.Ordinal));
        foreach (var endpoint in endpoints)
        {
            var url = endpoint.Value.GetString()!;
            Assert.StartsWith(server.Issuer + "/", url, StringComparison.Ordinal);
            Assert.Empty(new Uri(url).Fragment);
            var answer = await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, url));
            Assert.True(answer.Status is not HttpStatusCode.NotFound && (int)answer.Status < 500, $"{url} {answer}");
        }
    }

    [Fact, Spec("RFC 9700", "4.13"), Spec("OIDC Discovery", "4.3"), Check("A2"), Check("A50")]
    public async Task No_header_of_a_stranger_changes_it()
    {
        using var client = server.Client(DeclaredStates.Spa);
        var plain = (await client.GetAsync(OpenId)).Body;
        var request = new HttpRequestMessage(HttpMethod.Get, server.Issuer + OpenId);
        request.Headers.Host = "evil.example.com";
        foreach (var (name, value) in (IEnumerable<(string, string)>)[("X-Forwarded-Host", "evil.example.com"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/evil"), ("Forwarded", "host=evil.example.com")])
            request.Headers.TryAddWithoutValidation(name, value);
        Assert.Equal(plain, (await client.SendAsync(request)).Expect(HttpStatusCode.OK).Body);
    }

    [Theory, InlineData("/tenant"), InlineData("/a/b")]
    [Spec("RFC 8414", "3"), Spec("RFC 8414", "3.1"), Spec("OIDC Discovery", "4"), Spec("OIDC Discovery", "4.1"), Check("A1")]
    public async Task An_issuer_with_a_path_is_found_by_either_specification(string path)
    {
        await using var tenant = await InProcessServer.StartAsync(pathBase: path);
        using var http = new HttpClient();
        var origin = tenant.Issuer[..^path.Length];
        string? first = null;
        foreach (var url in (string[])[tenant.Issuer + OpenId, tenant.Issuer + OAuth, origin + OpenId + path, origin + OAuth + path])
        {
            var body = await http.GetStringAsync(new Uri(url), TestContext.Current.CancellationToken);
            Assert.Equal(tenant.Issuer, JsonElement.Parse(body).GetProperty("issuer").GetString());
            Assert.Equal(first ??= body, body);
        }

        foreach (var url in (string[])[origin + OpenId, origin + OAuth, origin + OpenId + "/other", origin + OpenId + path + "/more", origin + "/token"])
        {
            using var answer = await http.GetAsync(new Uri(url), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        using var machine = tenant.Client(DeclaredStates.Machine);
        var token = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal(tenant.Issuer, Jwt.Claims(token["access_token"]!).GetProperty("iss").GetString());
    }

    private static void AssertIs(JsonElement metadata, string name, params string[] values) => Assert.Equal(values.Order(StringComparer.Ordinal), Texts(metadata, name).Order(StringComparer.Ordinal));

    private static void AssertHas(IEnumerable<string> all, params string[] some) => Assert.Empty(some.Except(all));

    private static IEnumerable<string> Texts(JsonElement metadata, string name) => metadata.GetProperty(name).EnumerateArray().Select(value => value.GetString()!);

    private async Task<JsonElement> MetadataAsync()
    {
        using var client = server.Client(DeclaredStates.Spa);
        return (await client.GetAsync(OpenId)).Expect(HttpStatusCode.OK).Json;
    }
}
