using System.Globalization;

namespace Latchkey.Storage;

/// <summary>Which of several databases has the rows of which bucket: each of the 4096 lies in exactly one.</summary>
public sealed class ShardMap
{
    /// <summary>How many databases there can be.</summary>
    public const int MostShards = 64;

    private readonly byte[] _shards;

    private ShardMap(byte[] shards) => _shards = shards;

    /// <summary>One database that has them all.</summary>
    public static ShardMap Whole { get; } = new(new byte[RowId.Buckets]);

    /// <summary>The database of a bucket, counted from 0.</summary>
    /// <param name="bucket">0 to 4095.</param>
    public int this[int bucket] => _shards[bucket];

    /// <summary>Spreads the buckets over some databases.</summary>
    /// <param name="ranges">
    /// What each has, in order: <c>0-2047</c> or <c>0-1023,3072-4095</c>. Null for all of them: each then has as many as the others.
    /// </param>
    /// <exception cref="FormatException">They don't have each bucket once; the message says which.</exception>
    public static ShardMap Of(IReadOnlyList<string?> ranges)
    {
        if (ranges.Count is < 1 or > MostShards) throw new FormatException($"there are {ranges.Count} databases; there can be {MostShards} at most");
        var shards = new byte[RowId.Buckets];
        if (ranges.All(range => range is null))
        {
            for (var bucket = 0; bucket < shards.Length; bucket++) shards[bucket] = (byte)(bucket * ranges.Count / shards.Length);
            return new(shards);
        }

        Array.Fill(shards, byte.MaxValue);
        for (var shard = 0; shard < ranges.Count; shard++)
        {
            foreach (var range in (ranges[shard] ?? throw new FormatException($"number {shard + 1} does not say its Buckets, but another does; say them for each, or for none")).Split(','))
            {
                var (first, last) = Read(range);
                for (var bucket = first; bucket <= last; bucket++)
                {
                    if (shards[bucket] != byte.MaxValue) throw new FormatException($"bucket {bucket} is given twice, to number {shards[bucket] + 1} and to number {shard + 1}");
                    shards[bucket] = (byte)shard;
                }
            }
        }

        return Array.IndexOf(shards, byte.MaxValue) is >= 0 and var missing ? throw new FormatException($"bucket {missing} is given to none") : new(shards);
    }

    /// <summary>The ranges of each database, as <see cref="Of"/> reads them, separated by spaces.</summary>
    public override string ToString()
    {
        var ranges = new List<string>[_shards.Max() + 1];
        for (var first = 0; first < _shards.Length;)
        {
            var last = first;
            while (last + 1 < _shards.Length && _shards[last + 1] == _shards[first]) last++;
            (ranges[_shards[first]] ??= []).Add(string.Create(CultureInfo.InvariantCulture, $"{first}-{last}"));
            first = last + 1;
        }

        return string.Join(' ', ranges.Select(each => string.Join(',', each ?? [])));
    }

    private static (int First, int Last) Read(string range)
    {
        var dash = range.IndexOf('-', StringComparison.Ordinal);
        return int.TryParse(dash < 0 ? range : range.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && int.TryParse(dash < 0 ? range : range.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var last)
            && first <= last && last < RowId.Buckets
            ? (first, last)
            : throw new FormatException($"Buckets is written 0-2047 or 0-1023,3072-4095, of 0 to {RowId.Buckets - 1}");
    }
}
