using System.Net;
using Latchkey.Client.Tokens;
using Latchkey.Testing;

namespace Latchkey.Client.Tests.Tokens;

public sealed class MachineTokenTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();

    public void Dispose() => _provider.Dispose();

    [Fact, Check("C19"), Check("C22")]
    public async Task A_thousand_callers_of_an_expired_token_cause_one_request_at_the_real_server()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var counting = new CountingHandler(authority.CreateHandler());
        using var http = new HttpClient(counting);
        using var client = new LatchkeyClient(
            new() { Issuer = authority.Issuer, ClientId = Ready.Machine.ClientId, Credential = ClientCredential.Secret(Ready.Machine.Secret!), Scope = "api:read" },
            http, authority.Clock);
        var tokens = new MachineTokens(client, authority.Clock);
        var first = await tokens.GetAsync();
        authority.Advance(first.ExpiresAt!.Value - authority.Clock.GetUtcNow() + TimeSpan.FromSeconds(1));

        var start = new TaskCompletionSource();
        var callers = Enumerable.Range(0, 1000).Select(_ => Task.Run(async () =>
        {
            await start.Task;
            return await tokens.GetAsync();
        })).ToList();
        start.SetResult();
        var all = await Task.WhenAll(callers);

        Assert.Equal(2, counting.Count("/token"));
        Assert.Single(all.Select(token => token.Value).Distinct());
        Assert.NotEqual(first.Value, all[0].Value);
    }

    [Fact, Check("C22")]
    public async Task Calls_that_follow_each_other_share_a_token()
    {
        var tokens = _provider.Machine();
        var first = await tokens.GetAsync();
        for (var i = 0; i < 100; i++) Assert.Same(first, await tokens.GetAsync());
        Assert.Single(_provider.TokenRequests);
        Assert.Equal("client_credentials", _provider.TokenRequests.Single()["grant_type"]);
    }

    [Theory, Check("C22")]
    [InlineData(1, 0.9)]
    [InlineData(10, 9)]
    [InlineData(60, 54)]
    [InlineData(600, 540)]
    [InlineData(3600, 3540)]
    [InlineData(86400, 86340)]
    public async Task A_token_is_renewed_a_tenth_of_its_life_before_its_end_and_a_minute_at_most(int life, double renewedAt)
    {
        _provider.Answers($"\"expires_in\":{life}");
        var tokens = _provider.Machine();
        var first = await tokens.GetAsync();

        _provider.Clock.Advance(TimeSpan.FromSeconds(renewedAt) - TimeSpan.FromMilliseconds(10));
        for (var i = 0; i < 10; i++) Assert.Same(first, await tokens.GetAsync());
        Assert.Single(_provider.TokenRequests);

        // It is still good, so nobody waits for the next.
        _provider.Clock.Advance(TimeSpan.FromMilliseconds(10));
        Assert.Same(first, await tokens.GetAsync());
        await Eventually.HoldsAsync("the next token is there", async () => await tokens.GetAsync() != first);
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Theory, Check("C22")]
    [InlineData(3600, 3590)]
    [InlineData(60, 59)]
    public async Task A_token_that_ends_while_the_call_travels_is_not_sent(int life, int usedUntil)
    {
        _provider.Answers($"\"expires_in\":{life}");
        var tokens = _provider.Machine();
        await tokens.GetAsync();
        // Nobody asked since it was time to renew, so nothing came in the background.
        _provider.Clock.Advance(TimeSpan.FromSeconds(usedUntil));
        Assert.Equal("access-2", (await tokens.GetAsync()).Value);
    }

    [Fact, Check("C19"), Check("C22")]
    public async Task A_caller_that_looked_before_a_renewal_and_asks_after_it_gets_what_it_brought()
    {
        var clock = new InterruptedClock(_provider.Clock);
        var tokens = new MachineTokens(_provider.Client(), clock);
        await tokens.GetAsync();
        _provider.Clock.Advance(TimeSpan.FromHours(1));
        // The one has seen the old token and looks at the clock; there the other overtakes it, from beginning to end.
        clock.Interrupt(() => Task.Run(async () => await tokens.GetAsync()).GetAwaiter().GetResult());
        Assert.Equal("access-2", (await tokens.GetAsync()).Value);
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Fact, Spec("RFC 6749", "5.1"), Check("C11")]
    public async Task Without_expires_in_a_token_is_kept_for_a_while_and_never_fetched_for_each_call()
    {
        _provider.Answers("");
        var tokens = _provider.Machine();
        var first = await tokens.GetAsync();
        _provider.Clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Same(first, await tokens.GetAsync());
        Assert.Single(_provider.TokenRequests);
        _provider.Clock.Advance(TimeSpan.FromMinutes(2));
        await tokens.GetAsync();
        await Eventually.HoldsAsync("it is renewed", () => _provider.TokenRequests.Count == 2);
    }

    [Fact, Check("C19")]
    public async Task A_caller_that_leaves_does_not_end_the_request_for_the_others()
    {
        var gate = new TaskCompletionSource();
        _provider.Answer = async (_, cancellation) =>
        {
            await gate.Task.WaitAsync(cancellation);
            return _provider.Token();
        };
        var tokens = _provider.Machine();
        using var leaving = new CancellationTokenSource();
        var first = tokens.GetAsync(leaving.Token).AsTask();
        var second = tokens.GetAsync().AsTask();
        await Eventually.HoldsAsync("the request is under way", () => _provider.TokenRequests.Count == 1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        gate.SetResult();
        Assert.StartsWith("access-", (await second).Value, StringComparison.Ordinal);
        Assert.Single(_provider.TokenRequests);
    }

    [Fact]
    public async Task Another_scope_or_resource_is_another_token_and_the_order_of_scopes_is_not()
    {
        var tokens = _provider.Machine();
        var read = await tokens.For("api:read api:write").GetAsync();
        Assert.Same(read, await tokens.For("api:write  api:read").GetAsync());
        Assert.NotEqual(read, await tokens.For("api:read").GetAsync());
        Assert.NotEqual(read, await tokens.For("api:read api:write", "https://other.test").GetAsync());
        Assert.Equal(3, _provider.TokenRequests.Count);
        Assert.Equal("https://other.test", _provider.TokenRequests.Last()["resource"]);
    }

    [Fact]
    public async Task Tokens_for_endlessly_many_scopes_are_not_all_kept()
    {
        _provider.Answers("\"expires_in\":10");
        var tokens = _provider.Machine();
        for (var i = 0; i < 1000; i++) await tokens.For($"scope:{i}").GetAsync();
        _provider.Clock.Advance(TimeSpan.FromMinutes(1));
        tokens.For("one:more");
        Assert.InRange(tokens.Count, 1, 10);
    }

    [Fact]
    public async Task A_refused_client_is_told_by_the_oauth_error_code_and_the_failure_is_not_kept()
    {
        var tokens = _provider.Machine();
        _provider.Fails("invalid_client", HttpStatusCode.Unauthorized);
        var refused = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.GetAsync());
        Assert.Equal(("invalid_client", false), (refused.Error, refused.IsTransient));

        _provider.Answers("\"expires_in\":60");
        await tokens.GetAsync();
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Theory]
    [InlineData("slow_down", 429, 7, 7)]
    [InlineData("temporarily_unavailable", 503, 20, 20)]
    [InlineData("temporarily_unavailable", 503, 0, 1)]
    [InlineData("temporarily_unavailable", 503, 86400, 300)]
    public async Task An_overloaded_provider_is_left_alone_for_as_long_as_it_asks(string error, int status, int asked, int pause)
    {
        var tokens = _provider.Machine();
        _provider.Fails(error, (HttpStatusCode)status, TimeSpan.FromSeconds(asked));
        for (var i = 0; i < 50; i++)
        {
            var failure = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.GetAsync());
            Assert.Equal((error, true, TimeSpan.FromSeconds(asked), "r-1"), (failure.Error, failure.IsTransient, failure.RetryAfter, failure.RequestId));
        }

        Assert.Single(_provider.TokenRequests);
        _provider.Answers("\"expires_in\":60");
        _provider.Clock.Advance(TimeSpan.FromSeconds(pause) - TimeSpan.FromMilliseconds(1));
        await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.GetAsync());
        _provider.Clock.Advance(TimeSpan.FromMilliseconds(1));
        await tokens.GetAsync();
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Fact]
    public async Task A_provider_that_is_away_while_a_token_is_renewed_early_fails_no_call()
    {
        var tokens = _provider.Machine();
        var first = await tokens.GetAsync();
        _provider.Clock.Advance(TimeSpan.FromSeconds(3545));
        _provider.Answer = (_, _) => throw new HttpRequestException("away");
        for (var i = 0; i < 20; i++) Assert.Same(first, await tokens.GetAsync());
        await Eventually.HoldsAsync("it was tried", () => _provider.TokenRequests.Count == 1 + 1);
        await Eventually.HoldsAsync("the failure is known", () => tokens.For().ToString() is not null);
        for (var i = 0; i < 20; i++) Assert.Same(first, await tokens.GetAsync());
        Assert.InRange(_provider.TokenRequests.Count, 2, 3);

        // When it is over it is over.
        _provider.Clock.Advance(TimeSpan.FromSeconds(60));
        var failure = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await tokens.GetAsync());
        Assert.Equal("temporarily_unavailable", failure.Error);
    }

    [Fact, Check("C19")]
    public async Task A_refused_token_is_renewed_once_however_many_calls_it_was_refused()
    {
        var tokens = _provider.Machine();
        var refused = await tokens.GetAsync();
        var renewed = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(async () => await tokens.RenewAsync(refused))));
        Assert.All(renewed, token => Assert.Equal("access-2", token.Value));
        Assert.Equal(2, _provider.TokenRequests.Count);

        // An answer that was long on its way is about a token that is no longer the kept one.
        _provider.Clock.Advance(TimeSpan.FromMinutes(1));
        var kept = await tokens.RenewAsync(refused);
        Assert.Equal("access-2", kept.Value);
        Assert.Equal(2, _provider.TokenRequests.Count);
        // Such an answer is no refusal of the kept token: when that one is refused it is renewed at once.
        Assert.Equal("access-3", (await tokens.RenewAsync(kept)).Value);
    }

    [Fact, Check("C19")]
    public async Task An_api_that_refuses_every_token_does_not_have_one_fetched_for_each_call()
    {
        var tokens = _provider.Machine();
        for (var i = 0; i < 10; i++) await tokens.RenewAsync(await tokens.GetAsync());
        Assert.Equal(2, _provider.TokenRequests.Count);

        // Later it may help again.
        _provider.Clock.Advance(TimeSpan.FromSeconds(30));
        await tokens.RenewAsync(await tokens.GetAsync());
        Assert.Equal(3, _provider.TokenRequests.Count);
    }

    [Fact]
    public async Task Nothing_that_is_printed_shows_a_token()
    {
        var tokens = _provider.Machine();
        var token = await tokens.GetAsync();
        Assert.DoesNotContain(token.Value, $"{tokens} {tokens.For()} {token} {SessionTokens.From(_provider.Client(), new() { AccessToken = token, RefreshToken = "refresh-1" })}", StringComparison.Ordinal);
    }

    /// <summary>A clock at one look of which something else happens first.</summary>
    private sealed class InterruptedClock(TimeProvider clock) : TimeProvider
    {
        private Action? _meanwhile;

        public void Interrupt(Action meanwhile) => _meanwhile = meanwhile;

        public override DateTimeOffset GetUtcNow()
        {
            Interlocked.Exchange(ref _meanwhile, null)?.Invoke();
            return clock.GetUtcNow();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => clock.CreateTimer(callback, state, dueTime, period);
    }

    private sealed class CountingHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _paths = new();

        public int Count(string path) => _paths.Count(seen => seen == path);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            _paths.Enqueue(request.RequestUri!.AbsolutePath);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
