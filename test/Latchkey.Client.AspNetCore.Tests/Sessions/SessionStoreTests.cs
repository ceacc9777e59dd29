using System.Text;
using Latchkey.Client.AspNetCore.Sessions;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Internal;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Client.AspNetCore.Tests.Sessions;

/// <summary>What every session store does.</summary>
public sealed class SessionStoreTests
{
    private static readonly TimeSpan Idle = TimeSpan.FromHours(1);
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UnixEpoch.AddYears(56));

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_session_is_found_until_it_is_idle_old_or_ended(bool distributed)
    {
        var store = Store(distributed);
        await store.AddAsync(Session("a"), Idle, default);
        Assert.Equal("alice", (await store.FindAsync("a", default))!.Subject);
        Assert.Null(await store.FindAsync("b", default));
        for (var use = 0; use < 7; use++)
        {
            _clock.Advance(TimeSpan.FromMinutes(50));
            Assert.NotNull(await store.FindAsync("a", default));
        }

        _clock.Advance(TimeSpan.FromMinutes(20));
        Assert.Null(await store.FindAsync("a", default));
        await store.AddAsync(Session("c"), Idle, default);
        _clock.Advance(TimeSpan.FromMinutes(61));
        Assert.Null(await store.FindAsync("c", default));
        await store.AddAsync(Session("d"), Idle, default);
        await store.RemoveAsync("d", default);
        Assert.Null(await store.FindAsync("d", default));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task What_has_ended_is_not_brought_back_by_a_renewal_that_was_under_way(bool distributed)
    {
        var store = Store(distributed);
        await store.AddAsync(Session("a"), Idle, default);
        Assert.True(await store.UpdateAsync(Session("a") with { Tokens = "new" }, Idle, default));
        Assert.Equal("new", (await store.FindAsync("a", default))!.Tokens);
        await store.RemoveAsync("a", default);
        Assert.False(await store.UpdateAsync(Session("a"), Idle, default));
        Assert.Null(await store.FindAsync("a", default));
    }

    [Theory, InlineData(true), InlineData(false)]
    [Spec("OIDC Back-Channel Logout", "2.7")]
    public async Task A_logout_token_ends_the_sessions_that_it_names_and_no_others(bool distributed)
    {
        var store = Store(distributed);
        async Task<string> LeftAfter(NamedSessions named)
        {
            string[] keys = ["a1", "a2", "b1", "other-issuer", "other-scheme"];
            await store.AddAsync(Session("a1") with { ProviderSession = "s1" }, Idle, default);
            await store.AddAsync(Session("a2") with { ProviderSession = "s2" }, Idle, default);
            await store.AddAsync(Session("b1") with { Subject = "bob", ProviderSession = "s3" }, Idle, default);
            await store.AddAsync(Session("other-issuer") with { Issuer = "https://other.example", ProviderSession = "s1" }, Idle, default);
            await store.AddAsync(Session("other-scheme") with { Scheme = "other", ProviderSession = "s1" }, Idle, default);
            await store.EndAsync(named with { At = _clock.GetUtcNow() }, default);
            var left = new List<string>();
            foreach (var key in keys)
            {
                if (await store.FindAsync(key, default) is not null) left.Add(key);
            }

            // What comes later is not meant.
            _clock.Advance(TimeSpan.FromSeconds(1));
            return string.Join(' ', left);
        }

        Assert.Equal("a2 b1 other-issuer other-scheme", await LeftAfter(new("app", "https://id.example", null, "s1", default)));
        Assert.Equal("b1 other-issuer other-scheme", await LeftAfter(new("app", "https://id.example", "alice", null, default)));
        Assert.Equal("a1 b1 other-issuer other-scheme", await LeftAfter(new("app", "https://id.example", "alice", "s2", default)));
    }

    [Theory, InlineData(true), InlineData(false)]
    [Spec("OIDC Back-Channel Logout", "2.7")]
    public async Task A_logout_token_that_comes_late_takes_back_nothing(bool distributed)
    {
        var store = Store(distributed);
        var earlier = _clock.GetUtcNow();
        _clock.Advance(TimeSpan.FromMinutes(10));
        await store.AddAsync(Session("a"), Idle, default);
        await store.EndAsync(new("app", "https://id.example", "alice", null, _clock.GetUtcNow()), default);
        await store.EndAsync(new("app", "https://id.example", "alice", null, earlier), default);
        Assert.Null(await store.FindAsync("a", default));
    }

    [Fact]
    public async Task Memory_keeps_so_many_and_lets_the_longest_unused_go()
    {
        var store = new MemorySessionStore(_clock, limit: 100);
        for (var i = 0; i < 100; i++)
        {
            await store.AddAsync(Session("s" + i), Idle, default);
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.NotNull(await store.FindAsync("s0", default));
        await store.AddAsync(Session("one more"), Idle, default);
        Assert.True(store.Count <= 100);
        Assert.NotNull(await store.FindAsync("s0", default));
        Assert.Null(await store.FindAsync("s1", default));
        Assert.NotNull(await store.FindAsync("one more", default));
    }

    [Fact]
    public async Task What_the_cache_gets_is_encrypted_and_bound_to_its_place()
    {
        var cache = Cache();
        var store = new DistributedSessionStore(cache, new EphemeralDataProtectionProvider(), _clock);
        await store.AddAsync(Session("a") with { Tokens = "the-refresh-token" }, Idle, default);
        var bytes = (await cache.GetAsync("latchkey:session:a", default))!;
        Assert.DoesNotContain("the-refresh-token", Encoding.UTF8.GetString(bytes));
        Assert.DoesNotContain("alice", Encoding.UTF8.GetString(bytes));
        // Moved to another's key it is nobody's.
        await cache.SetAsync("latchkey:session:b", bytes, new DistributedCacheEntryOptions());
        Assert.Null(await store.FindAsync("b", default));
        // Of another key ring, or not ours: nobody is signed in, and nothing breaks.
        await cache.SetAsync("latchkey:session:c", [1, 2, 3], new DistributedCacheEntryOptions());
        Assert.Null(await store.FindAsync("c", default));
    }

    [Fact]
    public void A_session_says_nothing_secret_of_itself()
    {
        var session = Session("a") with { Tokens = "the-refresh-token", IdToken = "eyJ" };
        Assert.Equal("Session of alice at https://id.example", session.ToString());
    }

    private ISessionStore Store(bool distributed) =>
        distributed ? new DistributedSessionStore(Cache(), new EphemeralDataProtectionProvider(), _clock) : new MemorySessionStore(_clock);

    private MemoryDistributedCache Cache() => new(Options.Create(new MemoryDistributedCacheOptions { Clock = new Clock(_clock), ExpirationScanFrequency = TimeSpan.Zero }));

    private SignInSession Session(string key) => new()
    {
        Key = key, Scheme = "app", Issuer = "https://id.example", Subject = "alice", CreatedAt = _clock.GetUtcNow(), ExpiresAt = _clock.GetUtcNow().AddHours(6),
    };

    private sealed class Clock(TimeProvider clock) : ISystemClock
    {
        public DateTimeOffset UtcNow => clock.GetUtcNow();
    }
}
