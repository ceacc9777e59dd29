using System.Collections.Concurrent;
using System.Diagnostics;
using Latchkey.Client.Tests.Rogue;
using Latchkey.Client.Tokens;

namespace Latchkey.Client.Tests.Tokens;

public sealed class UserTokenTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();
    private readonly RecordingStore _store = new();

    public void Dispose() => _provider.Dispose();

    [Fact, Check("C19"), Spec("OAuth 2.1", "4.3")]
    public async Task A_thousand_callers_use_the_refresh_token_once()
    {
        var source = (await SignedInAsync()).For("session");
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        _provider.Answers("\"expires_in\":3600,\"refresh_token\":\"refresh-2\"");
        var all = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => Task.Run(async () => await source.GetAsync())));
        Assert.Single(all.Distinct());
        Assert.Equal("refresh-1", Assert.Single(_provider.TokenRequests)["refresh_token"]);
    }

    [Fact, Check("C19"), Check("C20")]
    public async Task Tokens_for_several_apis_of_one_session_use_each_refresh_token_once()
    {
        var users = await SignedInAsync();
        var number = 1;
        _provider.Answer = async (_, _) =>
        {
            // Time enough for whoever does not wait to come with the same refresh token.
            for (var i = 0; i < 200; i++) await Task.Yield();
            return _provider.Token($"\"expires_in\":3600,\"refresh_token\":\"refresh-{Interlocked.Increment(ref number)}\"");
        };
        var sources = Enumerable.Range(0, 20).Select(i => users.For("session", resource: $"https://api{i}.test")).ToList();
        var tokens = await Task.WhenAll(sources.SelectMany(source => Enumerable.Range(0, 5).Select(_ => Task.Run(async () => await source.GetAsync()))));

        Assert.Equal(20, tokens.Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 20).Select(i => $"refresh-{i}"), _provider.TokenRequests.Select(request => request["refresh_token"]));
        Assert.Equal(_provider.TokenRequests.Select(request => request["resource"]).Order(), Enumerable.Range(0, 20).Select(i => $"https://api{i}.test").Order());
        Assert.Equal("refresh-21", (await _store.ReadAsync("session", default))!.RefreshToken);
    }

    [Fact, Check("C19")]
    public async Task A_caller_that_read_the_store_before_a_renewal_reads_again_and_does_not_renew_once_more()
    {
        var source = (await SignedInAsync()).For("session");
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        _store.Reading = new TaskCompletionSource();
        var late = source.GetAsync().AsTask();
        await Eventually.HoldsAsync("it has read", () => _store.Waiting == 1);
        var reading = _store.Reading;
        _store.Reading = null;
        var first = await source.GetAsync();
        reading.SetResult();
        Assert.Equal(first, await late);
        Assert.Single(_provider.TokenRequests);
    }

    [Fact, Check("C20")]
    public async Task The_new_refresh_token_is_saved_before_the_new_access_token_is_used()
    {
        var call = await RenewAsFarAsTheSaveAsync(await SignedInAsync());
        Assert.False(call.IsCompleted);
        _store.Saving!.SetResult();
        await call;
    }

    [Fact, Check("C20")]
    public async Task A_save_is_not_broken_off_however_long_it_takes()
    {
        var call = await RenewAsFarAsTheSaveAsync(await SignedInAsync());
        // The provider has rotated: without this save the session would be lost.
        _provider.Clock.Advance(TimeSpan.FromMinutes(10));
        _store.Saving!.SetResult();
        await call;
        Assert.Equal("refresh-2", (await _store.ReadAsync("session", default))!.RefreshToken);
    }

    [Fact, Check("C25")]
    public async Task Revoking_waits_for_a_renewal_and_revokes_what_it_brought()
    {
        var users = await SignedInAsync();
        var call = await RenewAsFarAsTheSaveAsync(users);
        var revoking = users.RevokeAsync("session").AsTask();
        _store.Saving!.SetResult();
        await call;
        await revoking;
        // Not saved once more behind the back of whoever signed out.
        Assert.Null(await _store.ReadAsync("session", default));
        Assert.Equal("refresh-2", Assert.Single(_provider.Revocations)["token"]);
    }

    [Fact]
    public async Task Waiting_for_a_lock_that_nobody_gives_back_ends()
    {
        var locks = new StuckLock();
        await SignedInAsync();
        var source = new UserTokens(_provider.Client(), _store, locks, _provider.Clock).For("session");
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        var call = source.GetAsync().AsTask();
        await Eventually.HoldsAsync("it waits for the lock", () => locks.Waiting == 1);
        _provider.Clock.Advance(TimeSpan.FromMinutes(1));
        await Eventually.HoldsAsync("the call has ended", () => call.IsCompleted);
        Assert.True((await Assert.ThrowsAsync<TokenUnavailableException>(() => call)).IsTransient);
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task A_long_session_does_not_collect_dead_tokens()
    {
        var users = await SignedInAsync();
        for (var i = 0; i < 5; i++)
        {
            await users.For("session", resource: $"https://api{i}.test").GetAsync();
            _provider.Clock.Advance(TimeSpan.FromHours(2));
        }

        var kept = (await _store.ReadAsync("session", default))!;
        Assert.Equal("https://api4.test", Assert.Single(kept.AccessTokens).Resource);
        // A provider that gives no new refresh token means that the old one stays.
        Assert.Equal("refresh-1", kept.With("", "", new() { AccessToken = kept.AccessTokens[0].Token }, _provider.Clock.GetUtcNow()).RefreshToken);
    }

    [Fact, Spec("OIDC Core", "12.2"), Check("C20")]
    public async Task An_answer_about_somebody_else_does_not_get_into_the_session()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var users = new UserTokens(client, _store, clock: rogue.Clock);
        var signedIn = await rogue.SignInAsync(client);
        await users.SaveAsync("session", new() { AccessToken = signedIn.AccessToken, IdToken = signedIn.IdToken, RefreshToken = "refresh-1" });
        var before = await _store.ReadAsync("session", default);
        rogue.Clock.Advance(TimeSpan.FromHours(2));
        rogue.Token["id_token"] = rogue.IdToken(null, claims => claims["sub"] = "person-2");
        var exception = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await users.For("session").GetAsync());
        Assert.Equal("LK-CLIENT-REFRESH-MISMATCH", exception.Refusal?.Code);
        Assert.Equal(before, await _store.ReadAsync("session", default));
    }

    [Fact, Check("C20")]
    public async Task A_save_that_fails_fails_the_call()
    {
        var source = (await SignedInAsync()).For("session");
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        _store.Saving = new TaskCompletionSource();
        _store.Saving.SetException(new IOException("the disk is full"));
        Assert.Equal("the disk is full", (await Assert.ThrowsAsync<IOException>(async () => await source.GetAsync())).Message);
    }

    [Fact, Check("C20"), Spec("RFC 6749", "6")]
    public async Task A_refresh_without_a_new_refresh_token_keeps_the_old_one()
    {
        var source = (await SignedInAsync()).For("session");
        for (var i = 0; i < 3; i++)
        {
            _provider.Clock.Advance(TimeSpan.FromHours(2));
            await source.GetAsync();
        }

        Assert.Equal(["refresh-1", "refresh-1", "refresh-1"], _provider.TokenRequests.Select(request => request["refresh_token"]));
    }

    [Fact, Check("C20")]
    public async Task A_grant_that_is_over_drops_the_tokens_and_is_not_asked_for_again()
    {
        var source = (await SignedInAsync()).For("session");
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        _provider.Fails("invalid_grant");
        var over = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await source.GetAsync());
        Assert.Equal(("invalid_grant", true), (over.Error, over.NeedsSignIn));
        Assert.Null(await _store.ReadAsync("session", default));

        for (var i = 0; i < 5; i++)
        {
            var next = await Assert.ThrowsAsync<TokenUnavailableException>(async () => await source.GetAsync());
            Assert.Equal(("login_required", true), (next.Error, next.NeedsSignIn));
        }

        Assert.Single(_provider.TokenRequests);
    }

    [Fact, Check("C20")]
    public async Task Another_node_that_renewed_first_does_not_end_the_session()
    {
        var users = await SignedInAsync();
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        // The other node shares the store but not the lock, and is quicker.
        _provider.Answer = async (_, _) =>
        {
            var session = (await _store.ReadAsync("session", default))!;
            await _store.SaveAsync("session", session with
            {
                RefreshToken = "refresh-of-the-other",
                AccessTokens = [new() { Token = new() { Value = "access-of-the-other", IssuedAt = _provider.Clock.GetUtcNow(), ExpiresAt = _provider.Clock.GetUtcNow().AddHours(1) } }],
            }, default);
            return ScriptedProvider.Json("""{"error":"invalid_grant"}""", System.Net.HttpStatusCode.BadRequest);
        };
        Assert.Equal("access-of-the-other", (await users.For("session").GetAsync()).Value);
        Assert.Equal("refresh-of-the-other", (await _store.ReadAsync("session", default))!.RefreshToken);
    }

    [Fact]
    public async Task Without_a_refresh_token_the_access_token_is_used_to_its_end_and_then_the_person_is_asked()
    {
        var source = (await SignedInAsync(refreshToken: null)).For("session");
        _provider.Clock.Advance(TimeSpan.FromSeconds(3550));
        Assert.Equal("access-0", (await source.GetAsync()).Value);
        _provider.Clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("login_required", (await Assert.ThrowsAsync<TokenUnavailableException>(async () => await source.GetAsync())).Error);
        Assert.Empty(_provider.TokenRequests);
    }

    [Fact]
    public async Task A_provider_that_is_away_while_a_token_is_renewed_early_fails_no_call()
    {
        var source = (await SignedInAsync()).For("session");
        _provider.Clock.Advance(TimeSpan.FromSeconds(3545));
        _provider.Answer = (_, _) => throw new HttpRequestException("away");
        for (var i = 0; i < 20; i++) Assert.Equal("access-0", (await source.GetAsync()).Value);
        // A pause after each failure, or each call would wait for a provider that does not answer.
        Assert.Single(_provider.TokenRequests);
    }

    [Fact, Check("C19")]
    public async Task A_refused_token_is_renewed_once_and_only_if_it_is_still_the_kept_one()
    {
        var source = (await SignedInAsync()).For("session");
        var refused = await source.GetAsync();
        var renewed = await source.RenewAsync(refused);
        Assert.NotEqual(refused.Value, renewed.Value);
        Assert.Equal(renewed, await source.RenewAsync(refused));
        Assert.Single(_provider.TokenRequests);
        Assert.Equal(renewed, await source.RenewAsync(renewed));
        Assert.Single(_provider.TokenRequests);
    }

    [Fact, Check("C18")]
    public async Task Tokens_of_another_provider_or_client_are_not_sent_to_this_one()
    {
        await SignedInAsync();
        var other = new UserTokens(_provider.Client(options => options.ClientId = "other"), _store, clock: _provider.Clock);
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal("login_required", (await Assert.ThrowsAsync<TokenUnavailableException>(async () => await other.For("session").GetAsync())).Error);
        await other.RevokeAsync("session");
        Assert.Empty(_provider.TokenRequests);
        Assert.Empty(_provider.Revocations);
    }

    [Fact, Spec("RFC 9449", "5")]
    public async Task A_token_bound_to_a_key_that_is_gone_is_replaced()
    {
        var store = new MemoryTokenStore();
        _provider.Answer = (_, _) => Task.FromResult(_provider.Token("\"expires_in\":3600", "DPoP"));
        using var before = _provider.Client(options => options.UseDPoP());
        var bound = new AccessToken { Value = "bound", Type = "DPoP", IssuedAt = _provider.Clock.GetUtcNow(), ExpiresAt = _provider.Clock.GetUtcNow().AddHours(1), KeyThumbprint = before.Options.DPoPKey!.Thumbprint };
        await store.SaveAsync("session", SessionTokens.From(before, new() { AccessToken = bound, RefreshToken = "refresh-1" }), default);
        Assert.Equal("bound", (await new UserTokens(before, store, clock: _provider.Clock).For("session").GetAsync()).Value);

        using var after = _provider.Client(options => options.UseDPoP());
        var token = await new UserTokens(after, store, clock: _provider.Clock).For("session").GetAsync();
        Assert.Equal(after.Options.DPoPKey!.Thumbprint, token.KeyThumbprint);
    }

    [Fact, Check("C25"), Spec("RFC 7009", "2.1")]
    public async Task Revoking_forgets_the_tokens_and_tells_the_provider()
    {
        var users = await SignedInAsync();
        await users.RevokeAsync("session");
        Assert.Null(await _store.ReadAsync("session", default));
        Assert.Equal("refresh-1", Assert.Single(_provider.Revocations)["token"]);
        await users.RevokeAsync("session");
        Assert.Single(_provider.Revocations);
    }

    [Fact]
    public void Tokens_survive_a_store_as_json_and_rubbish_is_refused_without_being_shown()
    {
        var tokens = new SessionTokens
        {
            Issuer = ScriptedProvider.Issuer,
            ClientId = "app",
            RefreshToken = "refresh-1",
            IdToken = "e30.e30.e30",
            AccessTokens = [new() { Scope = "a", Resource = "https://api.test", Token = new() { Value = "v", Type = "DPoP", IssuedAt = _provider.Clock.GetUtcNow(), ExpiresAt = _provider.Clock.GetUtcNow().AddMinutes(5), Scope = "a", KeyThumbprint = "t" } }],
        };
        var read = SessionTokens.FromJson(tokens.ToJson());
        Assert.Equal(tokens with { AccessTokens = [] }, read with { AccessTokens = [] });
        Assert.Equal(tokens.AccessTokens, read.AccessTokens);
        foreach (var rubbish in (string[])["", "{}", "[]", "nonsense-secret", """{"issuer":1}""", """{"issuer":"i","client_id":"c","access_tokens":[{"scope":"s","resource":"r","token":{"value":"nonsense-secret"}}]}"""])
        {
            var refused = Assert.Throws<FormatException>(() => SessionTokens.FromJson(System.Text.Encoding.UTF8.GetBytes(rubbish)));
            Assert.DoesNotContain("nonsense", refused.ToString(), StringComparison.Ordinal);
        }
    }

    private async Task<UserTokens> SignedInAsync(string? refreshToken = "refresh-1")
    {
        var users = new UserTokens(_provider.Client(), _store, clock: _provider.Clock);
        var now = _provider.Clock.GetUtcNow();
        await users.SaveAsync("session", new() { AccessToken = new() { Value = "access-0", IssuedAt = now, ExpiresAt = now.AddHours(1) }, RefreshToken = refreshToken });
        return users;
    }

    // The provider has rotated; what it gave is being saved, and stays so until the store's Saving is set.
    private async Task<Task> RenewAsFarAsTheSaveAsync(UserTokens users)
    {
        _provider.Clock.Advance(TimeSpan.FromHours(2));
        _provider.Answers("\"expires_in\":3600,\"refresh_token\":\"refresh-2\"");
        _store.Saving = new TaskCompletionSource();
        var call = users.For("session").GetAsync().AsTask();
        await Eventually.HoldsAsync("the save has begun", () => _store.Saved.Any(tokens => tokens.RefreshToken == "refresh-2"));
        return call;
    }

    private sealed class StuckLock : ITokenLock
    {
        public int Waiting { get; private set; }

        public async ValueTask<IAsyncDisposable> AcquireAsync(string name, CancellationToken cancellationToken)
        {
            Waiting++;
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            throw new UnreachableException();
        }
    }

    private sealed class RecordingStore : ITokenStore
    {
        private readonly MemoryTokenStore _inner = new();

        public ConcurrentQueue<SessionTokens> Saved { get; } = new();

        public TaskCompletionSource? Saving { get; set; }

        /// <summary>Holds an answer back that has already been read.</summary>
        public TaskCompletionSource? Reading { get; set; }

        public int Waiting { get; private set; }

        public async ValueTask<SessionTokens?> ReadAsync(string session, CancellationToken cancellationToken)
        {
            var read = await _inner.ReadAsync(session, cancellationToken);
            if (Reading is not { } reading) return read;
            Waiting++;
            await reading.Task;
            return read;
        }

        public async ValueTask SaveAsync(string session, SessionTokens tokens, CancellationToken cancellationToken)
        {
            Saved.Enqueue(tokens);
            if (Saving is not null) await Saving.Task.WaitAsync(cancellationToken);
            await _inner.SaveAsync(session, tokens, cancellationToken);
        }

        public ValueTask RemoveAsync(string session, CancellationToken cancellationToken) => _inner.RemoveAsync(session, cancellationToken);
    }
}
