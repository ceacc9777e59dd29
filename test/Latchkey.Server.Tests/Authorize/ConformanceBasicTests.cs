using System.Net;
using System.Text.Json;

namespace Latchkey.Server.Tests.Authorize;

/// <summary>
/// The modules of the OpenID conformance plan "Basic OP" by name, each with its recipe in short; the clients send no PKCE unless the module is about
/// it. <see cref="ConformanceFormPostTests"/> runs the same again with <c>response_mode=form_post</c>.
/// </summary>
[Spec("OIDC Core", "3.1.2")]
public class ConformanceBasicTests(AuthorizeServer server)
{
    private static readonly TestClient Rp = DeclaredStates.WithoutPkce;

    protected virtual string? ResponseMode => null;

    [Fact, Check("oidcc-server")]
    public async Task Oidcc_server()
    {
        var flow = await FlowAsync();
        var claims = await Jwt.VerifyAsync(flow.Tokens["id_token"]!, server.Issuer, Rp.Id, "JWT");
        Assert.Equal(flow.Request.Nonce, claims.GetProperty("nonce").GetString());
        string[] allowed = ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash", "s_hash", "nbf", "jti", "sid", "txn"];
        Assert.All(claims.EnumerateObject(), claim => Assert.Contains(claim.Name, allowed));
        Assert.True(flow.Tokens.Json.GetProperty("expires_in").GetInt32() > 0);
        Assert.True(flow.Code.Length > 40);
        var userInfo = (await flow.Client.UserInfoAsync(flow.Tokens["access_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Equal(claims.GetProperty("sub").GetString(), userInfo["sub"]);
    }

    private async Task<Flow> FlowAsync(PageWalker? browser = null, string scope = "openid", params (string Name, string? Value)[] changes)
    {
        var client = server.Client(Rp);
        var request = Request(client, scope, changes);
        using var own = browser is null ? server.Browser() : null;
        var stop = await (browser ?? own!).AuthorizeAsync(request.Url);
        var code = stop.ExpectCode(request);
        var tokens = (await client.RedeemAsync(request, code, ("code_verifier", null))).Expect(HttpStatusCode.OK);
        return new(client, request, code, tokens);
    }

    private AuthorizationRequest Request(OAuthClient client, string scope = "openid", params (string Name, string? Value)[] changes) =>
        client.Request(scope, [("code_challenge", null), ("code_challenge_method", null), ("response_mode", ResponseMode), .. changes]);

    /// <summary>A request that came to its end.</summary>
    private sealed record Flow(OAuthClient Client, AuthorizationRequest Request, string Code, Answer Tokens)
    {
        public JsonElement IdToken => Jwt.Claims(Tokens["id_token"]!);
    }
}

/// <summary>The plan "Form Post OP": the modules of the plan "Basic OP" with <c>response_mode=form_post</c>.</summary>
[Spec("Form Post Response Mode", "2")]
public sealed class ConformanceFormPostTests(AuthorizeServer server) : ConformanceBasicTests(server)
{
    protected override string ResponseMode => "form_post";
}
