using System.Net;
using Latchkey.Server.Login;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Device;

/// <summary>What a device hears when it polls, under a clock that the test turns.</summary>
public sealed class DevicePollingTests(DevicePollingTests.Clocked clocked) : IClassFixture<DevicePollingTests.Clocked>
{
    private static readonly TestClient Device = DeclaredStates.Device;

    private InProcessServer Server => clocked.Server;

    [Fact, Spec("RFC 8628", "3.5"), Check("A42")]
    public async Task Who_polls_too_fast_is_slowed_down_by_five_seconds_each_time()
    {
        using var client = Server.Client(Device);
        var code = (await client.StartAsync("openid")).DeviceCode;
        (await client.PollAsync(code)).ExpectError("authorization_pending");
        (await client.PollAsync(code)).ExpectError("slow_down");
        clocked.Wait(9);
        (await client.PollAsync(code)).ExpectError("slow_down");
        clocked.Wait(15);
        (await client.PollAsync(code)).ExpectError("authorization_pending");
        clocked.Wait(14);
        Assert.Contains("20 seconds", (await client.PollAsync(code)).ExpectError("slow_down").ErrorDescription, StringComparison.Ordinal);
        clocked.Wait(20);
        (await client.PollAsync(code)).ExpectError("authorization_pending");
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task Who_keeps_to_the_interval_is_never_slowed_down()
    {
        using var client = Server.Client(Device);
        var code = (await client.StartAsync("openid")).DeviceCode;
        for (var poll = 0; poll < 5; poll++)
        {
            (await client.PollAsync(code)).ExpectError("authorization_pending");
            clocked.Wait(poll % 2 == 0 ? 5 : 4.6);
        }
    }

    [Fact, Spec("RFC 8628", "3.5"), Spec("RFC 8628", "3.2"), Check("A42")]
    public async Task Codes_end_when_the_answer_said()
    {
        using var client = Server.Client(Device);
        using var alice = Server.Browser();
        var (undecided, approved) = (await client.StartAsync("openid"), await client.StartAsync("openid"));
        var question = await alice.OpenAsync(undecided);
        await alice.DecideAsync(approved);
        clocked.Wait(599);
        (await client.PollAsync(undecided.DeviceCode)).ExpectError("authorization_pending");
        clocked.Wait(1);
        (await client.PollAsync(undecided.DeviceCode)).ExpectError("expired_token");
        (await client.PollAsync(approved.DeviceCode)).ExpectError("expired_token");
        Assert.Contains("That code does not work", (await alice.SubmitAsync(question, ("decision", "allow"))).Text, StringComparison.Ordinal);
        Assert.Contains("That code does not work", (await alice.GetAsync(undecided.Complete)).Text, StringComparison.Ordinal);
        (await client.PollAsync(undecided.DeviceCode)).ExpectError("expired_token");
    }

    [Fact, Spec("RFC 8628", "3.5"), Check("A42")]
    public async Task Of_many_polls_after_the_yes_one_gets_the_tokens()
    {
        using var client = Server.Client(Device);
        using var alice = Server.Browser();
        var started = await client.StartAsync("openid api:read");
        await alice.DecideAsync(started);
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => client.PollAsync(started.DeviceCode)));
        Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer.Status != HttpStatusCode.OK), answer => answer.ExpectError("invalid_grant"));
        (await client.PollAsync(started.DeviceCode)).ExpectError("invalid_grant");

        // A device has one answer: a second poll is no theft, and what it has goes on.
        var tokens = answers.Single(answer => answer.Status == HttpStatusCode.OK);
        (await client.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Theory, Spec("RFC 8628", "3.4"), Spec("RFC 8628", "3.5"), Check("A42")]
    [InlineData(null, "invalid_request")]
    [InlineData("", "invalid_request")]
    [InlineData("lkd_unknown", "invalid_grant")]
    [InlineData("{user code}", "invalid_grant")]
    [InlineData("{one character more}", "invalid_grant")]
    public async Task A_device_code_that_is_none(string? code, string error)
    {
        using var client = Server.Client(Device);
        var started = await client.StartAsync("openid");
        var sent = code switch { "{user code}" => started.UserCode, "{one character more}" => started.DeviceCode + "A", _ => code };
        var answer = await client.TokenAsync(("grant_type", PeopleServer.DeviceCodeGrant), ("device_code", sent));
        Assert.Equal("no-store", answer.ExpectError(error).Header("Cache-Control"));
    }

    [Fact, Spec("RFC 8628", "3.4")]
    public async Task A_device_code_is_its_clients_alone()
    {
        using var client = Server.Client(Device);
        using var other = Server.Client(Clocked.OtherDevice);
        using var web = Server.Client(DeclaredStates.Web);
        using var alice = Server.Browser();
        var started = await client.StartAsync("openid");
        await alice.DecideAsync(started);
        (await other.PollAsync(started.DeviceCode)).ExpectError("invalid_grant");
        (await web.PollAsync(started.DeviceCode)).ExpectError("unauthorized_client");

        // What others tried has used nothing up.
        (await client.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 8628", "3.5"), Spec("RFC 8707", "2.2")]
    public async Task What_is_wrong_with_the_poll_does_not_use_up_the_code()
    {
        using var client = Server.Client(Device);
        using var alice = Server.Browser();
        var started = await client.StartAsync("openid api:read files:read");
        await alice.DecideAsync(started);
        (await client.PollAsync(started.DeviceCode, ("resource", "https://nowhere.example.com"))).ExpectError("invalid_target");
        (await client.PollAsync(started.DeviceCode, ("device_code", started.DeviceCode), ("device_code", started.DeviceCode))).ExpectError("invalid_request");
        var tokens = (await client.PollAsync(started.DeviceCode, ("resource", DeclaredStates.Files))).Expect(HttpStatusCode.OK);
        Assert.Equal(DeclaredStates.Files, Jwt.Claims(tokens["access_token"]!).GetProperty("aud").GetString());
        var refreshed = (await client.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
        Assert.Contains("api:read", refreshed["scope"], StringComparison.Ordinal);
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "2"), Spec("RFC 8628", "5.4")]
    public async Task A_devices_grant_outlives_the_browser_that_allowed_it()
    {
        using var client = Server.Client(Device);
        using var alice = Server.Browser();
        var started = await client.StartAsync("openid");
        await alice.DecideAsync(started);
        var tokens = (await client.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);
        await Logout.LogoutPages.ConfirmAsync(alice, await alice.GetAsync(Server.Issuer + "/logout"));
        Assert.True((await alice.GetAsync(Server.Issuer + "/account")).Has("password"));
        (await client.RefreshAsync(tokens["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact, Spec("RFC 8628", "3.5"), Spec("OIDC Core", "2")]
    public async Task The_id_token_says_when_the_person_signed_in_not_when_the_device_came()
    {
        using var client = Server.Client(Device);
        using var alice = Server.Browser();
        var started = await client.StartAsync("openid");
        var signedIn = Server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var question = await alice.OpenAsync(started);
        clocked.Wait(30);
        await alice.SubmitAsync(question, ("decision", "allow"));
        clocked.Wait(30);
        var claims = Jwt.Claims((await client.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK)["id_token"]!);
        Assert.Equal(signedIn, claims.GetProperty("auth_time").GetInt64());
        Assert.Equal(signedIn + 60, claims.GetProperty("iat").GetInt64());
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task A_person_whose_account_was_closed_has_allowed_nothing()
    {
        using var client = Server.Client(Device);
        using var bob = Server.Browser(DeclaredStates.Bob);
        var started = await client.StartAsync("openid");
        await bob.DecideAsync(started);
        var users = Server.Services.GetRequiredService<UserDirectory>();
        var subject = (await users.FindByUsernameAsync("bob"))!.Subject;
        await users.DisableAsync(subject, new AuditEvent { At = 0, Event = AuditEvents.UserChanged });
        (await client.PollAsync(started.DeviceCode)).ExpectError("access_denied");
        await users.EnableAsync(subject, new AuditEvent { At = 0, Event = AuditEvents.UserChanged });
    }

    /// <summary>The server under the clock.</summary>
    public sealed class Clocked : IAsyncLifetime
    {
        /// <summary>Another public device client.</summary>
        public static readonly TestClient OtherDevice = new("other-device", null, TestClient.None, null);

        private InProcessServer? _server;

        public InProcessServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

        /// <summary>Lets time pass.</summary>
        public void Wait(double seconds) => Server.Clock.Advance(TimeSpan.FromSeconds(seconds));

        public async ValueTask InitializeAsync() => _server = await InProcessServer.StartAsync(DeclaredStates.Standard().Add(OtherDevice, client =>
        {
            client["application_type"] = "native";
            client["grant_types"] = new System.Text.Json.Nodes.JsonArray(PeopleServer.DeviceCodeGrant);
        }));

        public async ValueTask DisposeAsync()
        {
            if (_server is not null) await _server.DisposeAsync();
        }
    }
}
