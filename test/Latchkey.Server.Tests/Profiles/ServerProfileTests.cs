using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Server.Tests.Authorize;
using Latchkey.Server.Tests.SenderConstraint;

namespace Latchkey.Server.Tests.Profiles;

/// <summary>A profile of all of a server: of its metadata, of its clients, and of those that come by themselves.</summary>
public sealed class ServerProfileTests(BankServer server) : IClassFixture<BankServer>
{
    private static readonly string[] Algorithms = ["Ed25519", "EdDSA", "ES256", "PS256"];

    [Fact, Spec("RFC 8414", "2"), Spec("FAPI 2.0 Security Profile", "5.4.1"), Check("fapi2-security-profile-final-discovery-end-point-verification")]
    public async Task The_metadata_offers_nothing_that_would_be_refused()
    {
        using var client = server.Client(DeclaredStates.Assertion);
        var metadata = (await client.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.True(metadata.GetProperty("require_pushed_authorization_requests").GetBoolean());
        Assert.True(metadata.GetProperty("require_signed_request_object").GetBoolean());
        Assert.True(metadata.GetProperty("authorization_response_iss_parameter_supported").GetBoolean());
        Assert.Equal(["private_key_jwt"], Texts(metadata, "token_endpoint_auth_methods_supported"));
        Assert.Equal(["private_key_jwt"], Texts(metadata, "introspection_endpoint_auth_methods_supported"));
        Assert.Equal(["form_post.jwt", "jwt", "query.jwt"], Texts(metadata, "response_modes_supported"));
        foreach (var name in metadata.EnumerateObject().Select(member => member.Name).Where(name => name.EndsWith("alg_values_supported", StringComparison.Ordinal) && name.Contains("sign", StringComparison.Ordinal)))
            Assert.Equal((name, string.Join(' ', Algorithms)), (name, string.Join(' ', Texts(metadata, name))));
    }

    [Fact, Spec("FAPI 2.0 Message Signing", "5.3.1"), Spec("FAPI 2.0 Security Profile", "5.3.2.1")]
    public async Task A_client_without_a_profile_keeps_to_the_servers()
    {
        using var prover = new Prover(server);
        using var client = prover.Client(DeclaredStates.Assertion);
        var request = client.Request("openid api:read", ("response_mode", "jwt"));
        var brought = client.Request("openid");
        (await server.Alice.GetAsync(brought.Url)).ExpectError(brought, "invalid_request");
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = "assertion", ["aud"] = server.Issuer, ["nbf"] = now, ["exp"] = now + 300 };
        foreach (var (name, value) in request.Parameters) claims[name] = value;
        var pushed = (await ProfileServer.PushAsync(client, ("request", client.Client.Key!.Sign(new JsonObject(), claims)))).Expect(HttpStatusCode.Created);
        var stop = await server.Alice.AuthorizeAsync($"{server.Issuer}/authorize?client_id=assertion&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}");
        var answer = await Jwt.VerifyAsync(stop.Answer["response"]!, server.Issuer, "assertion", "JWT", "PS256", server.Clock);
        (await client.RedeemAsync(request, answer.GetProperty("code").GetString()!)).ExpectBound(prover);
    }

    [Fact, Spec("RFC 7591", "3.2.1"), Spec("RFC 7591", "3.2.2")]
    public async Task Who_registers_is_judged_by_it_and_told_what_it_turned_on()
    {
        using var http = new HttpClient();
        var request = new JsonObject { ["redirect_uris"] = new JsonArray("https://new.example.com/callback"), ["token_endpoint_auth_method"] = "none" };
        using var refused = await http.PostAsJsonAsync($"{server.Issuer}/register", request);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        var error = await refused.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal("invalid_client_metadata", error.GetProperty("error").GetString());
        Assert.Contains("FAPI 2.0 Security Profile section 5.3.2.1", error.GetProperty("error_description").GetString(), StringComparison.Ordinal);

        request["token_endpoint_auth_method"] = "private_key_jwt";
        request["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
        using var taken = await http.PostAsJsonAsync($"{server.Issuer}/register", request);
        Assert.Equal(HttpStatusCode.Created, taken.StatusCode);
        var client = await taken.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(client.GetProperty("dpop_bound_access_tokens").GetBoolean());
        Assert.True(client.GetProperty("require_signed_request_object").GetBoolean());
        Assert.Equal("PS256", client.GetProperty("id_token_signed_response_alg").GetString());
    }

    private static IEnumerable<string> Texts(JsonElement metadata, string name) =>
        metadata.GetProperty(name).EnumerateArray().Select(value => value.GetString()!).Order(StringComparer.OrdinalIgnoreCase);
}
