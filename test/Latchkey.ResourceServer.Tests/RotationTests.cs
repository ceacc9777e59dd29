using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

/// <summary>Keys that come and go, providers that are away, and tokens that are remembered.</summary>
public sealed class RotationTests : IAsyncLifetime
{
    private readonly Gate _provider = new();
    private TestAuthority _authority = null!;
    private GuardedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _authority = await TestAuthority.StartAsync();
        _provider.InnerHandler = _authority.CreateHandler();
        _api = await GuardedApi.StartAsync(_authority, provider: _provider);
    }

    [Fact, Spec("RFC 7517", "5"), Check("R15")]
    public async Task The_first_token_of_a_new_key_is_let_in_by_the_same_request_rotation_after_rotation()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        for (var i = 0; i < 5; i++)
        {
            await RotateAsync();
            (await _api.BearerAsync(_authority.Token())).IsAccepted();
        }
    }

    [Fact, Spec("RFC 8725", "3.10"), Check("R15")]
    public async Task Fifty_unknown_key_ids_ask_for_keys_twice_at_most()
    {
        for (var i = 0; i < 50; i++) (await _api.BearerAsync(_authority.Token().Header("kid", "made-up-" + i).ForgedKey())).IsRefused("LK-JWT-KEY-UNKNOWN");
        Assert.InRange(_api.KeyReadings, 1, 2);
    }

    [Fact, Check("R15")]
    public async Task Fifty_at_once_ask_no_more_often_than_one_after_the_other()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => _api.BearerAsync(_authority.Token().Header("kid", "made-up-" + i).ForgedKey())));
        Assert.All(answers, answer => answer.IsRefused("LK-JWT-KEY-UNKNOWN"));
        Assert.InRange(_api.KeyReadings, 1, 2);
    }

    [Theory, Check("R15")]
    [InlineData("none")]
    [InlineData("hmac")]
    [InlineData("issuer")]
    [InlineData("audience")]
    [InlineData("expired")]
    [InlineData("type")]
    [InlineData("id token")]
    public async Task Garbage_never_delays_a_rotation_however_much_of_it_there_is(string kind)
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        for (var i = 0; i < 20; i++)
        {
            var token = _authority.Token().Header("kid", "made-up-" + i);
            Assert.Equal(401, (await _api.BearerAsync(kind switch
            {
                "none" => token.AlgNone(),
                "hmac" => token.HmacWithPublicKey(),
                "issuer" => token.WrongIssuer().ForgedKey(),
                "audience" => token.WrongAudience().ForgedKey(),
                "expired" => token.Expired().ForgedKey(),
                "type" => token.WrongType("JWT").ForgedKey(),
                _ => token.AsIdToken().ForgedKey(),
            })).Status);
        }

        Assert.Equal(1, _api.KeyReadings);
        await RotateAsync();
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact, Check("R15")]
    public async Task A_perfect_forgery_spends_one_asking_and_leaves_one_for_the_rotation()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        _authority.Advance(TimeSpan.FromSeconds(30));
        (await _api.BearerAsync(_authority.Token().UnknownKey())).IsRefused("LK-JWT-KEY-UNKNOWN");
        await RotateAsync();
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact, Check("R15")]
    public async Task A_flood_of_perfect_forgeries_delays_a_rotation_by_the_cooldown_at_most()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        for (var i = 0; i < 50; i++) await _api.BearerAsync(_authority.Token().Header("kid", "made-up-" + i).ForgedKey());
        await RotateAsync();
        _authority.Advance(TimeSpan.FromSeconds(15));
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact, Check("R15")]
    public async Task An_outworn_key_id_that_comes_again_and_again_is_asked_for_ever_less_often()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        for (var i = 0; i < 120; i++)
        {
            await _api.BearerAsync(_authority.Token().Header("kid", "outworn").ForgedKey());
            _authority.Advance(TimeSpan.FromSeconds(5));
        }

        // In ten minutes: at 0, 15, 45, 105, 225 and 465 seconds, and the keys' own renewals.
        Assert.InRange(_api.KeyReadings, 1, 10);
        await RotateAsync();
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact, Check("R16")]
    public async Task A_provider_that_was_never_reached_is_no_fault_of_the_caller()
    {
        _provider.IsShut = true;
        var answer = await _api.BearerAsync(_authority.Token());
        Assert.Equal(503, answer.Status);
        Assert.Empty(answer.Challenges);
        Assert.Contains("LK-PROVIDER-UNREACHABLE", answer.Body, StringComparison.Ordinal);
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Equal(200, (await _api.SendAsync(null, "/public")).Status);
        Assert.Equal(401, (await _api.SendAsync(null, "/any")).Status);

        // Back again: a second later it is tried anew.
        _provider.IsShut = false;
        _authority.Advance(TimeSpan.FromSeconds(1));
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact, Check("R16")]
    public async Task Known_keys_go_on_while_the_provider_is_away_for_a_day_and_no_longer()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        _provider.IsShut = true;
        foreach (var hours in new[] { 2, 20 })
        {
            _authority.Advance(TimeSpan.FromHours(hours));
            (await _api.BearerAsync(_authority.Token())).IsAccepted();
        }

        // No key of theirs, and nobody to ask whether it is new: that is no verdict on the token.
        Assert.Equal(503, (await _api.BearerAsync(_authority.Token().UnknownKey())).Status);
        _authority.Advance(TimeSpan.FromHours(28));
        Assert.Equal(503, (await _api.BearerAsync(_authority.Token())).Status);
    }

    [Fact]
    public async Task Keys_are_renewed_in_the_background_before_they_are_out_of_date()
    {
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        Assert.Equal(1, _api.KeyReadings);
        // Whatever max-age the authority says, the guard reads again within a day, and not while a request waits.
        for (var i = 0; i < 30 && _api.KeyReadings == 1; i++)
        {
            _authority.Advance(TimeSpan.FromHours(1));
            (await _api.BearerAsync(_authority.Token())).IsAccepted();
            await Task.Yield();
        }

        await Eventually.HoldsAsync("the keys were read again", () => _api.KeyReadings > 1);
    }

    [Fact]
    public async Task A_remembered_token_ends_with_its_key()
    {
        var token = _authority.Token().Lifetime(TimeSpan.FromHours(48)).Sign();
        await RememberAsync(_api, token);
        await _authority.ReplaceKeysAsync();
        await _authority.ReplaceKeysAsync();
        // The guard hears of it when it next reads the keys, here because of the new one.
        (await _api.BearerAsync(_authority.Token())).IsAccepted();
        (await _api.BearerAsync(token)).IsRefused("LK-JWT-KEY-UNKNOWN");
    }

    [Fact, Spec("RFC 7009", "3"), Check("R17")]
    public async Task A_remembered_token_ends_when_it_is_revoked()
    {
        var revoked = new HashSet<string>();
        await using var api = await GuardedApi.StartAsync(_authority, options => options.IsRevoked = (claims, _) => new(revoked.Contains(claims.Members.Text("jti")!)));
        var token = _authority.Token().Claim("jti", "the-one").Sign();
        await RememberAsync(api, token);
        revoked.Add("the-one");
        (await api.BearerAsync(token)).IsRefused("LK-RS-REVOKED");
        (await api.BearerAsync(_authority.Token())).IsAccepted();
    }

    [Fact]
    public async Task A_remembered_token_is_the_whole_token_and_not_a_part_of_it()
    {
        var token = _authority.Token().For("alice").Scope("api:read").Sign();
        await RememberAsync(_api, token);
        (await _api.BearerAsync(token[..token.LastIndexOf('.')] + ".AAAA")).IsRefused("LK-JWT-SIGNATURE");
        Assert.Equal(401, (await _api.BearerAsync(token[..^4])).Status);
    }

    [Fact]
    public async Task A_token_is_remembered_when_it_comes_again_and_not_before()
    {
        var told = new ConcurrentQueue<string>();
        await using var api = await GuardedApi.StartAsync(_authority, options =>
        {
            options.Resource = "https://counted.test";
            options.RememberedTokens = 100;
        });
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Name == "latchkey.resource_server.tokens") listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            var named = tags.ToArray().ToDictionary();
            if (named["resource"] is "https://counted.test") told.Enqueue((string)named["result"]!);
        });
        listener.Start();
        var token = _authority.Token().Audience("https://counted.test").Sign();
        for (var i = 0; i < 4; i++) (await api.BearerAsync(token)).IsAccepted();
        Assert.Equal(["accepted", "accepted", "remembered", "remembered"], told);

        // The memory is bounded: whoever has not come for long is a stranger again.
        for (var i = 0; i < 200; i++)
        {
            var other = _authority.Token().Audience("https://counted.test").Sign();
            for (var j = 0; j < 2; j++) (await api.BearerAsync(other)).IsAccepted();
        }

        told.Clear();
        (await api.BearerAsync(token)).IsAccepted();
        Assert.Equal(["accepted"], told);
    }

    [Fact]
    public async Task A_remembered_token_ends_with_its_time()
    {
        var token = _authority.Token().Lifetime(TimeSpan.FromMinutes(5)).Sign();
        await RememberAsync(_api, token);
        _authority.Advance(TimeSpan.FromMinutes(5) + TimeSpan.FromSeconds(31));
        (await _api.BearerAsync(token)).IsRefused("LK-JWT-EXPIRED");
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _authority.DisposeAsync();
    }

    // Once as a stranger, once as one that comes again, once from memory.
    private static async Task RememberAsync(GuardedApi api, string token)
    {
        for (var i = 0; i < 3; i++) (await api.BearerAsync(token)).IsAccepted();
    }

    // Twice, since the next key is published ahead of its time: what signs now is nowhere in what the guard has read.
    private async Task RotateAsync()
    {
        await _authority.RotateKeysAsync();
        await _authority.RotateKeysAsync();
    }

    /// <summary>A provider that can be cut off.</summary>
    private sealed class Gate : DelegatingHandler
    {
        public bool IsShut { get; set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            IsShut ? throw new HttpRequestException(HttpRequestError.ConnectionError) : base.SendAsync(request, cancellationToken);
    }
}
