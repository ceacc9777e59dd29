using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Latchkey.Server.Tests.Introspection;

/// <summary>A server one of whose APIs wants its introspection in ES256.</summary>
public sealed class SigningIntrospectionServer : ClockedServer
{
    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.FilesServer)["introspection_signed_response_alg"] = "ES256";
        return state;
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

    [Fact, Spec("RFC 9701", "7")]
    public async Task Discovery_lists_the_algorithms()
    {
        using var machine = server.Client(DeclaredStates.Machine);
        Assert.Contains("RS256", (await machine.GetAsync("/.well-known/oauth-authorization-server"))["introspection_signing_alg_values_supported"], StringComparison.Ordinal);
    }

    private static Task<Answer> IntrospectAsync(OAuthClient client, string token, string accept)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, client.Issuer + "/introspect") { Content = new FormUrlEncodedContent([new("token", token)]) };
        request.Headers.Authorization = OAuthClient.BasicHeader(client.Client.Id, client.Client.Secret!);
        foreach (var one in accept.Split(", ")) request.Headers.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(one));
        return client.SendAsync(request);
    }
}
