using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Testing.Tests;

/// <summary>The authority as programs in other languages use it: over the network, under a clock that runs, with nobody at the pages.</summary>
public sealed class MockTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("form_post")]
    public async Task A_browser_that_comes_goes_back_at_once(string? responseMode)
    {
        await using var authority = await StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        using var answer = await web.Http.GetAsync(web.AuthorizeUrl(responseMode: responseMode));
        string code;
        if (responseMode is null)
        {
            Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
            Assert.StartsWith(Ready.Web.RedirectUri!, answer.Headers.Location!.ToString(), StringComparison.Ordinal);
            code = System.Web.HttpUtility.ParseQueryString(answer.Headers.Location.Query)["code"]!;
        }
        else
        {
            var form = Browsing.PageForm.First(await answer.Content.ReadAsStringAsync())!;
            Assert.Equal(Ready.Web.RedirectUri, form.Action);
            code = form.Fields.Single(field => field.Name == "code").Value;
        }

        Assert.True((await web.RedeemAsync(code)).TryGetProperty("id_token", out _));
    }

    [Fact]
    public async Task A_login_hint_names_another_person_and_prompt_none_works_after_that()
    {
        await using var authority = await StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        using var first = await web.Http.GetAsync(web.AuthorizeUrl() + "&login_hint=bob");
        using var second = await web.Http.GetAsync(web.AuthorizeUrl() + "&login_hint=bob&prompt=none");
        var tokens = await web.RedeemAsync(System.Web.HttpUtility.ParseQueryString(second.Headers.Location!.Query)["code"]!);
        Assert.Equal(Ready.Bob.Subject, Jwt.Claims(tokens.GetProperty("id_token").GetString()!).GetProperty("sub").GetString());
    }

    [Fact]
    public async Task What_is_wrong_with_a_request_is_still_said()
    {
        await using var authority = await StartAsync();
        using var http = authority.CreateClient();
        using var answer = await http.GetAsync("authorize?client_id=nobody&response_type=code");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_device_is_allowed_by_itself()
    {
        await using var authority = await StartAsync();
        using var device = new OAuthProbe(authority, Ready.Device);
        var started = await device.PostAsync("device/code", ("scope", "api:read"));
        await device.TokenAsync(("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", started.GetProperty("device_code").GetString()!));
    }

    [Fact]
    public async Task A_test_steers_it_by_json()
    {
        await using var authority = await StartAsync();
        using var machine = new OAuthProbe(authority, Ready.Machine);
        (string, string)[] form = [("grant_type", "client_credentials"), ("scope", "api:read")];

        await ControlAsync("faults", """{"path":"/token","fault":"error","error":"invalid_client","status":401}""");
        Assert.Equal("invalid_client", await machine.ErrorAsync("token", form));
        var token = (await machine.TokenAsync(form)).GetProperty("access_token").GetString()!;

        var requests = (await machine.Http.GetFromJsonAsync<JsonElement>("_mock/requests")).GetProperty("requests");
        Assert.Equal((2, "invalid_client"), (requests.GetArrayLength(), requests[0].GetProperty("fault").GetString()));
        Assert.DoesNotContain(Ready.Machine.Secret!, requests.GetRawText(), StringComparison.Ordinal);
        await machine.Http.DeleteAsync("_mock/requests");
        Assert.Empty(authority.Requests);

        var minted = (string)(await ControlAsync("token", """{"user":"alice","scope":"api:read","audience":"https://api.test","claims":{"acr":"gold"}}"""))["token"]!;
        Assert.Equal(("user-alice", "gold"), (Jwt.Claims(minted).GetProperty("sub").GetString(), Jwt.Claims(minted).GetProperty("acr").GetString()));
        Assert.Equal("none", Jwt.Header((string)(await ControlAsync("token", """{"fault":"alg_none"}"""))["token"]!).GetProperty("alg").GetString());

        using var api = new OAuthProbe(authority, Ready.ApiServer);
        Assert.True((await api.PostAsync("introspect", ("token", token))).GetProperty("active").GetBoolean());
        await ControlAsync("clock", """{"advance_seconds":1000}""");
        Assert.False((await api.PostAsync("introspect", ("token", token))).GetProperty("active").GetBoolean());

        await ControlAsync("keys/rotate", "");
        await ControlAsync("revoke", "");
        Assert.Contains("large_body", (string?)(await ControlAsync("faults", """{"fault":"nonsense"}""", HttpStatusCode.BadRequest))["error_description"], StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await machine.Http.GetAsync("_mock/nonsense")).StatusCode);

        async Task<JsonObject> ControlAsync(string path, string json, HttpStatusCode status = HttpStatusCode.OK)
        {
            using var content = new StringContent(json);
            using var response = await machine.Http.PostAsync("_mock/" + path, content);
            Assert.Equal(status, response.StatusCode);
            return JsonNode.Parse(await response.Content.ReadAsStringAsync())!.AsObject();
        }
    }

    [Fact]
    public async Task Without_being_asked_for_there_is_no_control()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var http = authority.CreateClient();
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("_mock/requests")).StatusCode);
    }

    private static Task<TestAuthority> StartAsync() =>
        TestAuthority.StartAsync(o => (o.Listen, o.RunClock, o.WithControl, o.ApproveAs) = (Listening.Loopback, true, true, "alice"));
}
