using System.Net;
using System.Text.Json.Nodes;
using AngleSharp.Html.Dom;
using Latchkey.Server.Configuration;
using Latchkey.Server.Tests.Logout;
using Latchkey.Server.Tests.Token;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Backchannel;

/// <summary>Clients that ask people by the back channel: one polls, one is pinged.</summary>
public sealed class CibaServer : ClockedServer
{
    public const string Grant = "urn:openid:params:grant-type:ciba";

    public static readonly TestClient Till = new("till", "till-secret-0123456789abcdefghij", TestClient.Basic, null);
    public static readonly TestClient Other = new("other-till", "other-till-secret-0123456789abcd", TestClient.Basic, null);
    public static readonly TestClient Pinged = new("pinged", "pinged-secret-0123456789abcdefgh", TestClient.Basic, null);

    /// <summary>It signs what it asks.</summary>
    public static readonly TestClient Signing = new("signing-till", "signing-till-secret-0123456789ab", TestClient.Basic, null) { Key = TestKey.Shared };

    public LogoutReceiver Receiver { get; } = LogoutReceiver.StartAsync().GetAwaiter().GetResult();

    protected override JsonObject State()
    {
        var state = DeclaredStates.Standard();
        foreach (var client in (TestClient[])[Till, Other, Pinged, Signing])
        {
            state.Add(client, declared =>
            {
                declared["client_name"] = "The till of " + client.Id;
                declared["grant_types"] = new JsonArray(Grant, "refresh_token");
                declared["backchannel_token_delivery_mode"] = client == Pinged ? "ping" : "poll";
                if (client == Signing)
                {
                    declared["backchannel_authentication_request_signing_alg"] = "ES256";
                    declared["jwks"] = new JsonObject { ["keys"] = new JsonArray(TestKey.Shared.PublicJwk()) };
                }

                if (client == Pinged) declared["backchannel_client_notification_endpoint"] = Receiver.Url("pinged");
            });
        }

        for (var i = 0; i < 20; i++) state["users"]!.AsArray().Add(new JsonObject { ["username"] = $"person{i}", ["password"] = Password });
        return state;
    }

    public const string Password = "a long passphrase of a person";

    private int _next;

    /// <summary>Somebody whom no other test asks.</summary>
    public Person NewPerson() => new($"person{Interlocked.Increment(ref _next) - 1}", Password);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Receiver.DisposeAsync();
    }
}

/// <summary>OpenID Connect CIBA Core 1.0: asking, deciding, fetching.</summary>
public sealed class CibaTests(CibaServer server) : IClassFixture<CibaServer>
{
    [Fact, Spec("CIBA", "7.3"), Spec("CIBA", "10.1.1"), Spec("CIBA", "11"), Check("fapi-ciba-id1"), Check("fapi-ciba-id1-multiple-call-to-token-endpoint")]
    public async Task A_person_who_is_elsewhere_allows_and_the_client_gets_its_tokens_once()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var asked = (await AskAsync(till, person, ("binding_message", "W4-7Q"))).Expect(HttpStatusCode.OK);
        Assert.Equal(["auth_req_id", "expires_in", "interval"], asked.Json.EnumerateObject().Select(member => member.Name).Order());
        Assert.Equal(("300", "5", "no-store"), (asked["expires_in"], asked["interval"], asked.Header("Cache-Control")));
        Assert.Matches("^lkb_[A-Za-z0-9_-]{43}$", asked["auth_req_id"]);
        var id = asked["auth_req_id"]!;
        (await PollAsync(till, id)).ExpectError("authorization_pending");
        (await PollAsync(till, id)).ExpectError("slow_down");

        var page = await OpenAsync(browser);
        Assert.Contains("The till of till", page.Text, StringComparison.Ordinal);
        Assert.Contains("W4-7Q", page.Text, StringComparison.Ordinal);
        Assert.Contains("Read your data", page.Text, StringComparison.Ordinal);
        var done = await DecideAsync(browser, page, "allow");
        Assert.Contains("You allowed the request", done.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("W4-7Q", done.Text, StringComparison.Ordinal);

        var tokens = (await PollAsync(till, id)).Expect(HttpStatusCode.OK);
        Assert.Equal("openid api:read", tokens["scope"]);
        var claims = await Jwt.VerifyAsync(tokens["id_token"]!, server.Issuer, "till", "JWT", clock: server.Clock);
        Assert.Equal(Jwt.Claims(tokens["access_token"]!).GetProperty("sub").GetString(), claims.GetProperty("sub").GetString());
        // Only push binds the ID token to the request (section 10.3.1).
        Assert.False(claims.TryGetProperty("urn:openid:params:jwt:claim:auth_req_id", out _));
        (await till.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
        (await PollAsync(till, id)).ExpectError("invalid_grant");
    }

    [Fact, Spec("CIBA", "11"), Check("fapi-ciba-id1-user-rejects-authentication")]
    public async Task A_person_who_denies_gives_nothing()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var id = (await AskAsync(till, person)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        var page = await OpenAsync(browser);
        Assert.Contains("You denied the request", (await DecideAsync(browser, page, "deny")).Text, StringComparison.Ordinal);
        (await PollAsync(till, id)).ExpectError("access_denied");
        // What was decided stays decided, whatever an old page says.
        Assert.Contains("The request is over", (await DecideAsync(browser, page, "allow")).Text, StringComparison.Ordinal);
        (await PollAsync(till, id)).ExpectError("access_denied");
    }

    [Fact, Spec("CIBA", "7.3"), Spec("CIBA", "11"), Check("fapi-ciba-id1-auth-req-id-expired")]
    public async Task A_request_ends_when_the_answer_said_and_no_later_than_the_client_asked()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var asked = (await AskAsync(till, person, ("requested_expiry", "30"))).Expect(HttpStatusCode.OK);
        Assert.Equal("30", asked["expires_in"]);
        // The page shows the newest first, which takes that one is newer.
        server.Wait(1);
        Assert.Equal("300", (await AskAsync(till, person, ("requested_expiry", "100000"))).Expect(HttpStatusCode.OK)["expires_in"]);
        var page = await OpenAsync(browser);
        server.Wait(31);
        (await PollAsync(till, asked["auth_req_id"]!)).ExpectError("expired_token");
        var form = FormOf(page, page.Document!.QuerySelectorAll("input[name=backchannel_request]").OfType<IHtmlInputElement>().Last());
        Assert.Contains("The request is over", (await browser.SubmitAsync(page, form, ("decision", "allow"))).Text, StringComparison.Ordinal);
    }

    [Fact, Spec("CIBA", "10.1.1")]
    public async Task Of_50_polls_after_the_yes_one_wins()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var id = (await AskAsync(till, person)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await DecideAsync(browser, await OpenAsync(browser), "allow");
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => PollAsync(till, id)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => answer.ExpectError("invalid_grant"));
    }

    [Fact, Spec("CIBA", "10.1"), Check("fapi-ciba-id1-ensure-wrong-auth-req-id-in-token-endpoint-request"), Check("fapi-ciba-id1-ensure-other-scope-order-succeeds")]
    public async Task A_request_is_its_clients_and_its_persons_alone()
    {
        using var till = server.Client(CibaServer.Till);
        using var other = server.Client(CibaServer.Other);
        using var web = server.Client(DeclaredStates.Web);
        var (person, stranger) = (server.NewPerson(), server.NewPerson());
        using var browser = server.Server.Browser(person);
        using var elsewhere = server.Server.Browser(stranger);
        var id = (await AskAsync(till, person, ("scope", "api:read openid"))).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        var page = await OpenAsync(browser);
        // The stranger's page shows nothing, and the person's request is not theirs to decide.
        var theirs = await OpenAsync(elsewhere);
        Assert.DoesNotContain("The till of", theirs.Text, StringComparison.Ordinal);
        var token = theirs.Document!.QuerySelector("input[name=__token]")!.GetAttribute("value")!;
        var request = page.Document!.QuerySelector("input[name=backchannel_request]")!.GetAttribute("value")!;
        await elsewhere.PostAsync(server.Issuer + "/account", ("__token", token), ("backchannel_request", request), ("decision", "allow"));
        (await PollAsync(till, id)).ExpectError("authorization_pending");
        // Nor does a decision without a page's token count, or a third word.
        await browser.PostAsync(server.Issuer + "/account", ("backchannel_request", request), ("decision", "allow"));
        await DecideAsync(browser, page, "maybe");
        server.Wait(6);
        (await PollAsync(till, id)).ExpectError("authorization_pending");

        await DecideAsync(browser, page, "allow");
        (await PollAsync(other, id)).ExpectError("invalid_grant");
        (await PollAsync(web, id)).ExpectError("unauthorized_client");
        (await PollAsync(till, id + "A")).ExpectError("invalid_grant");
        (await PollAsync(till, null)).ExpectError("invalid_request");
        (await PollAsync(till, id)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("CIBA", "7.1"), Spec("CIBA", "11")]
    public async Task A_closed_account_is_asked_nothing_and_gives_nothing()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var id = (await AskAsync(till, person)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await DecideAsync(browser, await OpenAsync(browser), "allow");
        Assert.Equal(1, await server.ExecuteAsync("UPDATE users SET disabled_at = $1 WHERE username = $2", server.Now, person.Username));
        (await PollAsync(till, id)).ExpectError("access_denied");
        (await AskAsync(till, person)).ExpectError("unknown_user_id");
    }

    [Fact, Spec("CIBA", "11")]
    public async Task What_was_allowed_before_all_of_a_client_was_ended_gives_nothing()
    {
        await using var own = new CibaServer();
        await own.InitializeAsync();
        using var till = own.Client(CibaServer.Till);
        using var browser = own.Server.Browser(DeclaredStates.Bob);
        var id = (await AskAsync(till, DeclaredStates.Bob)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        var page = await browser.SignInAsync(await browser.GetAsync(own.Issuer + "/account"));
        await DecideAsync(browser, page, "allow");
        own.Wait(1);
        await new Latchkey.Server.Admin.ClientAdministration(own.Database, own.Clock, "cli").RevokeGrantsAsync(CibaServer.Till.Id);
        await own.Server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
        (await PollAsync(till, id)).ExpectError("invalid_grant");
    }

    public static TheoryData<string, string?, string> Wrong => new()
    {
        { "scope", null, "invalid_scope" },
        { "scope", "profile api:read", "invalid_scope" },
        { "login_hint", null, "invalid_request" },
        { "login_hint", "nobody", "unknown_user_id" },
        { "id_token_hint", "garbage", "invalid_request" },
        { "login_hint_token", "x", "invalid_request" },
        { "binding_message", "012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901", "invalid_binding_message" },
        { "binding_message", "abc\u202edef", "invalid_binding_message" },
        { "requested_expiry", "0", "invalid_request" },
        { "requested_expiry", "-5", "invalid_request" },
        { "requested_expiry", "soon", "invalid_request" },
        { "request", "eyJhbGciOiJub25lIn0.e30.", "invalid_request" },
        { "resource", "https://unknown.example.com", "invalid_target" },
    };

    [Theory, MemberData(nameof(Wrong)), Spec("CIBA", "7.1"), Spec("CIBA", "7.2"), Spec("CIBA", "13"), Check("fapi-ciba-id1-ensure-authorization-request-with-potentially-bad-binding-message")]
    public async Task What_is_wrong_with_a_request_is_said_and_nothing_is_written(string name, string? value, string error)
    {
        using var till = server.Client(CibaServer.Till);
        var before = await server.FingerprintAsync();
        TokenEndpointTests.AssertErrorForm((await AskAsync(till, DeclaredStates.Bob, (name, value))).ExpectError(error));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    /// <summary>A server that has no user codes passes over them as over any parameter that it does not know; acr_values are a wish, which need not be granted.</summary>
    [Fact, Spec("CIBA", "7.1"), Spec("RFC 6749", "3.2")]
    public async Task What_need_not_be_heeded_is_passed_over()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var longest = new string('m', 100);
        var asked = (await AskAsync(till, person, ("user_code", "1234"), ("acr_values", "urn:example:gold urn:example:silver"), ("binding_message", longest), ("unheard_of", "x"))).Expect(HttpStatusCode.OK);
        var page = await OpenAsync(browser);
        Assert.Contains(longest, page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("1234", page.Text, StringComparison.Ordinal);
        await DecideAsync(browser, page, "allow");
        var claims = await Jwt.VerifyAsync((await PollAsync(till, asked["auth_req_id"])).Expect(HttpStatusCode.OK)["id_token"]!, server.Issuer, "till", "JWT", clock: server.Clock);
        // It never says what is not so.
        Assert.DoesNotContain("urn:example", claims.GetRawText(), StringComparison.Ordinal);
    }

    [Fact, Spec("CIBA", "7.1")]
    public async Task Two_hints_are_one_too_many_even_where_they_agree()
    {
        using var till = server.Client(CibaServer.Till);
        foreach (var (name, value) in ((string, string)[])[("id_token_hint", "x.y.z"), ("login_hint_token", "x.y.z")])
            Assert.Contains("login_hint", (await AskAsync(till, DeclaredStates.Bob, (name, value))).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
        Assert.Contains("login_hint and id_token_hint", (await AskAsync(till, DeclaredStates.Bob, ("login_hint", null))).ExpectError("invalid_request").ErrorDescription, StringComparison.Ordinal);
    }

    [Fact, Spec("CIBA", "7.1"), Spec("CIBA", "13")]
    public async Task Only_clients_that_prove_themselves_and_have_the_grant_may_ask()
    {
        using var web = server.Client(DeclaredStates.Web);
        using var spa = server.Client(DeclaredStates.Spa);
        using var liar = server.Client(CibaServer.Till with { Secret = "another-secret-0123456789" });
        (await AskAsync(web, DeclaredStates.Bob)).ExpectError("unauthorized_client");
        (await AskAsync(spa, DeclaredStates.Bob)).ExpectError("unauthorized_client");
        (await AskAsync(liar, DeclaredStates.Bob)).ExpectError("invalid_client", HttpStatusCode.Unauthorized);
    }

    [Fact, Spec("CIBA", "7.1")]
    public async Task An_ID_token_names_the_person_to_the_client_it_was_issued_to()
    {
        using var till = server.Client(CibaServer.Till);
        using var other = server.Client(CibaServer.Other);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var id = (await AskAsync(till, person)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await DecideAsync(browser, await OpenAsync(browser), "allow");
        var idToken = (await PollAsync(till, id)).Expect(HttpStatusCode.OK)["id_token"]!;
        (await AskAsync(till, person, ("login_hint", null), ("id_token_hint", idToken))).Expect(HttpStatusCode.OK);
        Assert.Contains("The till of till", (await OpenAsync(browser)).Text, StringComparison.Ordinal);
        (await AskAsync(other, person, ("login_hint", null), ("id_token_hint", idToken))).ExpectError("invalid_request");
        (await AskAsync(till, person, ("id_token_hint", idToken))).ExpectError("invalid_request");
    }

    [Fact, Spec("CIBA", "14")]
    public async Task Nobody_is_asked_without_end()
    {
        using var till = server.Client(CibaServer.Till);
        var person = server.NewPerson();
        for (var i = 0; i < 5; i++) (await AskAsync(till, person)).Expect(HttpStatusCode.OK);
        (await AskAsync(till, person)).ExpectError("access_denied", HttpStatusCode.Forbidden);
        server.Wait(301);
        (await AskAsync(till, person)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("CIBA", "10.2"), Check("fapi-ciba-id1-ping-backchannel-notification-endpoint-response-has-body")]
    public async Task A_client_that_is_pinged_hears_of_the_decision_and_fetches_its_tokens()
    {
        using var pinged = server.Client(CibaServer.Pinged);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        (await AskAsync(pinged, person)).ExpectError("invalid_request");
        (await AskAsync(pinged, person, ("client_notification_token", "with space"))).ExpectError("invalid_request");
        var id = (await AskAsync(pinged, person, ("client_notification_token", "notify-0123456789abcdef"))).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        // Neither the id nor the token lies in the database as it is.
        Assert.DoesNotContain("notify-0123456789abcdef", await DumpAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(id, await DumpAsync(), StringComparison.Ordinal);

        // The first answer is a redirect, which is not followed; then a refusal that may pass.
        var tries = 0;
        server.Receiver.Answers["pinged"] = context =>
        {
            context.Response.StatusCode = Interlocked.Increment(ref tries) == 1 ? 503 : 204;
            return Task.CompletedTask;
        };
        var before = server.Receiver.For("pinged").Count;
        await DecideAsync(browser, await OpenAsync(browser), "allow");
        await Eventually.HoldsAsync("a second try", () =>
        {
            server.Wait(1);
            return server.Receiver.For("pinged").Count >= before + 2;
        });
        var call = server.Receiver.For("pinged")[before];
        Assert.Equal(("POST", "application/json", $$"""{"auth_req_id":"{{id}}"}"""), (call.Method, call.ContentType, call.Body));
        Assert.Contains("Authorization", call.Headers);
        (await PollAsync(pinged, id)).Expect(HttpStatusCode.OK);
    }

    [Theory, InlineData(401), InlineData(403), InlineData(301), Spec("CIBA", "10.2"), Check("fapi-ciba-id1-ping-backchannel-notification-endpoint-response-401"),
     Check("fapi-ciba-id1-ping-backchannel-notification-endpoint-response-403"), Check("fapi-ciba-id1-ping-backchannel-notification-endpoint-return-redirect-request"),
     Check("fapi-ciba-id1-ping-with-mtls-ciba-notification-endpoint-response-401-and-require-server-does-not-retry")]
    public async Task A_ping_that_is_refused_is_not_sent_again_and_the_tokens_can_be_fetched_all_the_same(int status)
    {
        using var pinged = server.Client(CibaServer.Pinged);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        server.Receiver.Answers["pinged"] = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = server.Receiver.Url("elsewhere");
            return Task.CompletedTask;
        };
        var id = (await AskAsync(pinged, person, ("client_notification_token", "notify-0123456789abcdef"))).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        await DecideAsync(browser, await OpenAsync(browser), "allow");
        await Eventually.HoldsAsync("the outbox is empty", async () => await server.Database.ReadAsync(Outbox.CountAsync) == 0);
        Assert.Empty(server.Receiver.For("elsewhere"));
        (await PollAsync(pinged, id)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("CIBA", "7.1.1")]
    public async Task A_client_that_is_registered_to_sign_asks_once_by_what_it_signed()
    {
        using var till = server.Client(CibaServer.Signing);
        var person = server.NewPerson();
        using var browser = server.Server.Browser(person);
        var signed = Sign(person);
        var id = (await till.PostAsync("/backchannel-authentication", ("request", signed))).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        var page = await OpenAsync(browser);
        Assert.Contains("W4-7Q", page.Text, StringComparison.Ordinal);
        await DecideAsync(browser, page, "allow");
        (await PollAsync(till, id)).Expect(HttpStatusCode.OK);
        (await till.PostAsync("/backchannel-authentication", ("request", signed))).ExpectError("invalid_request");

        // Of many at once one is asked.
        var again = Sign(person);
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => till.PostAsync("/backchannel-authentication", ("request", again))));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
    }

    public static TheoryData<string> WrongSigned =>
    [
        "unsigned", "beside", "alg none", "another alg", "another key", "no iss", "another iss", "no aud", "another aud", "no exp", "expired", "no iat", "iat ahead", "no nbf", "nbf ahead", "old nbf",
        "long life", "no jti", "another client_id", "request inside", "garbage", "another's jti type", "crit", "a key in its header",
    ];

    [Theory, MemberData(nameof(WrongSigned)), Spec("CIBA", "7.1.1"), Spec("FAPI-CIBA", "5.2.2")]
    [Check("fapi-ciba-id1-ensure-request-object-missing-exp-fails"), Check("fapi-ciba-id1-ensure-request-object-missing-iat-fails"), Check("fapi-ciba-id1-ensure-request-object-missing-nbf-fails")]
    [Check("fapi-ciba-id1-ensure-request-object-missing-jti-fails"), Check("fapi-ciba-id1-ensure-request-object-expired-exp-fails"), Check("fapi-ciba-id1-ensure-request-object-bad-aud-fails")]
    [Check("fapi-ciba-id1-ensure-request-object-missing-aud-fails"), Check("fapi-ciba-id1-ensure-request-object-missing-iss-fails"), Check("fapi-ciba-id1-ensure-request-object-exp-is-70-minutes-in-future-fails")]
    [Check("fapi-ciba-id1-ensure-request-object-nbf-is-10-minutes-in-future-fails"), Check("fapi-ciba-id1-ensure-request-object-nbf-is-70-minutes-in-past-fails")]
    [Check("fapi-ciba-id1-ensure-request-object-bad-iss-fails"), Check("fapi-ciba-id1-ensure-request-object-signature-algorithm-is-none-fails"), Check("fapi-ciba-id1-ensure-request-object-signature-algorithm-is-bad-fails")]
    public async Task A_signed_request_that_is_wrong_in_anything_is_refused_and_uses_nothing_up(string how)
    {
        using var till = server.Client(CibaServer.Signing);
        using var stranger = new TestKey(TestKey.Shared.Id);
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var before = await server.FingerprintAsync();
        List<(string, string?)> form = how switch
        {
            "unsigned" => [("scope", "openid"), ("login_hint", "bob")],
            "beside" => [("request", Sign(DeclaredStates.Bob)), ("binding_message", "other")],
            "garbage" => [("request", "garbage")],
            _ => [("request", Sign(DeclaredStates.Bob, claims =>
            {
                switch (how)
                {
                    case "no iss" or "no aud" or "no exp" or "no iat" or "no nbf" or "no jti": claims.Remove(how[3..]); break;
                    case "another iss": claims["iss"] = "till"; break;
                    case "another aud": claims["aud"] = "https://other.example.com"; break;
                    case "expired": claims["exp"] = now - 61; break;
                    case "iat ahead": claims["iat"] = now + 90; break;
                    case "nbf ahead": claims["nbf"] = now + 90; break;
                    case "old nbf": claims["nbf"] = now - 3700; break;
                    case "long life": claims["exp"] = now + 3700; break;
                    case "another client_id": claims["client_id"] = "till"; break;
                    case "request inside": claims["request"] = "x"; break;
                    case "another's jti type": claims["jti"] = 5; break;
                }
            },
            header =>
            {
                if (how == "alg none") header["alg"] = "none";
                if (how == "another alg") header["alg"] = "PS256";
                if (how == "crit") header["crit"] = new JsonArray("exp");
                if (how == "a key in its header") header["jwk"] = stranger.PublicJwk();
            }, how is "another key" or "a key in its header" ? stranger : null))],
        };
        TokenEndpointTests.AssertErrorForm((await till.PostAsync("/backchannel-authentication", form)).ExpectError("invalid_request"));
        Assert.Equal(before, await server.FingerprintAsync());
    }

    private string Sign(Person person, Action<JsonObject>? change = null, Action<JsonObject>? header = null, TestKey? key = null)
    {
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = CibaServer.Signing.Id, ["aud"] = server.Issuer, ["iat"] = now, ["nbf"] = now, ["exp"] = now + 300, ["jti"] = Guid.NewGuid().ToString(),
            ["scope"] = "openid api:read", ["login_hint"] = person.Username, ["binding_message"] = "W4-7Q", ["requested_expiry"] = 120,
        };
        var head = new JsonObject();
        change?.Invoke(claims);
        header?.Invoke(head);
        return (key ?? TestKey.Shared).Sign(head, claims);
    }

    [Fact, Spec("CIBA", "4"), Check("fapi-ciba-id1-discovery-end-point-verification")]
    public async Task Discovery_says_how()
    {
        using var till = server.Client(CibaServer.Till);
        var metadata = (await till.GetAsync("/.well-known/openid-configuration")).Expect(HttpStatusCode.OK);
        Assert.Equal(server.Issuer + "/backchannel-authentication", metadata["backchannel_authentication_endpoint"]);
        Assert.Equal("""["poll","ping"]""", metadata["backchannel_token_delivery_modes_supported"]);
        Assert.Equal("false", metadata["backchannel_user_code_parameter_supported"]);
        Assert.Contains(CibaServer.Grant, metadata["grant_types_supported"], StringComparison.Ordinal);
    }

    private async Task<string> DumpAsync() => string.Join('\n', await server.Database.ReadAsync(sql =>
        sql.ListAsync("SELECT coalesce(notification, '') || hex(id_hash) || coalesce(binding_message, '') FROM backchannel_requests", row => row.Text(0))));

    private async Task<Stop> OpenAsync(PageWalker browser)
    {
        var page = await browser.GetAsync(server.Issuer + "/account");
        return page.Has("password") ? await browser.SignInAsync(page) : page;
    }

    private static Task<Stop> DecideAsync(PageWalker browser, Stop page, string decision) =>
        browser.SubmitAsync(page, FormOf(page, (IHtmlInputElement)page.Document!.QuerySelector("input[name=backchannel_request]")!), ("decision", decision));

    private static IHtmlFormElement FormOf(Stop page, IHtmlInputElement field) => field.Form ?? throw new InvalidOperationException($"There is no form at {page}");

    private static Task<Answer> AskAsync(OAuthClient client, Person person, params (string Name, string? Value)[] changes) => client.PostAsync(
        "/backchannel-authentication",
        ((IEnumerable<(string Name, string? Value)>)[("scope", "openid api:read"), ("login_hint", person.Username)]).Where(field => !changes.Any(change => change.Name == field.Name)).Concat(changes));

    private static Task<Answer> PollAsync(OAuthClient client, string? id) => client.TokenAsync(("grant_type", CibaServer.Grant), ("auth_req_id", id));
}
