using System.Net;
using Latchkey.Server.Hosting;
using Latchkey.Server.Tests.Authorize;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.PushedAuthorization;

/// <summary>Pushed authorization requests, RFC 9126: the client pushes, the browser brings a reference, one answer comes of it.</summary>
public sealed class PushedAuthorizationTests(ClockedServer server) : IClassFixture<ClockedServer>
{
    private const string Prefix = "urn:ietf:params:oauth:request_uri:";

    [Fact, Spec("RFC 9126", "2.2"), Spec("RFC 9126", "7.1"), Check("A11"), Check("A41")]
    public async Task The_answer_is_a_reference_that_nobody_can_guess()
    {
        using var web = server.Client(DeclaredStates.Web);
        var answers = new List<Answer>();
        for (var i = 0; i < 3; i++) answers.Add((await PushAsync(web, web.Request("openid"))).Expect(HttpStatusCode.Created));
        Assert.Equal(3, answers.Select(answer => answer["request_uri"]).Distinct().Count());
        var answer = answers[0];
        Assert.StartsWith("application/json", answer.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(["expires_in", "request_uri"], answer.Json.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Matches($"^{Prefix}[A-Za-z0-9_-]{{43}}$", answer["request_uri"]!);
        Assert.Equal(60, answer.Json.GetProperty("expires_in").GetInt32());
    }

    [Fact, Spec("RFC 9126", "4"), Check("fapi2-security-profile-final-happy-flow"), Check("fapi2-security-profile-final-par-without-duplicate-parameters")]
    public async Task A_pushed_request_gets_a_code_for_what_was_pushed()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid profile", ("claims", """{"userinfo":{"email":null}}"""));
        var stop = await server.Alice.AuthorizeAsync(Url(web, await ReferenceAsync(web, request)));
        var code = stop.ExpectCode(request);
        var tokens = (await web.RedeemAsync(request, code)).Expect(HttpStatusCode.OK);
        Assert.Equal("openid profile", tokens["scope"]);
        Assert.Equal(request.Nonce, Jwt.Claims(tokens["id_token"]!).GetProperty("nonce").GetString());
    }

    [Fact, Spec("RFC 9126", "4"), Check("fapi2-security-profile-final-state-only-outside-request-object-not-used")]
    public async Task What_the_browser_adds_does_not_count()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid profile", ("state", null));
        var url = Url(web, await ReferenceAsync(web, request)) + "&state=planted&scope=openid%20api%3Awrite&redirect_uri=https%3A%2F%2Fevil.example.com&response_mode=form_post&prompt=none";
        var stop = await server.Alice.AuthorizeAsync(url);
        Assert.Null(stop.Answer.State);
        Assert.StartsWith(DeclaredStates.Web.RedirectUri!, stop.Url.ToString(), StringComparison.Ordinal);
        var tokens = (await web.RedeemAsync(request, stop.Answer.Code!)).Expect(HttpStatusCode.OK);
        Assert.Equal("openid profile", tokens["scope"]);
    }

    [Fact, Spec("RFC 9126", "7.3"), Check("A41"), Check("fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds")]
    public async Task A_page_can_be_loaded_again_until_there_is_an_answer()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid profile");
        var url = Url(web, await ReferenceAsync(web, request));
        using var browser = server.Server.Browser();
        (await browser.GetAsync(url)).ExpectLogin();
        (await browser.GetAsync(url)).ExpectLogin();
        var first = await browser.GetAsync(url);
        using var other = server.Server.Browser();
        (await other.GetAsync(url)).ExpectLogin();
        (await browser.FinishAsync(first)).ExpectCode(request);
    }

    [Fact, Spec("RFC 9126", "2.2"), Spec("RFC 9126", "7.3"), Check("A41"), Check("fapi2-security-profile-final-par-attempt-reuse-request_uri")]
    public async Task After_the_answer_the_reference_is_good_for_nothing()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid profile");
        var url = Url(web, await ReferenceAsync(web, request));
        using var waiting = server.Server.Browser();
        var page = (await waiting.GetAsync(url)).ExpectLogin();
        (await server.Alice.AuthorizeAsync(url)).ExpectCode(request);
        (await server.Alice.GetAsync(url)).ExpectErrorPage();
        // Nor does it help who was on the way already.
        (await waiting.SignInAsync(page)).ExpectErrorPage();
    }

    [Fact, Spec("RFC 9126", "7.3"), Check("A41")]
    public async Task A_refusal_is_an_answer_too()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid profile", ("prompt", "none"));
        var url = Url(web, await ReferenceAsync(web, request));
        using var nobody = server.Server.Browser();
        (await nobody.GetAsync(url)).ExpectError(request, "login_required");
        (await nobody.GetAsync(url)).ExpectErrorPage();
    }

    [Fact, Spec("RFC 9126", "7.3"), Check("A41")]
    public async Task Of_50_parallel_uses_one_wins()
    {
        using var web = server.Client(DeclaredStates.Web);
        Assert.NotNull((await server.Alice.AuthorizeAsync(web.Request("openid").Url)).Answer.Code);
        var request = web.Request("openid");
        var url = Url(web, await ReferenceAsync(web, request));
        var stops = await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ =>
        {
            using var browser = server.Server.Browser();
            foreach (var (name, value) in server.Alice.Cookies) browser.Cookies[name] = value;
            return await browser.GetAsync(url);
        }));
        Assert.Single(stops, stop => stop.IsAtClient && stop.Answer.Code is not null);
        Assert.All(stops.Where(stop => stop.IsAtClient && stop.Answer.Code is null), stop => Assert.Equal("invalid_request_uri", stop.Answer.Error));
    }

    [Fact, Spec("RFC 9126", "2.2"), Spec("RFC 9126", "4"), Check("A41"), Check("fapi2-security-profile-final-par-attempt-to-use-request_uri-for-different-client")]
    public async Task A_reference_is_its_clients_alone()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var spa = server.Client(DeclaredStates.Spa);
        var reference = await ReferenceAsync(web, web.Request("openid"));
        (await server.Alice.GetAsync(Url(spa, reference))).ExpectErrorPage();
        (await server.Alice.GetAsync($"{server.Issuer}/authorize?request_uri={Uri.EscapeDataString(reference)}")).ExpectErrorPage();
        // The stranger's try cost the client nothing.
        Assert.NotNull((await server.Alice.AuthorizeAsync(Url(web, reference))).Answer.Code);
    }

    [Theory, InlineData("&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ax"), InlineData("&request=eyJhbGciOiJub25lIn0.e30.")]
    [Spec("RFC 9126", "4"), Spec("RFC 9101", "5")]
    public async Task A_reference_comes_alone(string more)
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid");
        var url = Url(web, await ReferenceAsync(web, request));
        (await server.Alice.GetAsync(url + more)).ExpectErrorPage();
        (await server.Alice.AuthorizeAsync(url)).ExpectCode(request);
    }

    [Theory, Spec("RFC 9126", "2.2"), Check("fapi2-security-profile-final-par-attempt-to-use-expired-request_uri")]
    [InlineData(59, true)]
    [InlineData(60, false)]
    public async Task A_reference_ends_when_it_was_said_to(int seconds, bool good)
    {
        using var web = server.Client(DeclaredStates.Web);
        var url = Url(web, await ReferenceAsync(web, web.Request("openid")));
        server.Wait(seconds);
        var stop = await server.Alice.AuthorizeAsync(url);
        if (good) Assert.NotNull(stop.Answer.Code);
        else stop.ExpectErrorPage();
    }

    [Fact, Spec("RFC 9126", "2.2")]
    public async Task A_person_who_came_in_time_may_take_longer_and_what_is_over_is_removed()
    {
        using var web = server.Client(DeclaredStates.Web);
        var request = web.Request("openid");
        using var browser = server.Server.Browser();
        var page = await browser.GetAsync(Url(web, await ReferenceAsync(web, request)));
        await ReferenceAsync(web, web.Request("openid"));
        server.Wait(30 * 60);
        await server.Server.Services.GetRequiredService<Janitor>().SweepAsync(TestContext.Current.CancellationToken);
        (await browser.FinishAsync(page)).ExpectCode(request);
        server.Wait(2 * 60 * 60);
        await server.Server.Services.GetRequiredService<Janitor>().SweepAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, await server.ExecuteAsync("DELETE FROM pushed_requests"));
    }

    [Fact, Spec("RFC 9126", "2.1"), Check("A41"), Check("fapi2-security-profile-final-par-authorization-request-containing-request_uri-form-param")]
    public async Task A_reference_inside_a_pushed_request_is_refused()
    {
        using var web = server.Client(DeclaredStates.Web);
        var reference = await ReferenceAsync(web, web.Request("openid"));
        (await PushAsync(web, web.Request("openid", ("request_uri", reference)))).ExpectError("invalid_request");
        (await web.PostAsync("/par", ("request_uri", reference))).ExpectError("invalid_request");
        (await PushAsync(web, web.Request("openid", ("request_uri", "https://web.example.com/request.jwt")))).ExpectError("invalid_request");
    }

    public static TheoryData<string, (string, string?)[], string> Refusals => new()
    {
        { "no redirect URI with openid", [("redirect_uri", null)], "invalid_request" },
        { "somebody else's redirect URI", [("redirect_uri", "https://evil.example.com/")], "invalid_request" },
        { "no PKCE", [("code_challenge", null), ("code_challenge_method", null)], "invalid_request" },
        { "plain PKCE", [("code_challenge_method", "plain")], "invalid_request" },
        { "implicit", [("response_type", "token")], "unsupported_response_type" },
        { "hybrid", [("response_type", "code id_token")], "unsupported_response_type" },
        { "no response type", [("response_type", null)], "invalid_request" },
        { "unknown scope", [("scope", "nonsense")], "invalid_scope" },
        { "unknown resource", [("resource", "https://nowhere.example.com")], "invalid_target" },
        { "a parameter twice", [("scope", "openid"), ("scope", "openid")], "invalid_request" },
        { "unknown prompt", [("prompt", "dance")], "invalid_request" },
        { "unknown response mode", [("response_mode", "web_message")], "invalid_request" },
        { "malformed claims", [("claims", "{")], "invalid_request" },
    };

    [Theory, MemberData(nameof(Refusals)), Spec("RFC 9126", "2.1"), Spec("RFC 9126", "2.3"), Check("fapi2-security-profile-final-par-ensure-pkce-required"),
     Check("fapi2-security-profile-final-par-plain-pkce-rejected"), Check("fapi2-security-profile-final-ensure-registered-redirect-uri"),
     Check("fapi2-security-profile-final-ensure-redirect-uri-in-authorization-request"), Check("fapi2-security-profile-final-ensure-response-type-token-fails"),
     Check("fapi2-security-profile-final-ensure-response-type-code-idtoken-fails")]
    public async Task What_is_wrong_is_said_at_once_and_nothing_is_written(string what, (string, string?)[] changes, string error)
    {
        using var web = server.Client(DeclaredStates.Web);
        var before = await server.FingerprintAsync();
        var answer = (await PushAsync(web, web.Request("openid", changes))).ExpectError(error);
        Assert.NotEmpty(answer.ErrorDescription!);
        Assert.True(before == await server.FingerprintAsync(), what);
    }

    [Fact, Spec("RFC 9126", "2.1"), Check("A41")]
    public async Task Who_pushes_proves_who_they_are()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var wrong = server.Client(DeclaredStates.Web with { Secret = "wrong-secret-0123456789abcdef" });
        (await PushAsync(wrong, web.Request("openid"))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
        (await PushAsync(web, web.Request("openid", ("client_id", "spa")))).ExpectError("invalid_request");
        using var assertion = server.Client(DeclaredStates.Assertion);
        Assert.NotNull((await PushAsync(assertion, assertion.Request("openid"))).Expect(HttpStatusCode.Created)["request_uri"]);
        using var spa = server.Client(DeclaredStates.Spa);
        Assert.NotNull((await PushAsync(spa, spa.Request("openid"))).Expect(HttpStatusCode.Created)["request_uri"]);
    }

    [Theory, Spec("RFC 9126", "2.1"), Check("fapi2-security-profile-final-par-test-array-as-audience-fails"),
     Check("fapi2-security-profile-final-par-test-par-endpoint-url-as-audience-fails"), Check("fapi2-security-profile-final-par-test-token-endpoint-url-as-audience-fails")]
    [InlineData("/par")]
    [InlineData("/token")]
    public async Task The_audience_of_an_assertion_is_the_issuer(string path)
    {
        using var assertion = server.Client(DeclaredStates.Assertion);
        var wrong = assertion.Assertion(claims => claims["aud"] = server.Issuer + path);
        (await PushAsync(assertion, assertion.Request("openid"), ("client_assertion", wrong))).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("RFC 9126", "2.1")]
    public async Task No_credential_of_the_client_is_kept()
    {
        using var post = server.Client(DeclaredStates.Post);
        using var assertion = server.Client(DeclaredStates.Assertion);
        await ReferenceAsync(post, post.Request("openid"));
        await ReferenceAsync(assertion, assertion.Request("openid"));
        var kept = await server.Database.ReadAsync(sql => sql.ListAsync("SELECT parameters FROM pushed_requests", row => row.Text(0)));
        Assert.True(kept.Count >= 2);
        Assert.DoesNotContain(kept, parameters => parameters.Contains("client_secret", StringComparison.Ordinal) || parameters.Contains("assertion_type", StringComparison.Ordinal)
            || parameters.Contains(DeclaredStates.Post.Secret!, StringComparison.Ordinal));
    }

    [Theory, Spec("RFC 9126", "2.3"), Check("fapi2-security-profile-final-par-attempt-invalid-http-method")]
    [InlineData("GET")]
    [InlineData("PUT")]
    public async Task Only_POST_is_taken(string method)
    {
        using var web = server.Client(DeclaredStates.Web);
        var answer = await web.SendAsync(new HttpRequestMessage(new HttpMethod(method), server.Issuer + "/par"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.Status);
        Assert.StartsWith("application/json", answer.Header("Content-Type"), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9126", "2"), Spec("RFC 9126", "5"), Check("A11"), Check("fapi2-security-profile-final-discovery-end-point-verification")]
    public async Task The_metadata_names_the_endpoint()
    {
        using var web = server.Client(DeclaredStates.Web);
        var metadata = (await web.GetAsync("/.well-known/openid-configuration")).Json;
        Assert.Equal(server.Issuer + "/par", metadata.GetProperty("pushed_authorization_request_endpoint").GetString());
        Assert.False(metadata.GetProperty("require_pushed_authorization_requests").GetBoolean());
        var preflight = await web.SendAsync(new HttpRequestMessage(HttpMethod.Options, server.Issuer + "/par") { Headers = { { "Origin", "https://spa.example.com" }, { "Access-Control-Request-Method", "POST" } } });
        Assert.Equal("*", preflight.Header("Access-Control-Allow-Origin"));
    }

    private static Task<Answer> PushAsync(OAuthClient client, AuthorizationRequest request, params IEnumerable<(string Name, string? Value)> more) =>
        client.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)).Concat(more));

    private static async Task<string> ReferenceAsync(OAuthClient client, AuthorizationRequest request) =>
        (await PushAsync(client, request)).Expect(HttpStatusCode.Created)["request_uri"]!;

    private string Url(OAuthClient client, string reference) => $"{server.Issuer}/authorize?client_id={client.Client.Id}&request_uri={Uri.EscapeDataString(reference)}";
}
