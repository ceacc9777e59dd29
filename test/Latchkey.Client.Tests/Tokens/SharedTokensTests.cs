using System.Text;
using Latchkey.Client.Tokens;
using Latchkey.Protocol;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Client.Tests.Tokens;

public sealed class SharedTokensTests : IDisposable
{
    private readonly ScriptedProvider _provider = new();
    private readonly SpyCache _cache = new();
    private readonly EphemeralDataProtectionProvider _protection = new();

    public void Dispose() => _provider.Dispose();

    [Fact, Check("C22")]
    public async Task Two_nodes_need_one_token_and_one_renewal()
    {
        var (one, two) = (Node(), Node());
        var first = await one.GetAsync();
        Assert.Equal(first.Value, (await two.GetAsync()).Value);
        Assert.Single(_provider.TokenRequests);

        // An API refuses it; the node that is refused later takes what the other has fetched.
        var renewed = await one.RenewAsync(first);
        Assert.NotEqual(first.Value, renewed.Value);
        Assert.Equal(renewed.Value, (await two.RenewAsync(first)).Value);
        Assert.Equal(2, _provider.TokenRequests.Count);
    }

    [Fact, Check("C19")]
    public async Task With_a_lock_of_all_nodes_a_hundred_of_them_need_one_token()
    {
        var locks = new LocalTokenLock();
        var tokens = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(async () => await Node(locks).GetAsync())));
        Assert.Single(tokens.Select(token => token.Value).Distinct());
        Assert.Single(_provider.TokenRequests);
    }

    [Fact]
    public async Task What_is_kept_is_encrypted_and_its_name_tells_nothing()
    {
        var token = await Node().GetAsync();
        var (name, kept) = Assert.Single(_cache.Entries);
        Assert.DoesNotContain(token.Value, Encoding.Latin1.GetString(kept), StringComparison.Ordinal);
        Assert.DoesNotContain("app", name, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_kept_token_can_not_be_put_in_the_place_of_another()
    {
        // Whoever can write to the cache copies the token for one API over that for another.
        var cache = new PlainCache();
        MachineTokens Fresh() => new(_provider.Client(), _provider.Clock, new SharedTokens(cache, _protection, clock: _provider.Clock));
        await Fresh().GetAsync();
        var (name, kept) = Assert.Single(cache.Entries);
        Assert.Equal("access-1", (await Fresh().GetAsync()).Value);
        await Fresh().For(resource: "https://other.test").GetAsync();
        cache.Entries[cache.Entries.Keys.Single(key => key != name)] = kept;
        Assert.Equal("access-3", (await Fresh().For(resource: "https://other.test").GetAsync()).Value);
    }

    [Fact, Check("C18"), Spec("RFC 9449", "5")]
    public async Task Clients_of_other_providers_and_with_other_keys_share_nothing()
    {
        var cache = new PlainCache();
        MachineTokens Of(Action<LatchkeyClientOptions> change) => new(_provider.Client(change), _provider.Clock, new SharedTokens(cache, _protection, clock: _provider.Clock));
        var first = await Of(_ => { }).GetAsync();
        Assert.NotEqual(first.Value, (await Of(options => options.Issuer = "https://other.test").GetAsync()).Value);
        Assert.NotEqual(first.Value, (await Of(options => options.ClientId = "other").GetAsync()).Value);

        // A token is of no use to a node that lacks its key.
        _provider.Answer = (_, _) => Task.FromResult(_provider.Token(type: "DPoP"));
        using var key = DPoPKey.Generate();
        using var other = DPoPKey.Generate();
        var bound = await Of(options => options.UseDPoP(key)).GetAsync();
        Assert.Equal(other.Thumbprint, (await Of(options => options.UseDPoP(other)).GetAsync()).KeyThumbprint);
        Assert.Equal(bound.Value, (await Of(options => options.UseDPoP(key)).GetAsync()).Value);
        Assert.Equal(5, _provider.TokenRequests.Count);
    }

    [Fact]
    public async Task A_cache_that_is_away_costs_a_request_and_no_call()
    {
        _cache.IsAway = true;
        var node = Node();
        var first = await node.GetAsync();
        Assert.Same(first, await node.GetAsync());
        Assert.Single(_provider.TokenRequests);
    }

    [Fact]
    public async Task A_node_with_another_key_ring_fetches_its_own()
    {
        await Node().GetAsync();
        var stranger = new MachineTokens(_provider.Client(), _provider.Clock, new SharedTokens(Hybrid(), new EphemeralDataProtectionProvider(), clock: _provider.Clock));
        Assert.Equal("access-2", (await stranger.GetAsync()).Value);
    }

    private MachineTokens Node(ITokenLock? locks = null) =>
        new(_provider.Client(), _provider.Clock, new SharedTokens(Hybrid(), _protection, locks, _provider.Clock));

    // Each node has a hybrid cache of its own; the distributed cache behind them is one.
    private HybridCache Hybrid()
    {
        var services = new ServiceCollection();
        services.AddSingleton<IDistributedCache>(_cache);
        services.AddHybridCache();
        return services.BuildServiceProvider().GetRequiredService<HybridCache>();
    }

    private sealed class SpyCache : IDistributedCache
    {
        public System.Collections.Concurrent.ConcurrentDictionary<string, byte[]> Entries { get; } = new(StringComparer.Ordinal);

        public bool IsAway { get; set; }

        public byte[]? Get(string key) => IsAway ? throw new IOException("away") : Entries.GetValueOrDefault(key);

        public Task<byte[]?> GetAsync(string key, CancellationToken token = default) => Task.FromResult(Get(key));

        public void Refresh(string key)
        {
        }

        public Task RefreshAsync(string key, CancellationToken token = default) => Task.CompletedTask;

        public void Remove(string key) => Entries.TryRemove(key, out _);

        public Task RemoveAsync(string key, CancellationToken token = default)
        {
            Remove(key);
            return Task.CompletedTask;
        }

        public void Set(string key, byte[] value, DistributedCacheEntryOptions options)
        {
            if (IsAway) throw new IOException("away");
            Entries[key] = value;
        }

        public Task SetAsync(string key, byte[] value, DistributedCacheEntryOptions options, CancellationToken token = default)
        {
            Set(key, value, options);
            return Task.CompletedTask;
        }
    }

    /// <summary>A hybrid cache that, unlike the platform's, doesn't write the key into the entry.</summary>
    private sealed class PlainCache : HybridCache
    {
        public Dictionary<string, object?> Entries { get; } = new(StringComparer.Ordinal);

        public override ValueTask<T> GetOrCreateAsync<TState, T>(
            string key, TState state, Func<TState, CancellationToken, ValueTask<T>> factory, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default) =>
            new((T)Entries.GetValueOrDefault(key)!);

        public override ValueTask SetAsync<T>(string key, T value, HybridCacheEntryOptions? options = null, IEnumerable<string>? tags = null, CancellationToken cancellationToken = default)
        {
            Entries[key] = value;
            return default;
        }

        public override ValueTask RemoveAsync(string key, CancellationToken cancellationToken = default) => default;

        public override ValueTask RemoveByTagAsync(string tag, CancellationToken cancellationToken = default) => default;
    }
}
