using System.Text.Json.Nodes;
using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

/// <summary>What the API says of itself.</summary>
public sealed class MetadataTests(StandingApi standing) : IClassFixture<StandingApi>
{
    [Fact, Spec("RFC 9728", "2"), Check("R18")]
    public async Task It_names_the_resource_and_its_issuers_and_is_for_everybody()
    {
        await using var api = await GuardedApi.StartAsync(standing.Authority, options =>
        {
            options.Issuers.Add("https://second.test");
            options.Scopes.Add("api:read");
            options.ResourceName = "Test API";
        });
        var answer = await api.SendAsync(null, "/.well-known/oauth-protected-resource");
        Assert.Equal(200, answer.Status);
        Assert.Equal("application/json", answer.ContentHeaders.ContentType!.MediaType);
        Assert.Equal("*", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
        var document = JsonNode.Parse(answer.Body)!;
        Assert.Equal(Ready.Api, (string)document["resource"]!);
        Assert.Equal([standing.Authority.Issuer, "https://second.test"], document["authorization_servers"]!.AsArray().Select(issuer => (string)issuer!));
        Assert.Equal(["api:read"], document["scopes_supported"]!.AsArray().Select(scope => (string)scope!));
        Assert.Equal(["header"], document["bearer_methods_supported"]!.AsArray().Select(method => (string)method!));
        Assert.Equal("Test API", (string)document["resource_name"]!);
    }

    private static readonly string[] Usual = ["ES256", "PS256", "RS256", "ES384", "PS384", "RS384", "ES512", "PS512", "RS512", "Ed25519", "EdDSA"];

    public static TheoryData<Action<ResourceServerOptions>, string[], bool, bool> Bindings => new()
    {
        { _ => { }, Usual, false, false },
        { options => { options.DPoP.Algorithms.Clear(); options.DPoP.Algorithms.Add("ES256"); }, ["ES256"], false, false },
        { options => options.DPoP.Required = true, Usual, true, false },
        { options => options.MutualTls.Announced = true, Usual, false, true },
        { Proxy, Usual, false, true },
        { options => { Proxy(options); options.MutualTls.Announced = false; }, Usual, false, false },
    };

    [Theory, MemberData(nameof(Bindings), DisableDiscoveryEnumeration = true), Spec("RFC 9728", "2"), Check("R18")]
    public async Task It_says_which_tokens_may_be_and_which_must_be_bound(Action<ResourceServerOptions> change, string[] algorithms, bool required, bool certificates)
    {
        await using var api = await GuardedApi.StartAsync(standing.Authority, change);
        var document = JsonNode.Parse((await api.SendAsync(null, "/.well-known/oauth-protected-resource")).Body)!.AsObject();
        Assert.Equal(algorithms, document["dpop_signing_alg_values_supported"]!.AsArray().Select(algorithm => (string)algorithm!));
        // Left out they are false.
        Assert.Equal(required ? true : null, (bool?)document["dpop_bound_access_tokens_required"]);
        Assert.Equal(certificates ? true : null, (bool?)document["tls_client_certificate_bound_access_tokens"]);
    }

    [Fact, Check("M12"), Spec("RFC 9728", "3.1"), Check("R18"), Check("R19")]
    public async Task A_resource_with_a_path_has_it_at_the_inserted_path_and_at_the_root_and_nowhere_else()
    {
        await using var api = await GuardedApi.StartAsync(standing.Authority, options => options.Resource = "https://api.test/tools/mcp");
        foreach (var path in (string[])["/.well-known/oauth-protected-resource/tools/mcp", "/.well-known/oauth-protected-resource"])
            Assert.Equal("https://api.test/tools/mcp", (string)JsonNode.Parse((await api.SendAsync(null, path)).Body)!["resource"]!);
        foreach (var path in (string[])["/.well-known/oauth-protected-resource/tools", "/.well-known/oauth-protected-resource/", "/tools/mcp/.well-known/oauth-protected-resource"])
            Assert.Equal(404, (await api.SendAsync(null, path)).Status);
        Assert.Contains("resource_metadata=\"https://api.test/.well-known/oauth-protected-resource/tools/mcp\"", (await api.SendAsync(null, "/any")).Bearer, StringComparison.Ordinal);
    }

    [Theory, Check("M8"), Spec("RFC 9728", "3.1")]
    [InlineData("OPTIONS", 204)]
    [InlineData("HEAD", 200)]
    [InlineData("POST", 405)]
    public async Task Other_methods_are_answered_as_browsers_expect(string method, int status)
    {
        var answer = await standing.Api.SendAsync(null, "/.well-known/oauth-protected-resource", new HttpMethod(method));
        Assert.Equal(status, answer.Status);
        Assert.Equal("", answer.Body);
        Assert.Equal("*", answer.Headers.GetValues("Access-Control-Allow-Origin").Single());
    }

    [Fact, Spec("RFC 9728", "3.3")]
    public async Task The_address_is_the_configured_one_whatever_the_host_header_says()
    {
        await using var api = await GuardedApi.StartAsync(standing.Authority, options => options.Addresses.Add("https://public.test/behind/"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "/any") { Headers = { Host = "attacker.test" } };
        Assert.Contains("\"https://public.test/.well-known/oauth-protected-resource\"", (await api.SendAsync(request)).Bearer, StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<ResourceServerOptions>> Wrong => new()
    {
        { "Issuer is missing", options => options.Issuer = null },
        { "LK-PROVIDER-ISSUER-INSECURE", options => options.Issuer = "http://id.example.com" },
        { "LK-PROVIDER-ISSUER-MALFORMED", options => options.Issuer = "id.example.com" },
        { "LK-PROVIDER-ISSUER-MALFORMED", options => options.Issuer = "https://id.example.com?x=1" },
        { "Resource is missing", options => options.Resource = null },
        { "Resource is not", options => options.Resource = "api" },
        { "Addresses has", options => options.Addresses.Add("/api") },
        { "Algorithms has HS256", options => options.Algorithms.Add("HS256") },
        { "Algorithms has none", options => options.Algorithms.Add("none") },
        { "Scopes has offline_access", options => options.Scopes.Add("offline_access") },
        { "Skew", options => options.Skew = TimeSpan.FromHours(1) },
    };

    [Theory, MemberData(nameof(Wrong))]
    public async Task A_wrong_setting_is_told_in_a_sentence_when_the_program_starts(string sentence, Action<ResourceServerOptions> spoil)
    {
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => GuardedApi.StartAsync(standing.Authority, spoil));
        Assert.Contains(sentence, exception.Message, StringComparison.Ordinal);
    }

    private static void Proxy(ResourceServerOptions options)
    {
        options.MutualTls.ForwardedHeader = "Client-Cert";
        options.MutualTls.TrustedProxies.Add(System.Net.IPNetwork.Parse("10.1.0.0/16"));
    }
}
