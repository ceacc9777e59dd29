using Latchkey.Verification.DPoP;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Verification.Tests.DPoP;

public sealed class MemoryReplayStoreTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public async Task What_is_remembered_is_forgotten_after_its_time_and_not_before()
    {
        var store = new MemoryReplayStore(_clock);
        Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "key", "proof", 60));
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(ReplayAnswer.Seen, await AddAsync(store, "key", "proof", 60));
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "key", "proof", 60));
        Assert.Equal(1, store.Count);
    }

    [Fact]
    public async Task A_full_store_says_so_until_something_can_be_forgotten()
    {
        var store = new MemoryReplayStore(_clock, capacity: 10);
        for (var i = 0; i < 10; i++) Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "key", $"{i}", 60));
        Assert.Equal(ReplayAnswer.Full, await AddAsync(store, "key", "new", 60));
        Assert.Equal(ReplayAnswer.Full, await AddAsync(store, "another key", "new", 60));
        Assert.Equal(ReplayAnswer.Seen, await AddAsync(store, "key", "3", 60));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "key", "new", 60));
    }

    [Fact]
    public async Task A_full_store_whose_proofs_have_all_passed_has_room_for_a_key_that_is_new()
    {
        var store = new MemoryReplayStore(_clock, capacity: 10);
        for (var i = 0; i < 10; i++) Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "gone", $"{i}", 60));
        _clock.Advance(TimeSpan.FromSeconds(61));
        for (var i = 0; i < 10; i++) Assert.Equal(ReplayAnswer.Added, await AddAsync(store, $"new {i}", "proof", 60));
        Assert.Equal(ReplayAnswer.Full, await AddAsync(store, "one too many", "proof", 60));
    }

    [Fact]
    public async Task One_key_has_a_share_only()
    {
        var store = new MemoryReplayStore(_clock, capacity: 100, capacityForKey: 5);
        for (var i = 0; i < 5; i++) Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "greedy", $"{i}", 60));
        Assert.Equal(ReplayAnswer.FullForKey, await AddAsync(store, "greedy", "one more", 60));
        Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "modest", "one more", 60));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(ReplayAnswer.Added, await AddAsync(store, "greedy", "one more", 60));
    }

    [Fact]
    public async Task It_does_not_grow_with_what_has_passed()
    {
        var store = new MemoryReplayStore(_clock);
        for (var i = 0; i < 20_000; i++)
        {
            Assert.Equal(ReplayAnswer.Added, await AddAsync(store, $"key {i % 50}", $"{i}", 1));
            _clock.Advance(TimeSpan.FromMilliseconds(10));
        }

        // 100 a second that live for a second each.
        Assert.InRange(store.Count, 1, 400);
    }

    [Fact]
    public async Task Of_many_at_once_with_one_proof_exactly_one_is_added()
    {
        var store = new MemoryReplayStore(TimeProvider.System);
        for (var round = 0; round < 200; round++)
        {
            var until = TimeProvider.System.GetUtcNow().AddMinutes(1);
            var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () => await store.AddAsync("key", $"{round}", until, default))));
            Assert.Single(answers, ReplayAnswer.Added);
            Assert.Equal(15, answers.Count(answer => answer == ReplayAnswer.Seen));
        }

        Assert.Equal(200, store.Count);
    }

    private ValueTask<ReplayAnswer> AddAsync(MemoryReplayStore store, string key, string proof, int seconds) =>
        store.AddAsync(key, proof, _clock.GetUtcNow().AddSeconds(seconds), default);
}
