using System.Net;
using Latchkey.Server.Tests.Authorize;

namespace Latchkey.Server.Tests.PushedAuthorization;

/// <summary>Clients that must push (RFC 9126 section 6), one by one or all.</summary>
public sealed class RequiredPushTests
{
    [Fact, Spec("RFC 9126", "5"), Spec("RFC 9126", "6"), Check("A11"), Check("fapi2-security-profile-final-ensure-unsigned-authorization-request-without-using-par-fails")]
    public async Task A_client_that_must_push_gets_nothing_otherwise()
    {
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.Web)["require_pushed_authorization_requests"] = true;
        await using var server = await LatchkeyProcess.StartAsync(state);
        using var browser = new PageWalker(server.Issuer);
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var request = web.Request("openid");
        (await browser.GetAsync(request.Url)).ExpectError(request, "invalid_request");
        var pushed = (await web.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)))).Expect(HttpStatusCode.Created);
        var url = $"{server.Issuer}/authorize?client_id=web&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}";
        (await browser.AuthorizeAsync(url)).ExpectCode(request);
        using var spa = new OAuthClient(server.Issuer, DeclaredStates.Spa);
        Assert.NotNull((await browser.AuthorizeAsync(spa.Request("openid").Url)).Answer.Code);
    }

    [Fact, Spec("RFC 9126", "5"), Check("A11")]
    public async Task The_server_can_demand_it_of_all_and_set_the_lifetime()
    {
        var state = DeclaredStates.Standard();
        state["settings"] = new System.Text.Json.Nodes.JsonObject { ["require_pushed_authorization_requests"] = true, ["pushed_request_lifetime"] = 300 };
        await using var server = await LatchkeyProcess.StartAsync(state);
        using var browser = new PageWalker(server.Issuer);
        using var spa = new OAuthClient(server.Issuer, DeclaredStates.Spa);
        Assert.True((await spa.GetAsync("/.well-known/openid-configuration")).Json.GetProperty("require_pushed_authorization_requests").GetBoolean());
        var request = spa.Request("openid");
        (await browser.GetAsync(request.Url)).ExpectError(request, "invalid_request");
        var pushed = (await spa.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)))).Expect(HttpStatusCode.Created);
        Assert.Equal(300, pushed.Json.GetProperty("expires_in").GetInt32());
    }
}
