using System.Text.Json.Nodes;
using Latchkey.Client.Device;
using Latchkey.Client.Tests.Rogue;

namespace Latchkey.Client.Tests.Device;

/// <summary>The device flow against a provider that answers by a script.</summary>
public sealed class DeviceTests
{
    private static readonly RogueAnswer Pending = RogueAnswer.Error("authorization_pending");

    [Fact, Spec("RFC 8628", "3.5"), Check("C21")]
    public async Task Five_seconds_pass_between_polls_and_five_more_after_each_slow_down()
    {
        await using var script = await Script.StartAsync(Pending, RogueAnswer.Error("slow_down"), Pending, RogueAnswer.Error("slow_down"), Pending);
        await script.FinishAsync();
        Assert.Equal([5, 5, 10, 10, 15, 15], script.Pauses);
        Assert.Equal([DeviceState.Pending, DeviceState.SlowDown, DeviceState.Pending, DeviceState.SlowDown, DeviceState.Pending], script.States);
    }

    [Fact, Spec("RFC 8628", "3.2"), Check("C21")]
    public async Task The_providers_interval_is_kept()
    {
        await using var script = await Script.StartAsync(device => device["interval"] = 2, Pending, RogueAnswer.Error("slow_down"));
        await script.FinishAsync();
        Assert.Equal([2, 2, 7], script.Pauses);
    }

    [Fact, Spec("RFC 8628", "3.5"), Check("C21")]
    public async Task The_pause_doubles_while_the_network_is_down_and_is_forgiven_after()
    {
        var down = new RogueAnswer("<html/>", 502, "text/html");
        await using var script = await Script.StartAsync(down, down, down, down, down, Pending);
        await script.FinishAsync();
        Assert.Equal([5, 10, 20, 40, 60, 60, 5], script.Pauses);
        Assert.Equal(Enumerable.Repeat(DeviceState.Unreachable, 5).Append(DeviceState.Pending), script.States);
    }

    [Fact, Spec("RFC 9110", "10.2.3"), Check("C21")]
    public async Task Retry_After_is_kept()
    {
        await using var script = await Script.StartAsync(RogueAnswer.Error("temporarily_unavailable", status: 429) with { Headers = [("Retry-After", "33")] }, Pending);
        await script.FinishAsync();
        Assert.Equal([5, 33, 5], script.Pauses);
    }

    [Fact, Spec("RFC 8628", "3.5"), Check("C21")]
    public async Task Nothing_is_asked_after_the_codes_have_expired()
    {
        await using var script = await Script.StartAsync(device => device["expires_in"] = 12, Pending, Pending, Pending, Pending);
        var exception = await Assert.ThrowsAsync<OAuthException>(script.FinishAsync);
        Assert.Equal(("expired_token", "LK-CLIENT-DEVICE-EXPIRED"), (exception.Error, exception.Refusal!.Code));
        Assert.Equal([5, 5], script.Pauses);
        await Assert.ThrowsAsync<OAuthException>(() => script.Device.PollAsync());
        Assert.Equal(2, script.Polls);
    }

    [Theory, Spec("RFC 8628", "3.5"), Check("C21")]
    [InlineData("access_denied")]
    [InlineData("expired_token")]
    [InlineData("invalid_grant")]
    public async Task An_answer_that_is_final_ends_the_waiting(string error)
    {
        await using var script = await Script.StartAsync(Pending, RogueAnswer.Error(error));
        var exception = await Refused.ErrorAsync(error, script.FinishAsync);
        Assert.DoesNotContain("device-code-1", exception.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, script.Polls);
    }

    [Fact, Check("C21")]
    public async Task Waiting_can_be_given_up()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var device = await client.StartDeviceAsync();
        using var stop = new CancellationTokenSource();
        var wait = device.WaitAsync(null, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
        Assert.Empty(rogue.To("/token"));
    }

    [Theory, Spec("RFC 8628", "3.2")]
    [InlineData("device_code", null)]
    [InlineData("user_code", null)]
    [InlineData("user_code", "\"AB\\u001b[2JCD\"")]
    [InlineData("verification_uri", null)]
    [InlineData("verification_uri", "\"http://id.example.com/activate\"")]
    [InlineData("verification_uri", "\"javascript:alert(1)\"")]
    [InlineData("verification_uri_complete", "\"file:///etc/passwd\"")]
    [InlineData("expires_in", null)]
    [InlineData("expires_in", "\"600\"")]
    [InlineData("interval", "-1")]
    public async Task An_answer_that_people_can_not_be_shown_is_refused(string member, string? value)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var device = new JsonObject
        {
            ["device_code"] = "device-code-1", ["user_code"] = "WDJB-MJHT", ["verification_uri"] = rogue.Issuer + "/activate", ["expires_in"] = 600,
        };
        device.Remove(member);
        if (value is not null) device[member] = JsonNode.Parse(value);
        rogue.Answers["/device"] = _ => RogueAnswer.Json(device);
        await Refused.ByAsync("LK-CLIENT-DEVICE-MALFORMED", () => client.StartDeviceAsync(), "device-code-1");
    }

    /// <summary>A provider that gives one answer after the other and then tokens, under a clock that jumps over every wait.</summary>
    private sealed class Script : IAsyncDisposable, IProgress<DeviceProgress>
    {
        private readonly RogueProvider _rogue;
        private readonly LatchkeyClient _client;
        private readonly List<DateTimeOffset> _polls;
        private readonly DateTimeOffset _started;

        private Script(RogueProvider rogue, LatchkeyClient client, DeviceAuthorization device, List<DateTimeOffset> polls, DateTimeOffset started) =>
            (_rogue, _client, Device, _polls, _started) = (rogue, client, device, polls, started);

        public DeviceAuthorization Device { get; }

        public int Polls => _polls.Count;

        public List<DeviceState> States { get; } = [];

        public IEnumerable<double> Pauses => _polls.Select((poll, i) => (poll - (i == 0 ? _started : _polls[i - 1])).TotalSeconds);

        public static Task<Script> StartAsync(params RogueAnswer[] answers) => StartAsync(_ => { }, answers);

        public static async Task<Script> StartAsync(Action<JsonObject> change, params RogueAnswer[] answers)
        {
            var rogue = await RogueProvider.StartAsync();
            var answer = new JsonObject
            {
                ["device_code"] = "device-code-1", ["user_code"] = "WDJB-MJHT", ["verification_uri"] = rogue.Issuer + "/activate", ["expires_in"] = 600,
            };
            change(answer);
            rogue.Answers["/device"] = _ => RogueAnswer.Json(answer);
            var clock = new JumpingClock();
            var polls = new List<DateTimeOffset>();
            var left = new Queue<RogueAnswer>(answers);
            rogue.Answers["/token"] = sent =>
            {
                polls.Add(clock.GetUtcNow());
                return sent.Form["device_code"] != "device-code-1" ? RogueAnswer.Error("invalid_request") : left.Count > 0 ? left.Dequeue() : RogueAnswer.Json(rogue.Token);
            };
            var client = rogue.Client(options => options.Scope = "api:read", limits: JumpingClock.Limits, clock: clock);
            return new Script(rogue, client, await client.StartDeviceAsync(), polls, clock.GetUtcNow());
        }

        public async Task FinishAsync() => Assert.Equal(RogueProvider.AccessToken, (await Device.WaitAsync(this)).AccessToken.Value);

        public void Report(DeviceProgress value) => States.Add(value.State);

        public async ValueTask DisposeAsync()
        {
            _client.Dispose();
            await _rogue.DisposeAsync();
        }
    }
}
