namespace Latchkey.Cli.Monitoring;

/// <summary>The figure of one combination of labels.</summary>
internal sealed class Series(Labels labels, int boundaries)
{
    private readonly Lock _gate = new();
    private readonly long[] _buckets = new long[boundaries + 1];
    private double _sum;
    private long _count;

    public Labels Labels { get; } = labels;

    /// <summary>Counts a value in.</summary>
    /// <param name="value">The value.</param>
    /// <param name="bucket">Its bucket.</param>
    public void Add(double value, int bucket = 0)
    {
        lock (_gate)
        {
            _sum += value;
            _count++;
            _buckets[bucket]++;
        }
    }

    /// <summary>Takes a value as it stands now.</summary>
    public void Set(double value)
    {
        lock (_gate) _sum = value;
    }

    /// <summary>Sum, count and buckets, of one moment.</summary>
    public (double Sum, long Count, long[] Buckets) Read()
    {
        lock (_gate) return (_sum, _count, [.. _buckets]);
    }
}

/// <summary>Names and values of up to three labels, which is as many as any of our figures has.</summary>
internal readonly record struct Labels(string? Name1, string? Value1, string? Name2, string? Value2, string? Name3, string? Value3)
{
    /// <summary>Where there are too many combinations to keep apart.</summary>
    public static Labels Overflow { get; } = new("overflow", "true", null, null, null, null);

    public static Labels Of(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var (first, second, third) = (At(tags, 0), At(tags, 1), At(tags, 2));
        return new(first.Key, first.Value, second.Key, second.Value, third.Key, third.Value);
    }

    public IEnumerable<(string Name, string Value)> Pairs()
    {
        if (Name1 is not null) yield return (Name1, Value1!);
        if (Name2 is not null) yield return (Name2, Value2!);
        if (Name3 is not null) yield return (Name3, Value3!);
    }

    private static (string? Key, string? Value) At(ReadOnlySpan<KeyValuePair<string, object?>> tags, int index) =>
        index < tags.Length ? (tags[index].Key, tags[index].Value as string ?? tags[index].Value?.ToString() ?? "") : default;
}
