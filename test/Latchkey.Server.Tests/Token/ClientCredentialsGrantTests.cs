using System.Net;

namespace Latchkey.Server.Tests.Token;

/// <summary>A client that acts for itself.</summary>
public sealed class ClientCredentialsGrantTests(SharedServer server)
{
    [Fact, Spec("RFC 6749", "4.4.3"), Spec("RFC 9068", "2.2"), Spec("RFC 9700", "4.15.1"), Check("A33")]
    public async Task It_gets_an_access_token_of_its_own_and_nothing_else()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal(["access_token", "expires_in", "scope", "token_type"], answer.Json.EnumerateObject().Select(member => member.Name).Order());
        var claims = await Jwt.VerifyAsync(answer["access_token"]!, server.Issuer, DeclaredStates.Api, "at+jwt");
        Assert.Equal(("machine", "machine"), (claims.GetProperty("sub").GetString(), claims.GetProperty("client_id").GetString()));
        foreach (var name in (string[])["auth_time", "acr", "email", "nonce", "sid"]) Assert.False(claims.TryGetProperty(name, out _), name);
    }

    [Theory, InlineData("spa"), InlineData("native"), InlineData("web")]
    [Spec("RFC 6749", "4.4"), Spec("OAuth 2.1", "4.2"), Check("A33")]
    public async Task It_is_for_confidential_clients_that_have_the_grant(string id)
    {
        using var client = server.Client(id == "web" ? DeclaredStates.Web : id == "spa" ? DeclaredStates.Spa : DeclaredStates.Native);
        (await client.ClientCredentialsAsync("api:read")).ExpectError("unauthorized_client");
    }

    public static TheoryData<string?, string[], string?, string[]> Asked => new()
    {
        { null, [], "api:read api:write files:read", [DeclaredStates.Api, DeclaredStates.Files] },
        { "api:read", [], "api:read", [DeclaredStates.Api] },
        { "api:write files:read", [], "api:write files:read", [DeclaredStates.Api, DeclaredStates.Files] },
        { null, [DeclaredStates.Api], "api:read api:write", [DeclaredStates.Api] },
        { null, [DeclaredStates.Api + "/"], "api:read api:write", [DeclaredStates.Api] },
        { "api:read files:read", [DeclaredStates.Files], "files:read", [DeclaredStates.Files] },
    };

    [Theory, MemberData(nameof(Asked)), Spec("RFC 8707", "2.2"), Spec("RFC 9068", "3"), Spec("RFC 9068", "2.2.3"), Spec("RFC 6749", "3.3"), Check("A35")]
    public async Task Scope_and_resource_decide_what_it_is_for(string? scope, string[] resources, string? granted, string[] audience)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var answer = (await machine.ClientCredentialsAsync(scope, resources.Select(resource => ("resource", (string?)resource)))).Expect(HttpStatusCode.OK);
        Assert.Equal(granted, answer["scope"]);
        var claims = Jwt.Claims(answer["access_token"]!);
        Assert.Equal(granted, claims.GetProperty("scope").GetString());
        var aud = claims.GetProperty("aud");
        Assert.Equal(audience, audience.Length == 1 ? [aud.GetString()!] : aud.EnumerateArray().Select(one => one.GetString()!));
    }

    public static TheoryData<string?, string?, string> Refused => new()
    {
        { "openid", null, "invalid_scope" },
        { "api:read openid", null, "invalid_scope" },
        { "unknown", null, "invalid_scope" },
        { "api:read unknown", null, "invalid_scope" },
        { "API:READ", null, "invalid_scope" },
        { "api:read\"", null, "invalid_scope" },
        { "api:\u00e9", null, "invalid_scope" },
        { "api:read", DeclaredStates.Files, "invalid_scope" },
        { null, "https://unknown.example.com", "invalid_target" },
        { null, DeclaredStates.Api + "#x", "invalid_target" },
        { null, DeclaredStates.Api + "/other", "invalid_target" },
        { null, "api.example.com", "invalid_target" },
    };

    [Theory, MemberData(nameof(Refused)), Spec("RFC 6749", "3.3"), Spec("RFC 6749", "5.2"), Spec("RFC 8707", "2"), Spec("RFC 8707", "2.2"), Check("A35")]
    public async Task What_it_may_not_have_is_refused(string? scope, string? resource, string error)
    {
        using var machine = server.Client(DeclaredStates.Machine);
        TokenEndpointTests.AssertErrorForm((await machine.ClientCredentialsAsync(scope, ("resource", resource))).ExpectError(error));
    }

    [Fact, Spec("RFC 9068", "2.1")]
    public async Task A_resource_says_how_its_tokens_are_signed_and_how_long_they_live()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        var files = (await machine.ClientCredentialsAsync("files:read")).Expect(HttpStatusCode.OK);
        await Jwt.VerifyAsync(files["access_token"]!, server.Issuer, DeclaredStates.Files, "at+jwt", "ES256");
        Assert.Equal("300", files["expires_in"]);
        // Resources that disagree get what everybody can verify, and the shorter life.
        var both = (await machine.ClientCredentialsAsync("files:read api:read")).Expect(HttpStatusCode.OK);
        Assert.Equal(("RS256", "300"), (Jwt.Header(both["access_token"]!).GetProperty("alg").GetString(), both["expires_in"]));
    }
}
