using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Verification.DPoP;

/// <summary>
/// The replay store of one process: bounded, and in constant time per proof. It forgets nothing before its time; when it is full it says so,
/// and the proof is refused. A key of its own has a share only, so that one client can't shut out the others.
/// </summary>
/// <param name="clock">The clock.</param>
/// <param name="capacity">The most proofs at a time, about 100 bytes each. The default bears 4,000 requests a second with proofs that live for two minutes.</param>
/// <param name="capacityForKey">The most proofs of one key at a time.</param>
public sealed class MemoryReplayStore(TimeProvider clock, int capacity = 500_000, int capacityForKey = 100_000) : IReplayStore
{
    private const int Shards = 32;

    /// <summary>How many forgotten proofs one added proof takes along: more than one, so that the store shrinks, and few, so that no request waits.</summary>
    private const int SweptAtOnce = 8;

    private readonly Shard[] _shards = [.. Enumerable.Range(0, Shards).Select(_ => new Shard())];
    private int _count;

    /// <summary>How many proofs are remembered now.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <inheritdoc />
    public ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken)
    {
        var (key, proof) = Digest(keyThumbprint, proofId);
        var (shard, ends) = (_shards[(int)(key % Shards)], until.ToUnixTimeMilliseconds());
        var answer = Add(shard, key, proof, ends);
        // The room is one for all shards: what has passed may lie in one that nobody comes to any more.
        if (answer == ReplayAnswer.Full && SweepAll()) answer = Add(shard, key, proof, ends);
        return ValueTask.FromResult(answer);
    }

    private bool SweepAll()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var swept = false;
        foreach (var shard in _shards)
        {
            lock (shard) swept |= Sweep(shard, now);
        }

        return swept;
    }

    private ReplayAnswer Add(Shard shard, UInt128 key, UInt128 proof, long until)
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        lock (shard)
        {
            Sweep(shard, now);
            if (shard.Proofs.Contains(proof)) return ReplayAnswer.Seen;
            ref var ofKey = ref CollectionsMarshal.GetValueRefOrAddDefault(shard.CountOfKey, key, out _);
            if (ofKey >= capacityForKey) return ReplayAnswer.FullForKey;
            if (Interlocked.Increment(ref _count) > capacity)
            {
                Interlocked.Decrement(ref _count);
                if (ofKey == 0) shard.CountOfKey.Remove(key);
                return ReplayAnswer.Full;
            }

            ofKey++;
            shard.Proofs.Add(proof);
            shard.Ends.Enqueue((key, proof), until);
            return ReplayAnswer.Added;
        }
    }

    private bool Sweep(Shard shard, long now)
    {
        var swept = 0;
        for (; swept < SweptAtOnce && shard.Ends.TryPeek(out var ended, out var until) && until < now; swept++)
        {
            shard.Ends.Dequeue();
            shard.Proofs.Remove(ended.Proof);
            ref var ofKey = ref CollectionsMarshal.GetValueRefOrNullRef(shard.CountOfKey, ended.Key);
            if (--ofKey == 0) shard.CountOfKey.Remove(ended.Key);
            Interlocked.Decrement(ref _count);
        }

        return swept > 0;
    }

    /// <summary>Both as 16 bytes of a hash: what others send takes no more room than that, and picks no shard but by chance.</summary>
    private static (UInt128 Key, UInt128 Proof) Digest(string keyThumbprint, string proofId)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(keyThumbprint), hash);
        var key = BinaryPrimitives.ReadUInt128LittleEndian(hash);
        SHA256.HashData(Encoding.UTF8.GetBytes($"{keyThumbprint}.{proofId}"), hash);
        return (key, BinaryPrimitives.ReadUInt128LittleEndian(hash));
    }

    private sealed class Shard
    {
        public HashSet<UInt128> Proofs { get; } = [];

        public Dictionary<UInt128, int> CountOfKey { get; } = [];

        public PriorityQueue<(UInt128 Key, UInt128 Proof), long> Ends { get; } = new();
    }
}
